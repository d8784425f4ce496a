"""Strokes from one answer a frame: a majority around each, short ones dropped, short breaks closed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from motion_stage.sequence import Floats, median_dt

MAJORITY_SECONDS = 9 / 30
SHORTEST_SECONDS = 0.2
BREAK_SECONDS = 0.2
WAITING = ("idle", "neutral")  # classes that are no stroke


@dataclass(frozen=True)
class Span:
    """One stroke: its class, from which row of the track to which (both included), and how sure that is."""

    name: str
    first: int
    last: int
    probability: float


def spans_of(t_seconds: Floats, probabilities: Floats, classes: tuple[str, ...]) -> list[Span]:
    """The strokes of a track.

    Args:
        t_seconds: [T], rising.
        probabilities: [T, C]; a row of NaN is not known, and belongs to no stroke.
        classes: C names; `idle` and `neutral` are no strokes.
    """
    if not len(t_seconds):
        return []
    chosen = _majority(t_seconds, probabilities)
    strokes = [index for index, name in enumerate(classes) if name not in WAITING]
    runs = [run for run in _runs(chosen) if run[0] in strokes]
    closed: list[tuple[int, int, int]] = []
    for answer, first, last in runs:
        if closed and closed[-1][0] == answer and t_seconds[first] - t_seconds[closed[-1][2]] < BREAK_SECONDS:
            closed[-1] = (answer, closed[-1][1], last)
        else:
            closed.append((answer, first, last))
    dt = median_dt(t_seconds) if len(t_seconds) > 1 else 0.0
    return [
        Span(classes[answer], first, last, float(np.nanmean(probabilities[first : last + 1, answer])))
        for answer, first, last in closed
        if t_seconds[last] - t_seconds[first] + dt >= SHORTEST_SECONDS
    ]


def _majority(t_seconds: Floats, probabilities: Floats) -> NDArray[np.int64]:
    """[T]: the class that most frames around each one have; -1 where nothing is known. A tie goes to its own class."""
    known = np.isfinite(probabilities.sum(axis=1))
    own: NDArray[np.int64] = np.where(known, np.argmax(np.where(known[:, None], probabilities, 0.0), axis=1), -1)
    half = round(MAJORITY_SECONDS / median_dt(t_seconds)) // 2 if len(t_seconds) > 1 else 0
    votes = (own[:, None] == np.arange(probabilities.shape[1])).astype(np.float64)
    padded = np.pad(votes, ((half, half), (0, 0)))
    counts = sliding_window_view(padded, 2 * half + 1, axis=0).sum(axis=-1) + votes / 2
    return np.where(known, np.argmax(counts, axis=1), -1)


def _runs(chosen: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Answer, first and last row of each run of equal ones."""
    starts = np.flatnonzero(np.diff(chosen, prepend=chosen[0] - 1))
    for start, end in zip(starts, [*starts[1:], len(chosen)], strict=True):
        yield int(chosen[start]), int(start), int(end) - 1
