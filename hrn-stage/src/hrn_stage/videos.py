"""The poses in a video's frames: what hrn-stage says about its work on one video."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import numpy as np

from hrn_stage import facts
from hrn_stage.config import HrnConfig
from hrn_stage.inference import Estimated, keypoints_in_image
from hrn_stage.intake import AGAIN
from hrn_stage.options import EstimateOptions
from hrn_stage.people import PreparedPerson, person_pose, prepare_person
from pose_contract.errors import ImageError
from pose_contract.records import MadeBy, Person
from pose_contract.skeletons import Skeleton
from pose_contract.video_records import FrameAnnot, FramePose, FramePoses, VideoAnnot, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.pictures.cuts import CUT_SCALE, cut_around, cut_out
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.faces import FacesInMovie
from stage_kit.pictures.images import Picture
from stage_kit.pictures.posed_pictures import frame_with_poses
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Settled
from stage_kit.videos.answers import AnswerBytes, finite_floats
from stage_kit.videos.reader import VideoFrame
from stage_kit.videos.record_files import VideoRecord
from stage_kit.videos.samples import EVERY, sampled_frames
from stage_kit.videos.standing import Wanted, video_task
from stage_kit.videos.steps import Given, PreparedFrame, VideoTask

NO_HEATMAPS = np.zeros((0, 0, 0), np.float32)


@dataclass(frozen=True)
class VideoEstimation:
    """See `stage_kit.videos.steps.VideoWork`. `annot` is yolo-stage's record of the video."""

    task: VideoTask
    annot: VideoRecord[VideoAnnot, FrameAnnot]
    config: HrnConfig
    skeleton: Skeleton
    style: DrawStyle
    kind: type[FramePoses] = FramePoses
    faces: FacesInMovie = field(default_factory=FacesInMovie)

    def frames(self, frames: Iterator[VideoFrame]) -> Iterator[Given]:
        """Each frame with its people. Raises ImageError where the video has other frames than its annot."""
        first = next(frames, None)
        begun = [] if first is None else [first]
        lines = islice(self.annot.frames(), first.number if first else 0, None)
        try:
            yield from zip(chain(begun, frames), lines, strict=True)
        except ValueError:
            raise ImageError("has other frames than its annot", AGAIN) from None

    def prepared(self, given: Given) -> PreparedFrame:
        """The people's cuts as rows, taken from the frame in memory by the rule that photos' cuts follow."""
        frame, line = given
        people = [prepared_in(frame.picture, person, self.config) for person in line.people]
        width, height = self.config.MODEL.IMAGE_SIZE
        rows = np.zeros((0, height, width, 3), np.uint8)
        if people:
            rows = np.stack([person.network_input for person in people])
        return PreparedFrame(frame, rows, (line.people, people))

    def lines(
        self, answered: Iterator[tuple[PreparedFrame, Sequence[Estimated]]], _before: FramePoses | None
    ) -> Iterator[tuple[VideoFrame, FramePoses]]:
        """The poses of each frame, which depend on no other."""
        for prepared, answers in answered:
            frame = prepared.frame
            people = tuple(self._poses(prepared.kept, answers)) if answers else ()
            yield (
                frame,
                FramePoses(frame=frame.number, t_seconds=frame.t_seconds, duplicate=frame.duplicate, people=people),
            )

    def _poses(
        self, kept: tuple[Sequence[Person], Sequence[PreparedPerson]], answers: Sequence[Estimated]
    ) -> Iterator[FramePose]:
        people, prepared = kept
        keypoints = keypoints_in_image(answers, prepared, self.config)
        for person, keypoints_xy, answer in zip(people, keypoints, answers, strict=True):
            pose = person_pose(person, keypoints_xy, answer.scores, self.skeleton)
            points = tuple((point.x, point.y, point.score) for point in pose.keypoints)
            yield FramePose(index=pose.index, score=pose.score, box=pose.box, keypoints=points)

    def drawn(self, picture: Picture, line: FramePoses) -> Picture:
        """The frame with its skeletons."""
        return frame_with_poses(picture, line, self.skeleton, self.style, self.faces)

    def people_in(self, line: FramePoses) -> int:
        """How many people a frame has."""
        return len(line.people)

    def header(self, fields: Mapping[str, Any]) -> VideoPoses:
        """The record's first line."""
        return VideoPoses(skeleton=self.skeleton.name, **fields)


def examined_video(
    options: EstimateOptions, skeleton: Skeleton, made_by: MadeBy, seen: SeenFiles, name: str
) -> VideoEstimation | Settled:
    """What there is to do for one video that has an annot."""
    workspace = options.workspace
    annot_file = workspace.video_annot_file(name)
    try:
        annot: VideoRecord[VideoAnnot, FrameAnnot] = VideoRecord(workspace.path(annot_file), VideoAnnot, FrameAnnot)
        wanted = Wanted(
            record=workspace.video_poses_file(name),
            kind=VideoPoses,
            made_by=made_by.model_copy(update={"annot_sha256": seen.sha256_of_large(annot_file)}),
            movie=workspace.movie_file(workspace.final, name),
            drawn=(facts().drawing, options.style),
            overwrite=options.overwrite,
            answer_bytes=estimated_bytes(len(skeleton.keypoints)),
        )
        task = video_task(workspace, seen, name, wanted)
        if isinstance(task, VideoTask) and task.image_sha256 != annot.header.image_sha256:
            raise ImageError("has changed since yolo-stage saw it", AGAIN)
    except ImageError as error:
        return Settled(name, error)
    if isinstance(task, Settled):
        return task
    return VideoEstimation(task, annot, options.config, skeleton, options.style)


def estimated_bytes(joints: int) -> AnswerBytes[Estimated]:
    """A person's keypoints and scores on disk, three float32 a joint; without heatmaps, which nobody asks for."""

    def written(answer: Estimated) -> bytes:
        return np.column_stack([answer.keypoints_in_heatmap_xy, answer.scores]).astype("<f4").tobytes()

    def read(data: bytes) -> Estimated:
        rows = finite_floats(data).reshape(joints, 3)
        return Estimated(rows[:, :2], rows[:, 2], NO_HEATMAPS)

    return AnswerBytes(written, read)


def prepared_in(picture: Picture, person: Person, config: HrnConfig) -> PreparedPerson:
    """A person's cut as the network sees it, taken from a frame."""
    height, width = picture.shape[:2]
    context = config.TEST.CROP_CONTEXT
    cut = cut_around(person.box, (width, height), max(CUT_SCALE, context))
    whole = person.model_copy(update={"cut": cut})
    return prepare_person(whole, cut_out(picture, cut), config.MODEL.IMAGE_SIZE, context)


def sampled_people(workspace: Workspace, names: Iterable[str], config: HrnConfig) -> Iterator[Picture]:
    """Network inputs of people in some frames of these videos; what cannot be read is passed over."""
    for name in names:
        with contextlib.suppress(ImageError):
            annot: VideoRecord[VideoAnnot, FrameAnnot] = VideoRecord(
                workspace.path(workspace.video_annot_file(name)), VideoAnnot, FrameAnnot
            )
            frames = sampled_frames([workspace.path(annot.header.image)])
            lines = islice(annot.frames(), 0, None, EVERY)
            for frame, line in zip(frames, lines, strict=False):
                for person in line.people:
                    yield prepared_in(frame.picture, person, config).network_input
