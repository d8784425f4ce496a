"""What is to be done for one image: nothing, new cuts for a corrected record, or the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import ImageError
from stage_kit.pictures.images import Picture, decode_image, fitting_into_memory, read_image_bytes
from stage_kit.runs.journal import Settled
from pose_contract.records import ImageAnnot, MadeBy
from stage_kit.runs.seen import SeenFiles, is_current
from pose_contract.storage import NumberedFiles, read_kept_record
from pose_contract.workspace import Workspace
from yolo_stage import STAGE
from stage_kit.pictures.letterbox import Letterbox, letterbox
from yolo_stage.people import with_cuts
from yolo_stage.results import name_cuts, remove_results


@dataclass(frozen=True)
class Decoded:
    """An image that awaits the network: its pixels, its network input, and how to map boxes back."""

    name: str
    sha256: str
    picture: Picture
    network_input: NDArray[np.float32]
    mapping: Letterbox


@dataclass(frozen=True)
class Corrected:
    """An image whose corrected record wants other cuts than there are."""

    name: str
    annot: ImageAnnot
    picture: Picture


@dataclass(frozen=True)
class Intake:
    """What it takes to decide about an image and to make the network's input; its methods run in the workers."""

    workspace: Workspace
    made_by: MadeBy
    input_size: int
    cut_scale: float
    overwrite: bool
    seen: SeenFiles
    cuts: NumberedFiles
    say: Callable[[str], None]

    def examine(self, name: str) -> Decoded | Corrected | Settled:
        """Reads one image, unless its record is current."""
        file = self.workspace.image_file(name)
        try:
            annot = read_kept_record(self.workspace.path(self.workspace.annot_file(name)), ImageAnnot)
            if annot and annot.corrected:
                return self._examine_corrected(name, annot)
            known = self.seen.known(file)
            if annot and known and self._is_done(name, annot, known):
                return Settled(name, people=len(annot.people))
            data = read_image_bytes(self.workspace.path(file))
            sha256 = self.seen.sha256(file, data)
            if annot and self._is_done(name, annot, sha256):
                return Settled(name, people=len(annot.people))
            try:
                picture = decode_image(data)
                with fitting_into_memory():
                    network_input, mapping = letterbox(picture, self.input_size)
            except ImageError:
                remove_results(self.workspace, name, self.cuts)
                raise
        except ImageError as error:
            return Settled(name, error)
        return Decoded(name, sha256, picture, network_input, mapping)

    def _examine_corrected(self, name: str, annot: ImageAnnot) -> Corrected | Settled:
        """People and boxes of a corrected record stay as they are; cuts that do not fit the boxes are made anew."""
        workspace, file = self.workspace, self.workspace.image_file(name)
        settled = Settled(name, people=len(annot.people))
        sha256 = self.seen.known(file)
        if sha256 is None:
            sha256 = self.seen.sha256(file, read_image_bytes(workspace.path(file)))
        if sha256 != annot.image_sha256:
            self.say(f"{STAGE}: {name} has changed, its corrected record is kept as it is")
            return settled
        cut_scale = annot.made_by.options.get("cut_scale")
        scale = float(cut_scale) if isinstance(cut_scale, (int, float)) else self.cut_scale
        people = name_cuts(workspace, name, with_cuts(annot, scale))
        files = [person.cut.file for person in people if person.cut] + [workspace.inspect_file(name)]
        if people == annot.people and all(workspace.path(file).is_file() for file in files):
            return settled
        picture = decode_image(read_image_bytes(workspace.path(file)))
        return Corrected(name, annot.model_copy(update={"people": people}), picture)

    def _is_done(self, name: str, annot: ImageAnnot, sha256: str) -> bool:
        if self.overwrite or annot.image_sha256 != sha256:
            return False
        files = [person.cut.file for person in annot.people if person.cut] + [self.workspace.inspect_file(name)]
        return is_current(annot.made_by, self.made_by, map(self.workspace.path, files))
