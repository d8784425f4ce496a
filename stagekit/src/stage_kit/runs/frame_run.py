"""The scheduler of videos: frames are decoded ahead, asked about in batches, drawn and encoded behind.

Memory does not grow with a video's length: a bounded number of frames is under way.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic

from numpy.typing import NDArray

from pose_contract.video_records import Frame
from pose_contract.workspace import Workspace
from stage_kit.networks.batches import stacked
from stage_kit.pictures.images import fitting_into_memory
from stage_kit.runs.showing import showing
from stage_kit.runs.steps import Answer, Loaded
from stage_kit.runs.workers import BatchSize, map_ahead, taken_ahead, threads
from stage_kit.videos.part_file import PartFile, PartKey
from stage_kit.videos.reader import VideoFrame, VideoReader, open_video
from stage_kit.videos.record_files import frame_lines
from stage_kit.videos.steps import PreparedFrame, VideoWork

PIXELS_UNDER_WAY = 24_000_000  # of the frames that wait in one place of the way
MOST_FRAMES = 32  # that wait there, however small


@dataclass(frozen=True)
class VideoDone:
    """What a run can tell of a video: its frames, the most people in one of them, and what is wrong with it."""

    frames: int
    people: int
    flags: tuple[str, ...]


@dataclass
class _Asked(Generic[Answer]):
    """A frame whose rows pass through the network, perhaps in several batches."""

    prepared: PreparedFrame
    answers: dict[int, Answer] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return len(self.answers) == len(self.prepared.rows)


_Batch = list[tuple[_Asked[Answer], int]]


def _not_told(frames: int, of: int) -> None:
    """Nobody wants to know."""


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
        self._loaded = loaded
        self._answers = answers
        self._workers = workers
        self._under_way = batches_at_once
        self._network: Loaded | None = None
        self._batch_size = BatchSize(1, 1)

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
            with part, contextlib.closing(self._lines(work, video, part)) as lines:
                done = self._shown(work, video, _written(lines, part), tell)
                header = work.header(_header_fields(work, video, done, part.frames_sha256()))
                part.finish(header)
        return done

    def _shown(
        self,
        work: VideoWork[Answer, Any],
        video: VideoReader,
        lines: Iterable[tuple[VideoFrame, Frame]],
        tell: Callable[[int, int], None],
    ) -> VideoDone:
        """Hands all frames and their lines to what shows them."""
        frames, most = 0, 0
        with showing(self._workspace, work, video, _places(video)) as show:
            for frame, line in lines:
                frames, most = frames + 1, max(most, work.people_in(line))
                show(frame, line)
                tell(frames, video.frames_claimed)
        return VideoDone(frames, most, video.flags)

    def _lines(
        self, work: VideoWork[Answer, Any], video: VideoReader, part: PartFile[Any]
    ) -> Generator[tuple[VideoFrame, Frame]]:
        """A line for every frame: those that are known as they are, the others by the network."""
        places = _places(video)
        frames = taken_ahead(work.frames(video.frames()), places)
        # The network goes on at a frame that it is asked about; what it says again of known ones is left out.
        begin = part.known - part.known % work.task.asked_every
        known, before = part.lines(), None
        with contextlib.closing(frames):
            for frame, _ in _first(frames, begin):
                line = next(known)
                before = before if frame.number % work.task.asked_every else line
                yield frame, line
            with threads("worker", self._workers) as pool, threads("net", self._under_way) as network:
                prepared = map_ahead(pool, work.prepared, frames, min(places, 2 * self._workers))
                for frame, line in work.lines(self._answered(network, prepared, places), before):
                    yield frame, next(known) if frame.number < part.known else line

    def _answered(
        self, network: ThreadPoolExecutor, prepared: Iterable[PreparedFrame], places: int
    ) -> Iterator[tuple[PreparedFrame, list[Answer]]]:
        waiting: deque[_Asked[Answer]] = deque()
        for batch, answers in map_ahead(
            network, self._ask, self._batches(prepared, waiting, places), self._under_way + 1
        ):
            for (asked, row), answer in zip(batch, answers, strict=False):  # a padded batch has more answers
                asked.answers[row] = answer
            while waiting and waiting[0].complete:
                done = waiting.popleft()
                yield done.prepared, [done.answers[row] for row in range(len(done.prepared.rows))]
        assert not waiting, "every row has been asked about"

    def _batches(
        self, prepared: Iterable[PreparedFrame], waiting: deque[_Asked[Answer]], places: int
    ) -> Iterator[_Batch[Answer]]:
        """Rows of several frames together; an empty batch lets frames through that nobody is in."""
        rows: _Batch[Answer] = []
        for frame in prepared:
            asked = _Asked[Answer](frame)
            waiting.append(asked)
            if len(frame.rows):
                self._require_network()
            rows.extend((asked, row) for row in range(len(frame.rows)))
            while len(rows) >= (size := self._batch_size.now):
                batch, rows = rows[:size], rows[size:]
                yield batch
            if len(waiting) >= places * (self._under_way + 1):
                batch, rows = rows, []
                yield batch
        yield rows

    def _require_network(self) -> None:
        if self._network is None:
            self._network = self._loaded()
            self._batch_size = BatchSize(self._network.fewest, self._network.most)

    def _ask(self, batch: _Batch[Answer]) -> tuple[_Batch[Answer], Sequence[Answer]]:
        """Runs the network on one batch, padded where its size must not change."""
        if not batch:
            return batch, ()
        assert self._network is not None, "it is loaded before the first row"
        size = max(self._batch_size.now, len(batch)) if self._network.fixed_batch else len(batch)
        inputs = stacked([asked.prepared.rows[row] for asked, row in batch], size)
        begun = time.perf_counter()
        answers = self._answers(inputs)
        self._batch_size.took(len(batch), time.perf_counter() - begun)
        return batch, answers


def _written(lines: Iterable[tuple[VideoFrame, Frame]], part: PartFile[Any]) -> Iterator[tuple[VideoFrame, Frame]]:
    for frame, line in lines:
        if frame.number >= part.known:
            part.append(line)
        yield frame, line


def _places(video: VideoReader) -> int:
    """How many frames may wait in one place."""
    return max(2, min(MOST_FRAMES, PIXELS_UNDER_WAY // (video.width * video.height)))


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
