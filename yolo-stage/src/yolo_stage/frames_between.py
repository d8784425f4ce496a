"""Boxes of frames that the network was not asked about: between two that it was. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pose_contract.records import Box, Person

MOST_RATIO = 2  # of the heights of two boxes that are one person's


class Timed(Protocol):
    """A frame."""

    @property
    def t_seconds(self) -> float:
        """From the first frame on."""


FrameT = TypeVar("FrameT", bound=Timed)


def frames_between(found: Iterable[tuple[FrameT, list[Person] | None]]) -> Iterator[tuple[FrameT, list[Person]]]:
    """Every frame with its people, in order.

    Of a frame whose people are None, a person's box lies between the person's boxes in the frames before and after it,
    by its time. Who is in one of the two only is there in the nearer half. After the last frame that has people of its
    own they stay where they were.
    """
    before: tuple[FrameT, list[Person]] | None = None
    waiting: list[FrameT] = []
    for frame, people in found:
        if people is None:
            waiting.append(frame)
            continue
        if before is not None:
            yield from _moved(before, waiting, (frame, people))
        waiting, before = [], (frame, people)
        yield frame, people
    if before is not None:
        for frame in waiting:
            yield frame, before[1]


def _moved(
    before: tuple[FrameT, list[Person]], waiting: list[FrameT], after: tuple[FrameT, list[Person]]
) -> Iterator[tuple[FrameT, list[Person]]]:
    pairs = matched(before[1], after[1])
    seconds = after[0].t_seconds - before[0].t_seconds
    for frame in waiting:
        part = (frame.t_seconds - before[0].t_seconds) / seconds
        people = [_between(before[1][one], after[1][other], part) for one, other in pairs]
        gone, come = {one for one, _ in pairs}, {other for _, other in pairs}
        if part < 0.5:
            people += [person for index, person in enumerate(before[1]) if index not in gone]
        else:
            people += [person for index, person in enumerate(after[1]) if index not in come]
        people.sort(key=lambda person: person.box.x1 + person.box.x2)
        yield frame, [person.model_copy(update={"index": index}) for index, person in enumerate(people)]


def matched(one: list[Person], other: list[Person]) -> list[tuple[int, int]]:
    """Pairs of indices of the same person in two frames: the nearest boxes first, each person once.

    Boxes of a person who runs need not overlap. Two boxes can be one person's if their centres lie at most a mean
    height apart, and neither is twice as high as the other.
    """
    if not one or not other:
        return []
    (centres, heights), (other_centres, other_heights) = map(_centres_and_heights, (one, other))
    mean = (heights[:, None] + other_heights) / 2
    distance = np.linalg.norm(centres[:, None] - other_centres, axis=2) / mean
    ratio = heights[:, None] / other_heights
    distance[(distance > 1) | (ratio > MOST_RATIO) | (ratio < 1 / MOST_RATIO)] = np.inf
    pairs = []
    while np.isfinite(distance).any():
        row, column = divmod(int(distance.argmin()), len(other))
        pairs.append((row, column))
        distance[row], distance[:, column] = np.inf, np.inf
    return sorted(pairs)


def _centres_and_heights(people: list[Person]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    boxes = np.array([person.box.xyxy for person in people], np.float64)
    return (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)


def _between(one: Person, other: Person, part: float) -> Person:
    edges = (1 - part) * np.array(one.box.xyxy) + part * np.array(other.box.xyxy)
    x1, y1, x2, y2 = map(float, edges)
    score = (1 - part) * one.score + part * other.score
    return Person(index=0, score=score, box=Box(x1=x1, y1=y1, x2=x2, y2=y2))
