"""The chain over one person's track: what cannot be goes, short gaps are filled, the rest is smoothed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from motion_stage.gaps import filled, segments
from motion_stage.outliers import Mask, hampel_outliers, median_filter, residual_outliers
from motion_stage.sequence import Floats, State, Track, median_dt, present
from motion_stage.settings import POLYNOMIAL, MotionSettings
from motion_stage.smoothers import (
    BUTTERWORTH_PAD,
    butterworth,
    one_euro,
    require_cutoff,
    savitzky_golay,
    window_samples,
)

OUTLIERS: dict[str, Callable[[Floats], Mask]] = {"residual": residual_outliers, "hampel": hampel_outliers}


def cleaned(track: Track, settings: MotionSettings, in_place: bool = False) -> Track:
    """The track without low scores, repeated frames and outliers, and with short gaps filled by time.

    Args:
        track: as recorded.
        settings: despike, longest_gap, fill.
        in_place: write into the track's own arrays: an hour's are large.

    Every sample that is NaN then keeps in its state why.
    """
    points, states = (
        (track.keypoints_xy, track.states) if in_place else (track.keypoints_xy.copy(), track.states.copy())
    )
    for joint in range(points.shape[1]):
        path, state = points[:, joint].astype(np.float64), states[:, joint]
        path[state != State.MEASURED] = np.nan
        if settings.despike != "none":
            wrong = OUTLIERS[settings.despike](path)
            path[wrong] = np.nan
            state[wrong] = State.REJECTED
        path, made = filled(track.t_seconds, path, settings.longest_gap, settings.fill)
        state[made] = State.INTERPOLATED
        points[:, joint] = path
    return track.with_points(points, states)


def smoothed(track: Track, settings: MotionSettings, in_place: bool = False) -> tuple[Track, int]:
    """The cleaned track through the filter, segment by segment, and how many segments were too short for it.

    Args:
        track: as `cleaned` gives it.
        settings: filter and what it takes.
        in_place: write into the track's own array.

    Raises:
        UsageError: the Butterworth cut-off is too high for the frame rate.
    """
    points = track.keypoints_xy if in_place else track.keypoints_xy.copy()
    dt = median_dt(track.t_seconds)
    if settings.filter == "none" or not dt > 0:
        return track.with_points(points, track.states), 0
    smooth, least = _smoother(track, settings, dt)
    short = 0
    for joint in range(points.shape[1]):
        path = points[:, joint].astype(np.float64)
        for segment in segments(present(path), track.t_seconds, settings.longest_gap):
            if segment.stop - segment.start < least:
                short += 1
            else:
                points[segment, joint] = smooth(track.t_seconds[segment], path[segment])
    return track.with_points(points, track.states), short


def _smoother(track: Track, settings: MotionSettings, dt: float) -> tuple[Callable[[Floats, Floats], Floats], int]:
    """The filter over one segment, and how many samples it needs."""
    if settings.filter == "median":
        return lambda _, path: median_filter(path, seed_compat=bool(settings.seed_compat)), 1
    if settings.filter == "butterworth":
        require_cutoff(settings.cutoff_hz, 1 / dt)
        return lambda times, path: butterworth(times, path, settings.cutoff_hz), BUTTERWORTH_PAD + 1
    if settings.filter == "oneeuro":
        torso = track.torso_px if np.isfinite(track.torso_px) else 1.0
        return lambda times, path: one_euro(times, path, settings.min_cutoff_hz, settings.beta, torso), 2
    samples = window_samples(settings.window, dt, POLYNOMIAL)
    return lambda times, path: savitzky_golay(times, path, samples, POLYNOMIAL), samples
