"""The steps of openpose-stage: each new or changed photo goes whole through the network, and all its people are read
out of the maps at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from openpose_stage import facts
from openpose_stage.asking import made_by, maps_of, reading_of
from openpose_stage.estimate import poses_in
from openpose_stage.explain import explained
from openpose_stage.frame_sheets import remove_stale_sheets
from openpose_stage.intake import Decoded, PhotoIntake
from openpose_stage.maps import Maps
from openpose_stage.model_files import OpenposePlan
from openpose_stage.network import FieldNetwork
from openpose_stage.options import OpenposeOptions
from openpose_stage.results import final_comment, remove_stale
from openpose_stage.times import Times
from openpose_stage.videos import VideoIntake, VideoPosing
from pose_contract.errors import ImageError
from pose_contract.records import ImagePoses, RunReport
from pose_contract.video_records import VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.command.progress import tell
from stage_kit.export.aggregates import write_tables
from stage_kit.pictures.faces import without_faces
from stage_kit.pictures.images import Picture, encode_jpeg, read_image
from stage_kit.pictures.posed_pictures import faces_of, paste_poses
from stage_kit.runs.batch_run import BatchRun
from stage_kit.runs.found_records import sealed_bytes
from stage_kit.runs.listing import image_listing
from stage_kit.runs.posed_records import Redraw, sound_poses
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Listing, Loaded, Outputs, Settled
from stage_kit.runs.table_parts import parts_of
from stage_kit.videos.standing import remove_stale_videos

OpenposeRun = BatchRun[Decoded | Redraw, Maps]


def find_poses(options: OpenposeOptions, plan: OpenposePlan, times: Times | None = None) -> RunReport:
    """Finds the poses in every photo and video of the workspace that has no current record.

    Writes openpose/final/ and, if asked, openpose/maps/, then openpose/poses/ as the done-mark, then the tables.

    Args:
        options: what is asked for.
        plan: the network.
        times: is told what took how long.

    Raises:
        UsageError: images/ is missing or empty; nothing has been touched.
        WorkspaceError: not writable, disk full, or another run is on it.
    """
    return openpose_run(options, plan, times=times).whole()


def openpose_run(
    options: OpenposeOptions, plan: OpenposePlan, shard: str = "", times: Times | None = None
) -> OpenposeRun:
    """The run that `find_poses` does whole; with a `shard`, for a list of names beside other processes."""
    seen = SeenFiles(options.workspace, shard)
    run = options.run_facts(facts(), made_by(options, plan), plan, options.n_cpu)
    parts = parts_of(options.workspace, options.tables)
    return BatchRun(run, OpenposeSteps(options, plan, seen, times or Times()), seen, parts)


class OpenposeSteps:
    """See `stage_kit.runs.steps.Steps`."""

    def __init__(self, options: OpenposeOptions, plan: OpenposePlan, seen: SeenFiles, times: Times) -> None:
        self._options = options
        self._workspace: Workspace = options.workspace
        self._plan = plan
        self._made_by = made_by(options, plan)
        self._reading = reading_of(options, plan)
        self._seen = seen
        self._times = times
        self._intake = PhotoIntake(options, plan, self._made_by, seen)
        self._video_intake = VideoIntake(options, plan, self._reading, self._made_by, seen, times)
        self._network: FieldNetwork | None = None
        self._told = False

    def listing(self) -> Listing:
        """The photos and videos in images/; of two photos that would share outputs the second fails."""
        return image_listing(self._workspace)

    def clear_stale(self) -> Sequence[str]:
        """Removes what belongs to photos and videos that are gone."""
        workspace = self._workspace
        poses = f"{workspace.output}/poses"
        lines = remove_stale(workspace)
        lines += remove_stale_videos(workspace, poses, VideoPoses, (workspace.final,), workspace.image_file)
        remove_stale_sheets(workspace)
        return lines

    def examine(self, name: str) -> Decoded | Redraw | Settled:
        """Reads one photo, unless its record is current."""
        return self._intake.examine(name)

    def examine_video(self, name: str) -> VideoPosing | Settled:
        """Reads the header of a video's record, if there is one."""
        if self._options.explain and not self._options.explain_frames and not self._told:
            self._told = True
            if not self._options.quiet:
                tell("--explain draws photos; of videos, the frames that --explain_frames names, such as 0,50")
        return self._video_intake.examine(name)

    def forget_listings(self) -> None:
        """Nothing: no folder's listing is kept."""

    def load(self, names: Sequence[str]) -> Loaded:  # noqa: ARG002 - nothing is calibrated
        """Loads the network."""
        self._network = network = self._plan.load(tuple)
        asked = self._options.batch_size
        fewest, most = (asked, asked) if asked else network.at_once
        return Loaded(network.device, network.fixed_batch, fewest, most)

    def inputs(self, image: Decoded | Redraw) -> NDArray[np.uint8]:
        """The network's input for a photo."""
        assert isinstance(image, Decoded), "what is only drawn anew has no rows"
        return image.network_input

    def answers(self, inputs: NDArray[np.uint8]) -> Sequence[Maps]:
        """The maps of a batch of inputs of one size."""
        assert self._network is not None, "it is loaded before the first batch"
        with self._times.of("network", len(inputs)):
            return maps_of(self._network, inputs, self._options.model.scales, self._plan.multiple)

    def outputs(self, image: Decoded | Redraw, answers: Sequence[Maps]) -> Outputs:
        """The pictures of one photo and, unless they alone are made anew, its record."""
        if isinstance(image, Redraw):
            picture = read_image(self._workspace.path(image.poses.image), self._options.max_file_mb)
            files = self._final(image.name, image.poses, image.record, picture)
            return Outputs(image.name, len(image.poses.people), files, done="redrawn", note=image.note)
        poses = self._poses(image, answers[0])
        record = sealed_bytes(poses)
        files = self._final(image.name, poses, record, image.picture)
        if self._options.explain:
            picture = image.picture
            if self._options.style.blur_faces:
                picture = without_faces(picture, faces_of(poses.people, poses.skeleton))
            sheets = explained(picture, image.fit, answers[0], self._reading)
            files |= {file: sheets[sheet] for sheet, file in self._intake.sheets(image.name).items()}
        return Outputs(
            name=image.name,
            people=len(poses.people),
            files=files,
            record=(self._workspace.poses_file(image.name), record),
            replaces=image.replaces,
        )

    def _poses(self, image: Decoded, maps: Maps) -> ImagePoses:
        with self._times.of("reading its maps"):
            people = poses_in(maps, image.fit, self._reading)
        return ImagePoses(
            image=self._workspace.image_file(image.name),
            image_sha256=image.sha256,
            width=image.fit.width,
            height=image.fit.height,
            skeleton=self._plan.layout.skeleton.name,
            people=people,
            made_by=self._made_by,
        )

    def _final(self, name: str, poses: ImagePoses, record: bytes, picture: Picture) -> dict[str, bytes]:
        style = replace(self._options.style, min_person_score=0.0) if poses.corrected else self._options.style
        drawn = paste_poses(picture, poses.people, poses.skeleton, style)
        return {self._workspace.final_file(name): encode_jpeg(drawn, final_comment(record, self._options.style))}

    def write_tables(self) -> Sequence[tuple[str, ImageError]]:
        """openpose/keypoints.csv and the files for pycocotools."""
        read = partial(sound_poses, self._workspace)
        refused = write_tables(self._workspace, self._plan.layout.skeleton, read, self._options.tables)
        return [] if refused is None else [(self._workspace.output, refused)]
