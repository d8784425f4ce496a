"""The measured samples of a coordinate between its long gaps, and a local polynomial through them. Pure.

Filled-in samples are left out: a straight line across a turn would flatten it. The polynomial takes uneven times.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_stage.events.records import SIDES, Event, Kind
from motion_stage.gaps import segments
from motion_stage.sequence import Floats, State, Track, median_dt
from motion_stage.smoothers import savitzky_golay, window_samples

Mask = NDArray[np.bool_]
ORDER = 3  # a parabola would be late at a turn whose two sides differ in acceleration, by a seventh of its window


@dataclass(frozen=True)
class Stretch:
    """Samples with no gap longer than one that would be filled.

    Attributes:
        frames: [N], their frame numbers.
        rows: [N], their places in the track.
        t_seconds: [N], rising.
        values: [N] without NaN.
    """

    frames: NDArray[np.int64]
    rows: NDArray[np.int64]
    t_seconds: Floats
    values: Floats

    def fit(self, window_seconds: float) -> tuple[Floats, Floats]:
        """The fitted values [N] and their change per second [N].

        Fewer samples than a window has come back as they are, with NaN for their velocity.
        """
        times, values = self.t_seconds, self.values[:, None]
        samples = window_samples(window_seconds, median_dt(times), ORDER) if len(times) > 1 else 2
        if len(times) < samples:
            return self.values.copy(), np.full(len(times), np.nan)
        places, velocities = (savitzky_golay(times, values, samples, ORDER, order) for order in (0, 1))
        return places[:, 0], velocities[:, 0]

    def event(self, kind: Kind, side: str, moment: float) -> Event:
        """An event at a moment of the stretch: not `measured` where a sample beside it is missing."""
        after = int(np.clip(np.searchsorted(self.t_seconds, moment), 1, len(self.t_seconds) - 1))
        whole = self.rows[after] - self.rows[after - 1] == 1
        frame = float(np.interp(moment, self.t_seconds, self.frames))
        return Event(kind, side, moment, frame, "measured" if whole else "interpolated")


def measured(track: Track, names: Iterable[str]) -> Mask:
    """[T]: whether all of several keypoints were seen, and not filled in."""
    columns = [track.skeleton.keypoints.index(name) for name in names]
    known = np.isfinite(track.keypoints_xy[:, columns]).all(axis=(1, 2))
    filled = (track.states[:, columns] == State.INTERPOLATED).any(axis=1)
    duplicate = (track.states[:, columns] == State.DUPLICATE).all(axis=1)  # shows an earlier moment
    seen: Mask = known & ~filled & ~duplicate
    return seen


def place_of(track: Track, name: str) -> tuple[Floats, Mask]:
    """A keypoint's path [T, 2], and where it was measured [T]."""
    return track.point(name), measured(track, [name])


def middle_of(track: Track, name: str) -> tuple[Floats, Mask]:
    """The path [T, 2] of the middle between `left_` and `right_` of a name, and where it was measured [T].

    Where one of the two is missing the middle comes from the other, and from how far apart they are before and after.
    So it never jumps from the middle to one side.
    """
    (left, left_seen), (right, right_seen) = (place_of(track, f"{side}_{name}") for side in SIDES)
    both, times = left_seen & right_seen, track.t_seconds
    if not both.any():
        return np.full_like(left, np.nan), both
    half = np.stack([np.interp(times, times[both], (left - right)[both, axis] / 2) for axis in (0, 1)], axis=1)
    path: Floats = np.where(left_seen[:, None], left - half, right + half)
    return path, left_seen | right_seen


def stretches_of(track: Track, values: Floats, valid: Mask) -> list[Stretch]:
    """`values` [T] where `valid` [T], cut where a gap is too long to be filled."""
    rows = np.flatnonzero(valid)
    times = track.t_seconds[rows]
    parts = segments(np.ones(len(rows), dtype=bool), times)
    return [Stretch(track.frames[rows[part]], rows[part], times[part], values[rows[part]]) for part in parts]
