"""The poses in a video's frames: what openpose-stage says about its work on one video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from openpose_stage import facts
from openpose_stage.estimate import Reading, people_in
from openpose_stage.explain import explained
from openpose_stage.fitting import fitted
from openpose_stage.frame_sheets import FrameSheets
from openpose_stage.maps import Maps
from openpose_stage.model_files import OpenposePlan
from openpose_stage.options import OpenposeOptions
from openpose_stage.people import Somebody, frame_pose, person_pose
from openpose_stage.times import Times
from pose_contract.errors import ImageError
from pose_contract.records import MadeBy
from pose_contract.video_records import FramePoses, VideoPoses
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.faces import FacesInMovie, without_faces
from stage_kit.pictures.images import Picture
from stage_kit.pictures.posed_pictures import faces_of, frame_with_poses
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Settled
from stage_kit.videos.reader import VideoFrame
from stage_kit.videos.standing import Wanted, video_task
from stage_kit.videos.steps import Given, PreparedFrame, VideoTask


@dataclass(frozen=True)
class VideoPosing:
    """See `stage_kit.videos.steps.VideoWork`. `height` and `multiple` are the network's."""

    task: VideoTask
    reading: Reading
    height: int
    multiple: int
    style: DrawStyle
    times: Times
    sheets: FrameSheets
    kind: type[FramePoses] = FramePoses
    faces: FacesInMovie = field(default_factory=FacesInMovie)

    def frames(self, frames: Iterator[VideoFrame]) -> Iterator[Given]:
        """Nothing was said before of any frame."""
        return ((frame, None) for frame in frames)

    def prepared(self, given: Given) -> PreparedFrame:
        """The whole frame as one row."""
        frame, _ = given
        network_input, fit = fitted(frame.picture, self.height, self.multiple)
        return PreparedFrame(frame, network_input[None], fit)

    def lines(
        self, answered: Iterator[tuple[PreparedFrame, Sequence[Maps]]], _before: FramePoses | None
    ) -> Iterator[tuple[VideoFrame, FramePoses]]:
        """The people of each frame."""
        for prepared, answers in answered:
            frame = prepared.frame
            with self.times.of("reading its maps"):
                people = people_in(answers[0], prepared.kept, self.reading)
            if frame.number in self.sheets.wanted:
                self._explain(prepared, answers[0], people)
            yield (
                frame,
                FramePoses(
                    frame=frame.number,
                    t_seconds=frame.t_seconds,
                    duplicate=frame.duplicate,
                    people=tuple(map(frame_pose, people)),
                ),
            )

    def _explain(self, prepared: PreparedFrame, maps: Maps, people: Sequence[Somebody]) -> None:
        picture = prepared.frame.picture
        if self.style.blur_faces:
            skeleton = self.reading.layout.skeleton
            poses = [person_pose(person, skeleton) for person in people]
            picture = without_faces(picture, faces_of(poses, skeleton.name))
        self.sheets.write(prepared.frame.number, explained(picture, prepared.kept, maps, self.reading))

    def drawn(self, picture: Picture, line: FramePoses) -> Picture:
        """The frame with its skeletons."""
        return frame_with_poses(picture, line, self.reading.layout.skeleton, self.style, self.faces)

    def people_in(self, line: FramePoses) -> int:
        """How many people a frame has."""
        return len(line.people)

    def header(self, fields: Mapping[str, Any]) -> VideoPoses:
        """The record's first line."""
        self.sheets.tell_missing(fields["frames"])
        return VideoPoses(skeleton=self.reading.layout.skeleton.name, **fields)


@dataclass(frozen=True)
class VideoIntake:
    """Reads the headers of videos' records; `made_by` is what a current record says."""

    options: OpenposeOptions
    plan: OpenposePlan
    reading: Reading
    made_by: MadeBy
    seen: SeenFiles
    times: Times

    def examine(self, name: str) -> VideoPosing | Settled:
        """See `stage_kit.runs.steps.Steps.examine_video`."""
        workspace = self.options.workspace
        wanted = Wanted(
            record=workspace.video_poses_file(name),
            kind=VideoPoses,
            made_by=self.made_by,
            movie=workspace.movie_file(workspace.final, name) if self.options.movies else "",
            drawn=(facts().drawing, self.options.style),
            overwrite=self.options.overwrite,
        )
        sheets = FrameSheets(workspace, name, self.options.explain_frames, self.options.quiet)
        try:
            if not sheets.are_there():
                wanted = replace(wanted, overwrite=True)
            task = video_task(workspace, self.seen, name, wanted)
            if isinstance(task, VideoTask) and not task.redrawn:
                sheets.make_room(task.image_sha256, self.made_by)
        except ImageError as error:
            return Settled(name, error)
        if isinstance(task, Settled):
            return task
        plan, style = self.plan, self.options.style
        return VideoPosing(task, self.reading, plan.height, plan.multiple, style, self.times, sheets)
