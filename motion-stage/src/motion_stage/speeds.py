"""Speeds of a path: the article's, per window, and by the derivative; and what a still point would show. Pure.

Paths are [T, 2] float64 pixels, NaN where missing; speeds are [T], NaN where there is none.
"""

from __future__ import annotations

import math

import numpy as np

from motion_stage.gaps import segments
from motion_stage.sequence import Floats, present
from motion_stage.smoothers import savitzky_golay

WINDOW_STEPS = 5
LEAST_STEPS = 3  # of a full window
TO_SIGMA = 1.4826
STILL_STEP = math.sqrt(math.pi)  # the mean step of a point that only jitters, in its jitter's standard deviation
STILL_SPEED = math.sqrt(math.pi / 2)  # the mean length of a vector whose components jitter by 1


def step_lengths(path: Floats) -> Floats:
    """[T]: the distance from the sample before; the first is NaN."""
    lengths: Floats = np.linalg.norm(np.diff(path, axis=0, prepend=np.full((1, path.shape[1]), np.nan)), axis=1)
    return lengths


def window_speeds(
    t_seconds: Floats, path: Floats, steps: int = WINDOW_STEPS, centred: bool = False
) -> tuple[Floats, Floats]:
    """The mean of the last steps, per frame and per second.

    A window with a missing step counts the others, in distance and time alike, where there are three; else there is
    no speed. Neither has the first sample one.

    Args:
        t_seconds: [T].
        path: [T, 2].
        steps: how many.
        centred: half of them before and half after, which does not lag; a shorter window at the ends.
    """
    lengths = step_lengths(path)
    valid = np.isfinite(lengths)
    durations = np.where(valid, np.diff(t_seconds, prepend=np.nan), 0.0)
    sums = [np.concatenate([[0.0], np.cumsum(row)]) for row in (np.where(valid, lengths, 0.0), durations, valid)]
    at = np.arange(len(path))
    if centred:
        reach = np.minimum(np.minimum(at, len(path) - 1 - at), steps // 2)
        first, last = at - reach + 1, at + reach
    else:
        first, last = np.maximum(at - steps + 1, 1), at
    distance, seconds, count = (total[np.maximum(last + 1, first)] - total[first] for total in sums)
    enough = (count >= np.minimum(LEAST_STEPS, last - first + 1)) & (count > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(enough, distance / count, np.nan), np.where(enough, distance / seconds, np.nan)


def published_speeds(path: Floats, steps: int = WINDOW_STEPS) -> Floats:
    """The article's code: n steps are divided by the number of their n + 1 points, and the first speed is 0."""
    lengths = step_lengths(path)
    windows = (lengths[max(at - steps + 1, 1) : at + 1] for at in range(len(path)))
    return np.array([window.sum() / (len(window) + 1) for window in windows])


def velocities(t_seconds: Floats, path: Floats, samples: int, order: int = 3, longest_gap: float = 0.2) -> Floats:
    """[T, 2]: pixels per second, by the local polynomial of `savitzky_golay`; none in a segment that is shorter.

    Args:
        t_seconds: [T].
        path: [T, 2], cleaned of outliers but not smoothed, as smoothing twice lowers every peak.
        samples: of the window.
        order: of the polynomial.
        longest_gap: seconds; a longer step in time parts two segments.
    """
    result = np.full(path.shape, np.nan)
    for segment in segments(present(path), t_seconds, longest_gap):
        if segment.stop - segment.start >= samples:
            result[segment] = savitzky_golay(t_seconds[segment], path[segment], samples, order, 1)
    return result


def jitter_px(path: Floats) -> float:
    """The standard deviation of a path's jitter per axis, by its second differences, which motion hardly changes.

    NaN where fewer than three samples follow each other. Jitter that lasts for several frames is not seen.
    """
    second = np.diff(path, n=2, axis=0)
    second = second[np.isfinite(second).all(axis=1)]
    if not len(second):
        return math.nan
    spread = TO_SIGMA * np.median(np.abs(second - np.median(second, axis=0)), axis=0) / math.sqrt(6)
    return float(np.sqrt(np.mean(spread**2)))


def floor_of_steps(sigma_px: float) -> float:
    """Pixels per frame that the mean step of a still point shows. Averaging over steps does not lower it."""
    return STILL_STEP * sigma_px


def floor_of_velocity(sigma_px: float, gain: float) -> float:
    """Pixels per second that the derivative of a still point shows; `gain` by `savitzky_golay_gain`."""
    return STILL_SPEED * sigma_px * gain
