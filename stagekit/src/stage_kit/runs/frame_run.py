"""The scheduler of videos: frames are decoded ahead, asked about in batches, drawn and encoded behind.

Memory does not grow with a video's length: a bounded number of frames is under way.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from numpy.typing import NDArray

from pose_contract.video_records import Frame
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import fitting_into_memory
from stage_kit.runs.frame_batches import FrameBatches, places_for
from stage_kit.runs.showing import showing
from stage_kit.runs.steps import Answer, Loaded
from stage_kit.runs.workers import taken_ahead
from stage_kit.videos.answers import AnswerBytes, KeptAnswers, answers_folder, digest_of, remove_answers
from stage_kit.videos.part_file import PartFile, PartKey
from stage_kit.videos.reader import VideoFrame, VideoReader, open_video
from stage_kit.videos.record_files import frame_lines
from stage_kit.videos.segments import Segment, segment_frames
from stage_kit.videos.steps import VideoWork


@dataclass(frozen=True)
class VideoDone:
    """What a run can tell of a video: its frames, the most people in one of them, and what is wrong with it."""

    frames: int
    people: int
    flags: tuple[str, ...]


class FrameRun(Generic[Answer]):
    """Does one video after the other.

    Args:
        workspace: whose.
        loaded: loads the network when the first frame needs it.
        answers: the network: rows in, one answer a row.
        workers: threads that prepare frames.
        batches_at_once: how many batches the network takes from as many threads.
    """

    def __init__(
        self,
        workspace: Workspace,
        loaded: Callable[[], Loaded],
        answers: Callable[[NDArray[Any]], Sequence[Answer]],
        workers: int,
        batches_at_once: int,
    ) -> None:
        self._workspace = workspace
        self._network = FrameBatches(loaded, answers, workers, batches_at_once)

    def run(
        self, work: VideoWork[Answer, Any], tell: Callable[[int, int], None] = lambda _frames, _of: None
    ) -> VideoDone:
        """Writes the movie, if one is asked for, and then the record.

        Args:
            work: what the stage has to say.
            tell: told after every frame how many are done, and how many the container claims; 0 where it does not.

        Raises:
            ImageError: the video cannot be read, or does not fit what the stage before said of it.
            WorkspaceError: not writable, or the disk is full; a rerun goes on where this one stopped.
        """
        record = self._workspace.path(work.task.record)
        with fitting_into_memory(), open_video(work.task.source) as video:
            if work.task.redrawn:
                lines = frame_lines(record, work.kind)
                return self._shown(work, video, zip(video.frames(), lines, strict=False), tell)
            part = PartFile(record, PartKey(image_sha256=work.task.image_sha256, made_by=work.task.made_by), work.kind)
            # Whatever ends the run, no thread may still decode when the video is closed.
            with part, self._kept(work) as kept, contextlib.closing(self._lines(work, video, part, kept)) as lines:
                done = self._shown(work, video, _written(lines, part), tell)
                header = work.header(_header_fields(work, video, done, part.frames_sha256()))
                part.finish(header)
        remove_answers(self._workspace, work.task.made_by.stage, work.task.name)
        return done

    def answers_of(self, work: VideoWork[Answer, Any], segment: Segment) -> dict[bytes, bytes]:
        """What the network says of one segment of a video: answers in bytes, by the digest of what was asked.

        Raises ImageError: as `run`, or the segment has fewer frames than it should.
        """
        answer_bytes, found = work.task.answer_bytes, dict[bytes, bytes]()
        assert answer_bytes is not None, "only such videos are cut"
        with fitting_into_memory(), open_video(work.task.source) as video:
            given = work.frames(segment_frames(video, segment))
            frames = taken_ahead(itertools.islice(given, segment.frames), places_for(video))
            with (
                contextlib.closing(frames),
                contextlib.closing(self._network.answered(work, frames, places_for(video))) as answered,
            ):
                for prepared, answers in answered:
                    for row, answer in zip(prepared.rows, answers, strict=True):
                        found[digest_of(row)] = answer_bytes.written(answer)
        return found

    def _kept(self, work: VideoWork[Answer, Any]) -> KeptAnswers:
        stage = work.task.made_by.stage
        key = PartKey(image_sha256=work.task.image_sha256, made_by=work.task.made_by)
        return KeptAnswers(answers_folder(self._workspace, stage, work.task.name), key)

    def _shown(
        self,
        work: VideoWork[Answer, Any],
        video: VideoReader,
        lines: Iterable[tuple[VideoFrame, Frame]],
        tell: Callable[[int, int], None],
    ) -> VideoDone:
        """Hands all frames and their lines to what shows them."""
        frames, most = 0, 0
        with showing(self._workspace, work, video, places_for(video)) as show:
            for frame, line in lines:
                frames, most = frames + 1, max(most, work.people_in(line))
                show(frame, line)
                tell(frames, video.frames_claimed)
        return VideoDone(frames, most, video.flags)

    def _lines(
        self, work: VideoWork[Answer, Any], video: VideoReader, part: PartFile[Any], kept: KeptAnswers
    ) -> Generator[tuple[VideoFrame, Frame]]:
        """A line for every frame: those that are known as they are, the others by the network."""
        places = places_for(video)
        frames = taken_ahead(work.frames(video.frames()), places)
        # The network goes on at a frame that it is asked about; what it says again of known ones is left out.
        begin = part.known - part.known % work.task.asked_every
        known, before = part.lines(), None
        with contextlib.closing(frames):
            for frame, _ in _first(frames, begin):
                line = next(known)
                before = before if frame.number % work.task.asked_every else line
                yield frame, line
            answered = self._network.answered(work, frames, places, _replaying(work.task.answer_bytes, kept))
            with contextlib.closing(answered):
                for frame, line in work.lines(answered, before):
                    yield frame, next(known) if frame.number < part.known else line


def _written(lines: Iterable[tuple[VideoFrame, Frame]], part: PartFile[Any]) -> Iterator[tuple[VideoFrame, Frame]]:
    for frame, line in lines:
        if frame.number >= part.known:
            part.append(line)
        yield frame, line


def _replaying(answer_bytes: AnswerBytes[Answer] | None, kept: KeptAnswers) -> Callable[[NDArray[Any]], Answer | None]:
    """Gives the kept answers; of one that cannot be read nothing is known."""

    def known(row: NDArray[Any]) -> Answer | None:
        data = kept.about(row) if answer_bytes else None
        with contextlib.suppress(ValueError):
            return answer_bytes.read(data) if answer_bytes and data is not None else None
        return None

    return known


def _first(frames: Iterator[Any], count: int) -> Iterator[Any]:
    """As `itertools.islice`, which would take one more."""
    for _ in range(count):
        given = next(frames, None)
        if given is None:
            return
        yield given


def _header_fields(
    work: VideoWork[Any, Any], video: VideoReader, done: VideoDone, frames_sha256: str
) -> dict[str, Any]:
    return {
        "image": work.task.image,
        "image_sha256": work.task.image_sha256,
        "width": video.width,
        "height": video.height,
        "frames": done.frames,
        "most_people": done.people,
        "duration_seconds": video.times.duration,
        "frames_per_second": video.frames_per_second if done.frames > 1 else 0.0,
        "flags": video.flags,
        "frames_sha256": frames_sha256,
        "made_by": work.task.made_by,
    }
