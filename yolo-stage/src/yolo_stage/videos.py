"""The people in a video's frames: what yolo-stage says about its work on one video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pose_contract.errors import ImageError
from pose_contract.records import Box, MadeBy, Person
from pose_contract.video_records import FrameAnnot, VideoAnnot
from stage_kit.pictures.cuts import cut_around, cut_out
from stage_kit.pictures.draw_boxes import draw_boxes
from stage_kit.pictures.images import Picture
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Settled
from stage_kit.videos.answers import AnswerBytes, finite_floats
from stage_kit.videos.reader import VideoFrame
from stage_kit.videos.saved_pictures import SavedPictures, remove_saved, saved_folder
from stage_kit.videos.standing import Wanted, video_task
from stage_kit.videos.steps import Given, PreparedFrame, VideoTask
from yolo_stage import facts
from yolo_stage.detector import Candidates
from yolo_stage.detector_plan import DetectorPlan
from yolo_stage.fitting import fitted
from yolo_stage.frames_between import frames_between
from yolo_stage.options import DetectOptions
from yolo_stage.people import Selection, choose_people


@dataclass(frozen=True)
class VideoDetection:
    """See `stage_kit.videos.steps.VideoWork`. `fit` makes a network input of a picture."""

    task: VideoTask
    selection: Selection
    fit: Callable[[Picture], Any]
    kind: type[FrameAnnot] = FrameAnnot

    def frames(self, frames: Iterator[VideoFrame]) -> Iterator[Given]:
        """Nothing was said before of any frame."""
        return ((frame, None) for frame in frames)

    def prepared(self, given: Given) -> PreparedFrame:
        """The letterboxed frame as one row; none where the network is not asked."""
        frame, _ = given
        if frame.number % self.task.asked_every:
            return PreparedFrame(frame, np.zeros((0,), np.float32))
        network_input, mapping = self.fit(frame.picture)
        return PreparedFrame(frame, network_input[None], mapping)

    def lines(
        self, answered: Iterator[tuple[PreparedFrame, Sequence[Candidates]]], before: FrameAnnot | None
    ) -> Iterator[tuple[VideoFrame, FrameAnnot]]:
        """The people of each frame; between two frames that were asked about, their boxes move evenly."""
        for frame, people in frames_between(self._found(answered, before.people if before else ())):
            line = FrameAnnot(
                frame=frame.number, t_seconds=frame.t_seconds, duplicate=frame.duplicate, people=tuple(people)
            )
            yield frame, line

    def _found(
        self, answered: Iterator[tuple[PreparedFrame, Sequence[Candidates]]], before: Sequence[Person]
    ) -> Iterator[tuple[VideoFrame, list[Person] | None]]:
        """None where the network was not asked."""
        for prepared, answers in answered:
            people = self._people(prepared, answers[0], before) if answers else None
            before = before if people is None else people
            yield prepared.frame, people

    def _people(self, prepared: PreparedFrame, candidates: Candidates, before: Sequence[Person]) -> list[Person]:
        # The records' boxes, which are rounded: a killed run that goes on has no others.
        before_xyxy = np.array([person.box.xyxy for person in before], np.float64).reshape(-1, 4)
        boxes, scores = choose_people(candidates, prepared.kept, self.selection, before_xyxy)
        return [
            Person(index=index, score=min(float(score), 1.0), box=Box(x1=box[0], y1=box[1], x2=box[2], y2=box[3]))
            for index, (box, score) in enumerate(zip(boxes.tolist(), scores, strict=True))
        ]

    def drawn(self, picture: Picture, line: FrameAnnot) -> Picture:
        """The frame with its boxes."""
        boxes = np.array([person.box.xyxy for person in line.people], np.float64).reshape(-1, 4)
        return draw_boxes(picture, boxes, np.array([person.score for person in line.people], np.float64))

    def people_in(self, line: FrameAnnot) -> int:
        """How many people a frame has."""
        return len(line.people)

    def header(self, fields: Mapping[str, Any]) -> VideoAnnot:
        """The record's first line."""
        return VideoAnnot(**fields)


def examined_video(
    options: DetectOptions, plan: DetectorPlan, made_by: MadeBy, seen: SeenFiles, name: str
) -> VideoDetection | Settled:
    """What there is to do for one video."""
    workspace, every = options.workspace, options.detect_every
    of_videos: dict[str, Any] = {"seen_thres": plan.selection(options).seen_thres}
    if every > 1:
        of_videos["detect_every"] = every
    made_by = made_by.model_copy(update={"options": made_by.options | of_videos})
    wanted = Wanted(
        record=workspace.video_annot_file(name),
        kind=VideoAnnot,
        made_by=made_by,
        movie=workspace.movie_file(workspace.inspect, name) if options.inspect_movies else "",
        drawn=facts().drawing,
        asked_every=every,
        overwrite=options.overwrite,
        saved=saved_pictures(options, name),
        answer_bytes=candidate_bytes(plan.selection(options)),
    )
    try:
        task = video_task(workspace, seen, name, wanted)
    except ImageError as error:
        return Settled(name, error)
    if isinstance(task, VideoTask) and not task.redrawn and not task.saved:
        remove_saved(workspace.path(saved_folder(workspace.cuts, name)))  # of the record that goes
    return task if isinstance(task, Settled) else VideoDetection(task, plan.selection(options), partial(fitted, plan))


def candidate_bytes(selection: Selection) -> AnswerBytes[Candidates]:
    """Candidates on disk: of each five float32, and only those that may count in some frame."""
    least = min(selection.conf_thres, selection.seen_thres or selection.conf_thres)

    def written(candidates: Candidates) -> bytes:
        return candidates[candidates[:, 4] >= least].astype("<f4").tobytes()

    def read(data: bytes) -> Candidates:
        return finite_floats(data).reshape(-1, 5)

    return AnswerBytes(written, read)


def saved_pictures(options: DetectOptions, name: str) -> tuple[SavedPictures, object] | None:
    """The pictures of frames and cuts that --save_frames and --save_cuts ask for, and what they depend on."""
    if not options.save_frames and not options.save_cuts:
        return None
    pictures = partial(pictures_of, options.save_frames, options.cut_scale if options.save_cuts else 0)
    folder = saved_folder(options.workspace.cuts, name)
    return SavedPictures(folder, pictures), (options.save_frames, options.save_cuts and options.cut_scale)


def pictures_of(frames: bool, cut_scale: float, picture: Picture, line: FrameAnnot) -> Iterator[tuple[str, Picture]]:
    """The frame and, with a `cut_scale`, its people's cuts, by file name: `000012.jpg`, `000012_0.jpg`."""
    if frames:
        yield f"{line.frame:06d}.jpg", picture
    if cut_scale:
        height, width = picture.shape[:2]
        for person in line.people:
            cut = cut_around(person.box, (width, height), cut_scale)
            yield f"{line.frame:06d}_{person.index}.jpg", cut_out(picture, cut)
