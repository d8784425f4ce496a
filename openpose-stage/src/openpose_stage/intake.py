"""What there is to do for one photo: nothing, its final picture alone, or the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpose_stage.fitting import Fit, fitted
from openpose_stage.model_files import OpenposePlan
from openpose_stage.options import OpenposeOptions
from openpose_stage.results import final_comment, found_poses, remove_results, remove_sheets, sheet_files
from pose_contract.errors import DamagedImageError, ImageError
from pose_contract.records import ImagePoses, MadeBy
from stage_kit.pictures.images import (
    Picture,
    decode_image,
    fitting_into_memory,
    read_image_bytes,
    read_jpeg_comment,
    upright_size,
)
from stage_kit.runs.found_records import FoundRecord
from stage_kit.runs.posed_records import Redraw
from stage_kit.runs.record_bounds import require_fits, require_image
from stage_kit.runs.seen import SeenFiles, is_current
from stage_kit.runs.steps import Settled


@dataclass(frozen=True)
class Decoded:
    """A photo that awaits the network: its pixels, its input [1, H, W, 3], and how to map points back."""

    name: str
    sha256: str
    picture: Picture
    network_input: NDArray[np.uint8]
    fit: Fit
    replaces: bytes | None = None
    rows: int = 1

    @property
    def pixels(self) -> int:
        """See `stage_kit.runs.steps.Image`."""
        return self.fit.width * self.fit.height


@dataclass(frozen=True)
class PhotoIntake:
    """Reads photos and their records; `made_by` is what a current record says."""

    options: OpenposeOptions
    plan: OpenposePlan
    made_by: MadeBy
    seen: SeenFiles

    def examine(self, name: str) -> Decoded | Redraw | Settled:
        """See `stage_kit.runs.steps.Steps.examine`."""
        workspace, file = self.options.workspace, self.options.workspace.image_file(name)
        try:
            found = found_poses(workspace, name)
            known = self.seen.known(file)
            if found and known:
                current = self._current(name, found, known)
                if current is not None:
                    return current
            data = read_image_bytes(workspace.path(file), self.options.max_file_mb)
            sha256 = self.seen.sha256(file, data)
            current = self._current(name, found, sha256, data) if found else None
            return current or self._decoded(name, data, sha256, found)
        except DamagedImageError as error:  # whatever else keeps it from being read may pass
            if found is None or not found.edited:
                remove_results(workspace, name)
            return Settled(name, error)
        except ImageError as error:
            return Settled(name, error)

    def _decoded(self, name: str, data: bytes, sha256: str, found: FoundRecord[ImagePoses] | None) -> Decoded:
        picture = decode_image(data)
        if not self.options.explain:
            remove_sheets(self.options.workspace, name)  # of the photo as it was, or of other options
        with fitting_into_memory():
            network_input, fit = fitted(picture, self.plan.height, self.plan.multiple)
        return Decoded(name, sha256, picture, network_input[None], fit, found.data if found else None)

    def _current(
        self, name: str, found: FoundRecord[ImagePoses], sha256: str, data: bytes | None = None
    ) -> Redraw | Settled | None:
        """The skip rule; None sends the photo through the network."""
        workspace, poses, note = self.options.workspace, found.record, found.note
        if found.edited:
            if data is None:
                data = read_image_bytes(workspace.path(workspace.image_file(name)), self.options.max_file_mb)
            require_image(poses, found.file, workspace.image_file(name))
            same = poses.image_sha256 == sha256
            require_fits(found, upright_size(data) if same else None)
            if not same:
                note = f"{name} has changed, its poses, edited by hand, are kept as they are"
        elif (
            self.options.overwrite
            or poses.image_sha256 != sha256
            or poses.image != workspace.image_file(name)
            or not is_current(poses.made_by, self.made_by, map(workspace.path, self.sheets(name).values()))
        ):
            return None
        final = workspace.path(workspace.final_file(name))
        if read_jpeg_comment(final) == final_comment(found.data, self.options.style):
            return Settled(name, people=len(poses.people), note=note)
        return Redraw(name, poses, found.data, note)

    def sheets(self, name: str) -> dict[str, str]:
        """The files of a photo's sheets, where they are asked for."""
        return sheet_files(self.options.workspace, name) if self.options.explain else {}
