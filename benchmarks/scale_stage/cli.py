"""The words of scale-stage and its steps: one person of 16 keypoints in every photo, a record each, no pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import ImageError
from pose_contract.records import Box, ImagePoses, Keypoint, MadeBy, PersonPose
from pose_contract.skeletons import MPII16
from pose_contract.workspace import Workspace
from stage_kit.command.flags import FlagParser, add_run_flags
from stage_kit.command.stage_main import parsed
from stage_kit.export.aggregates import write_tables
from stage_kit.export.asked_tables import AskedTables, add_table_flags, asked_tables
from stage_kit.pictures.images import decode_image, read_image_bytes
from stage_kit.runs.batch_run import BatchRun, RunFacts
from stage_kit.runs.found_records import found_record, sealed_bytes
from stage_kit.runs.listing import list_images
from stage_kit.runs.posed_records import sound_poses
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.stage_run import StageRun
from stage_kit.runs.steps import Listing, Loaded, Outputs, Settled
from stage_kit.runs.table_parts import parts_of
from stage_kit.stages import stage_facts

MADE_BY = MadeBy(stage="scale-stage", results=1, model="none", weights_sha256="00" * 32, options={})
MB = 1


def parser() -> FlagParser:
    """Its flags."""
    result = FlagParser("scale-stage", "A stage for measuring.")
    result.add_argument("--workspace")
    add_table_flags(result.add_argument_group("tables"))
    add_run_flags(result)
    return result


def open_run(words: Sequence[str]) -> StageRun:
    """See `stage_kit.runs.stage_run`."""
    args = parsed(parser(), words)
    workspace, tables = Workspace(Path(args.workspace)), asked_tables(args.tables).in_parts()
    facts = RunFacts(stage_facts("scale_stage"), workspace, {}, "none", "fake", "", workers=1, quiet=True)
    seen = SeenFiles(workspace)
    return BatchRun(facts, ScaleSteps(workspace, seen, tables), seen, parts_of(workspace, tables))


@dataclass(frozen=True)
class Photo:
    """A photo that awaits the network."""

    name: str
    sha256: str
    size_wh: tuple[int, int]
    rows: int = 1
    pixels: int = 256


@dataclass
class ScaleSteps:
    """See `stage_kit.runs.steps.Steps`."""

    workspace: Workspace
    seen: SeenFiles
    tables: AskedTables

    def listing(self) -> Listing:
        """All photos."""
        return Listing(list_images(self.workspace).names)

    def clear_stale(self) -> Sequence[str]:
        """Nothing."""
        return ()

    def examine(self, name: str) -> Photo | Settled:
        """As the real stages do: its record, if the photo is known, else the photo."""
        file = self.workspace.image_file(name)
        found = found_record(self.workspace, self.workspace.poses_file(name), ImagePoses)
        known = self.seen.known(file)
        if found and known and found.record.image_sha256 == known:
            return Settled(name, people=1)
        data = read_image_bytes(self.workspace.path(file), MB)
        sha256 = self.seen.sha256(file, data)
        if found and found.record.image_sha256 == sha256:
            return Settled(name, people=1)
        height, width = decode_image(data).shape[:2]
        return Photo(name, sha256, (width, height))

    def examine_video(self, name: str) -> Settled:
        """There are none."""
        return Settled(name, ImageError("is a video", "none here"))

    def load(self, names: Sequence[str]) -> Loaded:  # noqa: ARG002 - nothing is calibrated
        """Nothing to load."""
        return Loaded("cpu", False, 8, 64)

    def inputs(self, image: Photo) -> NDArray[np.uint8]:
        """The photo's hash, [1, 32]."""
        return np.frombuffer(bytes.fromhex(image.sha256), np.uint8)[None]

    def answers(self, inputs: NDArray[np.uint8]) -> Sequence[NDArray[np.uint8]]:
        """What was asked, [32] each."""
        return list(inputs)

    def outputs(self, image: Photo, answers: Sequence[NDArray[np.uint8]]) -> Outputs:
        """A record."""
        points = answers[0].reshape(16, 2) / 16
        keypoints = tuple(
            Keypoint(name=name, x=float(x), y=float(y), score=0.5)
            for name, (x, y) in zip(MPII16.keypoints, points, strict=True)
        )
        person = PersonPose(index=0, score=0.5, box=Box(x1=0, y1=0, x2=16, y2=16), keypoints=keypoints)
        poses = ImagePoses(
            image=self.workspace.image_file(image.name),
            image_sha256=image.sha256,
            width=image.size_wh[0],
            height=image.size_wh[1],
            skeleton=MPII16.name,
            people=(person,),
            made_by=MADE_BY.model_copy(update={"annot_sha256": hashlib.sha256(image.name.encode()).hexdigest()}),
        )
        return Outputs(image.name, 1, {}, (self.workspace.poses_file(image.name), sealed_bytes(poses)))

    def write_tables(self) -> Sequence[tuple[str, ImageError]]:
        """As hrn-stage does."""
        refused = write_tables(self.workspace, MPII16, partial(sound_poses, self.workspace), self.tables)
        return [] if refused is None else [(self.workspace.output, refused)]
