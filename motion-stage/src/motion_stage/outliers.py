"""Samples that cannot be: the article's median of five, Hampel's rule, and what lies far off the median. Pure.

Series are [T] or [T, K] float64 with NaN where missing; every function leaves what it was given as it was.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from motion_stage.sequence import Floats

Mask = NDArray[np.bool_]
LEAST_VALID = 3
LEAST_SIGMA_PX = 1.0
TO_SIGMA = 1.4826  # of a normal distribution: its standard deviation over its median absolute deviation
PUBLISHED_START = 3
AT_ONCE = 4096  # windows, so that an hour takes hardly more memory than a minute
LEAST_FOR_SPREAD = 15
BESIDE_AN_END = 4  # samples whose line tells where the first or last one of a stretch ought to be,
END_SIGMAS = 2.0  # give or take so many times more, as a line drawn on is less certain
LONGEST_GAP = 5  # missing samples, over which nothing is compared
NEIGHBOURS, QUIET = (
    7,
    10,
)  # of a sample and seven on either side the eleventh smallest residual tells how unsteady it is


def median_filter(series: Floats, length: int = 5, seed_compat: bool = False) -> Floats:
    """The median of `length` samples around each one.

    The window shrinks symmetrically at both ends, so that nothing is made up; a window with fewer than three valid
    samples leaves its sample as it is, and a missing sample stays missing.

    Args:
        series: [T] or [T, K].
        length: odd.
        seed_compat: the article's published code instead: it starts at index 3, leaves both ends, and reads what it
            has filtered already.
    """
    if seed_compat:
        return _published_median(series, length)
    half, (columns, shape) = length // 2, _as_columns(series)
    result = columns.copy()
    for reach in range(1, half + 1):
        inside = sliding_window_view(columns, 2 * reach + 1, axis=0) if len(columns) > 2 * reach else columns[:0]
        if not len(inside):
            break
        # The widest window serves the middle; a narrower one serves its first and last place alone.
        rows = np.arange(reach, len(columns) - reach)
        rows = rows if reach == half else rows[[0, -1]]
        for part in np.array_split(rows, len(rows) // AT_ONCE + 1):
            result[part] = _median_or(inside[part - reach], columns[part])
    return result.reshape(shape)


def _median_or(windows: Floats, otherwise: Floats) -> Floats:
    """[N, K]: the medians of [N, K, n] where enough is valid and the sample itself is there."""
    count = np.isfinite(windows).sum(axis=-1)
    ordered = np.sort(windows, axis=-1)  # NaN last
    low, high = (np.take_along_axis(ordered, place[..., None], -1)[..., 0] for place in (_below(count), count // 2))
    enough = (count >= LEAST_VALID) & np.isfinite(otherwise)
    return np.where(enough, (low + high) / 2, otherwise)


def _below(count: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.maximum(count - 1, 0) // 2


def _published_median(series: Floats, length: int) -> Floats:
    result, half = series.astype(np.float64, copy=True), length // 2
    for at in range(PUBLISHED_START, len(result) - half):
        result[at] = np.median(result[at - half : at + half + 1], axis=0)
    return result


def hampel_outliers(series: Floats, half: int = 3, n_sigma: float = 3.0, least_px: float = LEAST_SIGMA_PX) -> Mask:
    """[T]: whether a sample lies further from the median of its surroundings than `n_sigma` of their spread.

    Args:
        series: [T] or [T, K]; a sample goes where one of its K values does.
        half: samples on either side; fewer at the ends.
        n_sigma: of 1.4826 times the median absolute deviation.
        least_px: the least spread, so that a spike on a constant is found too.
    """
    columns, _ = _as_columns(series)
    if not len(columns):
        return np.zeros(0, dtype=bool)
    padded = np.pad(columns, ((half, half), (0, 0)), constant_values=np.nan)
    windows = sliding_window_view(padded, 2 * half + 1, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # windows without any valid sample
        middle = np.nanmedian(windows, axis=-1)
        spread = TO_SIGMA * np.nanmedian(np.abs(windows - middle[..., None]), axis=-1)
    enough = np.isfinite(windows).sum(axis=-1) >= LEAST_VALID
    far = np.abs(columns - middle) > n_sigma * np.maximum(spread, least_px)
    wrong: Mask = np.any(far & enough, axis=1)
    return wrong


def residual_outliers(series: Floats, n_sigma: float = 5.0, least_px: float = LEAST_SIGMA_PX) -> Mask:
    """[T]: whether a sample lies further from the median of five than `n_sigma` of what others do.

    Two spreads count, the larger one: that of the whole track, and that of the 15 samples around. A walker's ankle
    rests for more than half of the time, so that by the whole track's alone a swing were all outliers. Both are told by
    distances to the median of five, which fast motion hardly widens, unlike Hampel's to one median. The five are valid
    samples, as many before as after: with a gap on one side the median of the others would lag behind the motion.
    And an outlier shifts the medians beside it along the motion: what lies on the line between the samples that are
    beyond doubt stays. The first and the last of a stretch have no median; the line of the four beside them is drawn
    on instead. In fewer than 15 samples no spread can be told, and nothing is rejected.

    Args:
        series: [T] or [T, K]; a sample goes where one of its K values does, and is missing where one of them is.
        n_sigma: of 1.4826 times the median absolute residual.
        least_px: the least spread.
    """
    columns, _ = _as_columns(series)
    rows = np.flatnonzero(np.isfinite(columns).all(axis=1))
    result = np.zeros(len(columns), dtype=bool)
    if len(rows) < LEAST_FOR_SPREAD:
        return result
    known = columns[rows]
    stretches = np.split(known, np.flatnonzero(np.diff(rows) > LONGEST_GAP + 1) + 1)
    residual = np.abs(known - np.concatenate([median_filter(stretch) for stretch in stretches]))
    sigma = np.maximum(TO_SIGMA * np.maximum(np.median(residual, axis=0), _unsteadiness(residual)), least_px)
    far = np.any(residual > n_sigma * sigma, axis=1)
    if not far.all():
        lines = [np.interp(rows, rows[~far], column) for column in known[~far].T]
        far &= np.any(np.abs(known - np.stack(lines, axis=1)) > n_sigma * sigma, axis=1)
    for at, expected in _ends(known, stretches):
        far[at] |= bool(np.any(np.abs(known[at] - expected) > END_SIGMAS * n_sigma * sigma[at]))
    result[rows] = far
    return result


def _unsteadiness(residual: Floats) -> Floats:
    """[N, K]: what residuals around each sample are like; a few outliers among them do not tell."""
    padded = np.pad(residual, ((NEIGHBOURS, NEIGHBOURS), (0, 0)), mode="reflect")
    windows = sliding_window_view(padded, 2 * NEIGHBOURS + 1, axis=0)
    result = np.empty_like(residual)
    for first in range(0, len(result), AT_ONCE):
        rows = slice(first, first + AT_ONCE)
        result[rows] = np.partition(windows[rows], QUIET, axis=-1)[..., QUIET]
    return result


def _ends(known: Floats, stretches: Sequence[Floats]) -> Iterator[tuple[int, Floats]]:
    """The first and the last place of each stretch, and where the line of the samples beside it leads."""
    bounds = np.cumsum([0, *map(len, stretches)]).tolist()
    for start, end in itertools.pairwise(bounds):
        if end - start > BESIDE_AN_END:
            for at, inward in ((start, 1), (end - 1, -1)):
                away = inward * np.arange(1, BESIDE_AN_END + 1)
                yield at, np.polynomial.polynomial.polyfit(away, known[at + away], 1)[0]


def _as_columns(series: Floats) -> tuple[Floats, tuple[int, ...]]:
    values = np.asarray(series, dtype=np.float64)
    return (values[:, None] if values.ndim == 1 else values), values.shape
