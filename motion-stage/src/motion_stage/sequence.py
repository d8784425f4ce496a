"""One person through time: the record that filters, speeds, angles, events and plots share. Data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pose_contract.skeletons import Skeleton

ROUNDING_SECONDS = 2e-6  # between two times of a record, which are rounded to a microsecond
Floats = NDArray[np.float64]
States = NDArray[np.uint8]


class State(IntEnum):
    """Where a sample comes from.

    In a track as recorded, samples of a low score and those of a repeated frame still have their place. In a cleaned
    or smoothed one only MEASURED and INTERPOLATED samples have one; of the others, which are NaN, it says why. What was
    rejected or repeated and then filled is INTERPOLATED there.
    """

    MEASURED = 0
    LOW_SCORE = 1
    REJECTED = 2
    INTERPOLATED = 3
    MISSING = 4
    DUPLICATE = 5

    @property
    def word(self) -> str:
        """As the tables have it: `low_score`."""
        return self.name.lower()


@dataclass(frozen=True)
class Track:
    """One person's keypoints through T frames of a video.

    Frames of the video in which the person is missing, between the first and the last, are there too: NaN, score 0,
    state MISSING.

    Attributes:
        id: of the person, from 1 on; never used twice in a video.
        frames: [T] int64, frame numbers of the video, rising.
        t_seconds: [T] float64, time from the video's first frame, rising; may be uneven.
        keypoints_xy: [T, J, 2] pixels of the upright frame, x right, y down; NaN where missing. float32 where many are
            held: that is exact to a record's three decimals up to 8,192 px. What computes takes float64 of it.
        scores: [T, J] float32, as the network gave them, never smoothed; 0 where missing.
        states: [T, J] uint8, see `State`.
        skeleton: names the J keypoints.
        torso_px: the median distance from mid-hip to mid-shoulder; NaN where neither was ever seen.
    """

    id: int
    frames: NDArray[np.int64]
    t_seconds: Floats
    keypoints_xy: NDArray[np.floating]
    scores: NDArray[np.float32]
    states: States
    skeleton: Skeleton
    torso_px: float

    def point(self, name: str) -> Floats:
        """[T, 2]: one keypoint's path. Raises ValueError where the skeleton has none of that name."""
        path: Floats = self.keypoints_xy[:, self.skeleton.keypoints.index(name)].astype(np.float64)
        return path

    def state_of(self, name: str) -> States:
        """[T]: one keypoint's states. Raises ValueError where the skeleton has none of that name."""
        return self.states[:, self.skeleton.keypoints.index(name)]

    def mean_of(self, names: Iterable[str]) -> Floats:
        """[T, 2]: the middle of several keypoints, NaN where any of them is missing; of none: NaN throughout."""
        columns = [self.point(name) for name in names if name in self.skeleton.keypoints]
        if not columns:
            return np.full((len(self.frames), 2), np.nan)
        middle: Floats = np.mean(columns, axis=0, dtype=np.float64)
        return middle

    def part(self, rows: slice) -> Track:
        """Some rows of it, not copied."""
        arrays = ("frames", "t_seconds", "keypoints_xy", "scores", "states")
        return replace(self, **{name: getattr(self, name)[rows] for name in arrays})

    def with_points(self, keypoints_xy: NDArray[np.floating], states: States) -> Track:
        """The same person with other places: after a filter."""
        return replace(self, keypoints_xy=keypoints_xy, states=states)


def present(path: Floats) -> NDArray[np.bool_]:
    """[T]: where a path [T, K] has a place."""
    there: NDArray[np.bool_] = np.all(np.isfinite(path), axis=1)
    return there


def median_dt(t_seconds: Floats) -> float:
    """The median time between samples, of even ones the mean; NaN where there are fewer than two."""
    if len(t_seconds) < 2:
        return float("nan")
    steps = np.diff(t_seconds)
    median = float(np.median(steps))
    even = bool(np.abs(steps - median).max() <= ROUNDING_SECONDS)
    return float(t_seconds[-1] - t_seconds[0]) / len(steps) if even else median
