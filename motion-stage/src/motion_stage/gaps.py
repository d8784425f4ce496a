"""Runs without a gap, and short gaps filled by time, never past the ends. Pure."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator  # type: ignore[import-untyped]

from motion_stage.sequence import ROUNDING_SECONDS, Floats, median_dt, present

Mask = NDArray[np.bool_]
LONGEST_GAP_SECONDS = 0.2
LEAST_BESIDE = 3  # measured samples on either side of a gap that is filled,
WITHIN_SAMPLES = 5  # found within so many samples, or the longest gap's time, whichever is more


def segments(valid: Mask, t_seconds: Floats, longest_gap: float = LONGEST_GAP_SECONDS) -> list[slice]:
    """The longest runs of valid samples in which no step in time is longer than a gap that would be filled.

    Args:
        valid: [T].
        t_seconds: [T], rising; steps of 2.5 times the median one are never a gap.
        longest_gap: seconds.
    """
    if not valid.any():
        return []
    longest = max(longest_gap, 2.5 * median_dt(t_seconds) if len(t_seconds) > 1 else 0.0) + ROUNDING_SECONDS
    rows = np.flatnonzero(valid)
    breaks = (np.diff(rows) > 1) | (np.diff(t_seconds[rows]) > longest)
    starts = [rows[0], *rows[1:][breaks]]
    ends = [*rows[:-1][breaks], rows[-1]]
    return [slice(int(start), int(end) + 1) for start, end in zip(starts, ends, strict=True)]


def filled(
    t_seconds: Floats, points: Floats, longest_gap: float = LONGEST_GAP_SECONDS, kind: str = "linear"
) -> tuple[Floats, Mask]:
    """Short gaps filled by time.

    A gap is filled where the samples around it lie at most `longest_gap` apart, and three samples were measured close
    by on either side. Nothing is added before the first sample or after the last.

    Args:
        t_seconds: [T], rising.
        points: [T, K], NaN where missing.
        longest_gap: seconds.
        kind: "linear" or "pchip", a cubic that does not overshoot.

    Returns:
        [T, K] and [T]: which samples were filled.
    """
    valid = present(points)
    result, chosen = points.copy(), np.zeros(len(points), dtype=bool)
    rows = np.flatnonzero(valid)
    for before, after in itertools.pairwise(rows):
        if after - before > 1 and t_seconds[after] - t_seconds[before] <= longest_gap + ROUNDING_SECONDS:
            chosen[before + 1 : after] = _well_held(t_seconds, valid, (int(before), int(after)), longest_gap)
    if not chosen.any():
        return result, chosen
    if kind == "pchip":
        result[chosen] = PchipInterpolator(t_seconds[valid], points[valid], axis=0)(t_seconds[chosen])
    else:
        for column in range(points.shape[1]):
            result[chosen, column] = np.interp(t_seconds[chosen], t_seconds[valid], points[valid, column])
    return result, chosen


def _well_held(t_seconds: Floats, valid: Mask, gap: tuple[int, int], longest_gap: float) -> bool:
    """Whether three samples were measured close by, before the gap's first row and after its last one."""
    before, after = gap
    near = longest_gap + ROUNDING_SECONDS
    start = min(int(np.searchsorted(t_seconds, t_seconds[before] - near)), max(before - WITHIN_SAMPLES + 1, 0))
    end = max(int(np.searchsorted(t_seconds, t_seconds[after] + near, "right")), after + WITHIN_SAMPLES)
    return bool(min(valid[start : before + 1].sum(), valid[after:end].sum()) >= LEAST_BESIDE)
