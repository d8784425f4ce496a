"""A stage made for the tests of videos: frame n has n % 3 rows that say its number, and the network doubles each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from clips import number_in
from numpy.typing import NDArray

from pose_contract.records import Box, Person
from pose_contract.video_records import FrameAnnot, VideoAnnot
from stage_kit.pictures.images import Picture
from stage_kit.runs.steps import Loaded
from stage_kit.videos.reader import VideoFrame
from stage_kit.videos.steps import Given, PreparedFrame, VideoTask


@dataclass(frozen=True)
class Doubling:
    """The work on one video; `rows_of` says how many rows a frame has."""

    task: VideoTask
    rows_of: Callable[[int], int] = lambda number: number % 3
    kind: type[FrameAnnot] = FrameAnnot

    def frames(self, frames: Iterator[VideoFrame]) -> Iterator[Given]:
        return ((frame, None) for frame in frames)

    def prepared(self, given: Given) -> PreparedFrame:
        frame, _ = given
        assert number_in(frame.picture) == frame.number
        count = self.rows_of(frame.number) if frame.number % self.task.asked_every == 0 else 0
        return PreparedFrame(frame, np.array([[frame.number, row] for row in range(count)]).reshape(count, 2))

    def lines(
        self, answered: Iterator[tuple[PreparedFrame, Sequence[tuple[int, int]]]], before: FrameAnnot | None
    ) -> Iterator[tuple[VideoFrame, FrameAnnot]]:
        for prepared, answers in answered:
            frame = prepared.frame
            if before is not None:
                assert before.frame < frame.number and before.frame % self.task.asked_every == 0
                assert frame.number - before.frame <= self.task.asked_every, "the line of the last frame asked about"
            elif frame.number >= self.task.asked_every:
                raise AssertionError("a line before this one is known")
            assert list(answers) == [(2 * frame.number, row) for row in range(len(prepared.rows))]
            people = tuple(Person(index=row, score=1, box=Box(x1=number, y1=0, x2=9, y2=9)) for number, row in answers)
            line = FrameAnnot(frame=frame.number, t_seconds=frame.t_seconds, people=people)
            before = before if frame.number % self.task.asked_every else line
            yield frame, line

    def drawn(self, picture: Picture, line: FrameAnnot) -> Picture:
        assert number_in(picture) == line.frame
        return picture

    def people_in(self, line: FrameAnnot) -> int:
        return len(line.people)

    def header(self, fields: Mapping[str, Any]) -> VideoAnnot:
        return VideoAnnot(**fields)


@dataclass
class Network:
    """Doubles; may be interrupted at one of its batches."""

    fixed_batch: bool = False
    at_once: tuple[int, int] = (4, 4)
    interrupted_at: int = -1
    batches: list[int] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)
    loads: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self) -> Loaded:
        self.loads += 1
        return Loaded("cpu", self.fixed_batch, *self.at_once)

    def answers(self, inputs: NDArray[Any]) -> Sequence[tuple[int, int]]:
        with self._lock:
            self.batches.append(len(inputs))
            if len(self.batches) - 1 == self.interrupted_at:
                raise KeyboardInterrupt
            self.asked |= {int(number) for number, _ in inputs}
        return [(2 * int(number), int(row)) for number, row in inputs]
