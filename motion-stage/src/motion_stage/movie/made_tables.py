"""Tables that were made before, read back as a movie needs them: what it shows is what they say.

wide.csv is read row by row, each person's rows beside the others'. Of speeds.csv the columns of a few people are held:
two megabytes an hour and person.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from motion_stage.sequence import Floats
from pose_contract.errors import ImageError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
KEYS = 3  # frame, t_seconds, track: the first columns of wide.csv


def _told(read: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """A table that a person has changed may be none any more."""

    def reading(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return read(*args, **kwargs)
        except (OSError, ValueError, LookupError, csv.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ImageError(f"has a table that cannot be read: {reason}", "make it anew: motion-stage track") from None

    return reading


@dataclass(frozen=True)
class Curve:
    """One person's speed: times and values [N], NaN where missing, the noise floor, and the unit."""

    track: int
    t_seconds: Floats
    speed: NDArray[np.float32]
    floor: float
    unit: str


@dataclass(frozen=True)
class Mark:
    """A moment of somebody's movement: `catch`, `foot_strike`, …; side is `left`, `right` or `both`."""

    track: int
    kind: str
    side: str
    t_seconds: float


@dataclass(frozen=True)
class Span:
    """A stroke of a racket, by its class."""

    track: int
    name: str
    start_seconds: float
    end_seconds: float


class SmoothPlaces:
    """The smoothed keypoints of wide.csv; use as a context manager. Frames are asked for in rising order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next: dict[int, int] = {}  # where each person's next row begins
        self._file: BinaryIO | None = None

    def __enter__(self) -> SmoothPlaces:
        """Finds where each person's rows begin. Raises ImageError."""
        self._index()
        return self

    @_told
    def _index(self) -> None:
        self._file = self._path.open("rb")
        at = len(self._file.readline())
        for line in self._file:
            self._next.setdefault(_whole_number(line, 2), at)
            at += len(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    @_told
    def at(self, track: int, frame: int) -> Floats | None:
        """[J, 2] of a person in a frame, NaN where missing; None where the person is not there. Raises ImageError."""
        assert self._file is not None, "it is open"
        while (begin := self._next.get(track)) is not None:
            self._file.seek(begin)
            line = self._file.readline()
            if not line or _whole_number(line, 2) != track:
                del self._next[track]
                return None
            number = _whole_number(line, 0)
            if number > frame:
                return None
            self._next[track] = begin + len(line)
            if number == frame:
                cells = line.decode().rstrip("\n").split(",")[KEYS:]
                return np.array([float(cell) if cell else math.nan for cell in cells]).reshape(-1, 2)
        return None


def _whole_number(line: bytes, column: int) -> int:
    return int(line.split(b",", KEYS)[column])


@_told
def read_curves(path: Path, point: str, tracks: Collection[int]) -> list[Curve]:
    """The speed of one point of these people, in metres where there is a scale. Raises ImageError."""
    values: dict[int, tuple[list[float], list[float]]] = {track: ([], []) for track in tracks}
    floors: dict[int, float] = {}
    column, unit = "speed_px_per_s", "px/s"
    for row in _rows(path):
        track = int(row["track"])
        if row["point"] != point or track not in values:
            continue
        if "speed_m_per_s" in row:
            column, unit = "speed_m_per_s", "m/s"
        values[track][0].append(float(row["t_seconds"]))
        values[track][1].append(_number(row[column]))
        floors[track] = _floor(row, column)
    return [
        Curve(track, np.array(times), np.array(speeds, dtype=np.float32), floors.get(track, math.nan), unit)
        for track, (times, speeds) in values.items()
        if times
    ]


def _floor(row: dict[str, str], column: str) -> float:
    """The noise floor in the unit of the column."""
    floor = _number(row["noise_floor_px_per_s"])
    if column == "speed_px_per_s":
        return floor
    pixels, metres = _number(row["speed_px_per_s"]), _number(row[column])
    return floor * metres / pixels if pixels > 0 else math.nan


@_told
def read_marks(path: Path) -> list[Mark]:
    """The rows of events.csv; none where there is no such file. Raises ImageError."""
    return [
        Mark(int(row["track"]), row["kind"], row["side"], float(row["t_seconds"]))
        for row in (_rows(path) if path.is_file() else ())
    ]


@_told
def read_spans(path: Path) -> list[Span]:
    """The rows of strokes.csv; none where there is no such file. Raises ImageError."""
    return [
        Span(int(row["track"]), row["class"], float(row["start_seconds"]), float(row["end_seconds"]))
        for row in (_rows(path) if path.is_file() else ())
    ]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, strict=True)


def _number(cell: str) -> float:
    return float(cell) if cell else math.nan
