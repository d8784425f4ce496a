"""The median of five, Hampel's rule, the residual despike, and gaps (A2, A8)."""

from __future__ import annotations

import numpy as np
import pytest
from people import figure, times, track_of

from motion_stage.filters import cleaned, smoothed
from motion_stage.gaps import filled, segments
from motion_stage.outliers import hampel_outliers, median_filter, residual_outliers
from motion_stage.sequence import State
from motion_stage.settings import MotionSettings


def brute_median(series: list[float], length: int = 5) -> list[float]:
    """Formula 3, word for word."""
    result, half = [], length // 2
    for at, value in enumerate(series):
        reach = min(half, at, len(series) - 1 - at)
        valid = [other for other in series[at - reach : at + reach + 1] if not np.isnan(other)]
        result.append(float(np.median(valid)) if len(valid) >= 3 and not np.isnan(value) else value)
    return result


def test_the_median_of_a_thousand_series_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(1)
    assert median_filter(np.empty(0)).shape == (0,)
    for _ in range(1000):
        series = rng.integers(0, 10, rng.integers(0, 14)).astype(float)
        series[rng.random(len(series)) < 0.15] = np.nan
        given = series.copy()
        np.testing.assert_array_equal(median_filter(series), brute_median(series.tolist()))
        np.testing.assert_array_equal(series, given)


def test_the_articles_median_is_reproduced_and_mended() -> None:
    published = [[1, 100], [2, 100], [3, 100], [4, 100], [5, 100], [6, 500], [7, 100], [8, 100], [9, 100], [10, 100]]
    for compat in (False, True):
        assert median_filter(np.array(published, float), seed_compat=compat)[5].tolist() == [6, 100]
    spike = np.array([0, 0, 100, 0, 0, 0, 0, 0, 0], float)
    assert median_filter(spike).tolist() == [0] * 9
    assert median_filter(spike, seed_compat=True).tolist() == spike.tolist()  # index 2 is never filtered there
    aliased = np.array([8, 6, 5, 2, 3, 0, 0, 0, 1, 8], float)
    assert median_filter(aliased)[3:5].tolist() == [3, 2]
    assert median_filter(aliased, seed_compat=True)[3:5].tolist() == [3, 3]


def test_hampel_rejects_a_spike_on_a_constant() -> None:
    series = np.full(20, 5.0)
    series[10] = 12.0
    assert np.flatnonzero(hampel_outliers(series)).tolist() == [10]
    assert not hampel_outliers(np.full(20, np.nan)).any() and not hampel_outliers(np.empty((0, 2))).any()


def test_the_residual_despike_finds_outliers_in_fast_motion() -> None:
    rng = np.random.default_rng(2)
    t = times(30, 20)
    path = np.stack([600 + 200 * np.sin(2 * np.pi * 0.5 * t), np.full(len(t), 300.0)], axis=1) + rng.normal(
        0, 2, (600, 2)
    )
    wrong = np.arange(20, 580, 33)
    path[wrong] += 120
    found = residual_outliers(path)
    assert found[wrong].all() and found.sum() - len(wrong) < 0.08 * len(t)
    assert not residual_outliers(np.full((5, 2), np.nan)).any()


def test_steady_motion_beside_a_gap_is_no_outlier() -> None:
    """As on a real walk: ten pixels a frame, and the first two samples after a gap were rejected."""
    path = np.stack([10.0 * np.arange(60), np.zeros(60)], axis=1)
    path[[20, 21, 40]] = np.nan
    assert not residual_outliers(path).any()
    path[30, 0] += 100
    assert np.flatnonzero(residual_outliers(path)).tolist() == [30]
    path[[0, 18, 59], 1] += 100  # at both ends too
    assert np.flatnonzero(residual_outliers(path)).tolist() == [0, 18, 30, 59]
    assert not residual_outliers(np.random.default_rng(0).normal(0, 50, (14, 2))).any()


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_a_foot_that_rests_and_swings_keeps_its_swings(fps: int) -> None:
    """Still for a third of the time: by the whole track's spread alone a tenth of these were thrown out."""
    t = times(fps, 10)
    stride, swing = np.divmod(t / 0.7, 1)
    s = np.clip((swing - 0.35) / 0.65, 0, 1)
    path = np.stack([300 * (stride + s**3 * (10 - 15 * s + 6 * s**2)), -36 * np.sin(np.pi * s) ** 2], axis=1)
    rejected, found = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        noisy, wrong = path + rng.normal(0, 3, path.shape), np.arange(15, len(t) - 15, 29)
        noisy[wrong] += rng.choice([-1, 1], (len(wrong), 2)) * 120
        told = residual_outliers(noisy)
        found.append(told[wrong].mean())
        rejected.append(np.delete(told, wrong).mean())
    assert np.mean(rejected) < 0.04 and np.mean(found) > 0.93, (rejected, found)


def test_segments() -> None:
    t = np.arange(10) / 30
    assert segments(np.zeros(10, bool), t) == []
    assert segments(np.ones(1, bool), t[:1]) == [slice(0, 1)]
    valid = np.array([0, 1, 1, 0, 1, 1, 1, 0, 0, 1], bool)
    assert segments(valid, t) == [slice(1, 3), slice(4, 7), slice(9, 10)]
    jump = np.where(np.arange(10) < 5, t, t + 3)
    assert segments(np.ones(10, bool), jump) == [slice(0, 5), slice(5, 10)]


@pytest.mark.parametrize("kind", ["linear", "pchip"])
def test_gaps_are_filled_by_time_up_to_their_length(kind: str) -> None:
    t = np.delete(np.arange(40) / 30, 16)  # uneven: a frame was dropped inside the gap
    path = np.stack([100 * t, -50 * t], axis=1)
    for gap in (slice(0, 2), slice(14, 17), slice(24, 31), slice(37, 39)):
        path[gap] = np.nan
    result, made = filled(t, path, kind=kind)
    assert np.flatnonzero(made).tolist() == [14, 15, 16]  # not the ends, not the seven frames
    np.testing.assert_allclose(result[14:17], np.stack([100 * t, -50 * t], axis=1)[14:17], atol=1e-9)
    assert np.isnan(path[14:17]).all()


def test_a_gap_between_two_lone_samples_is_none_to_fill() -> None:
    t = np.arange(12) / 30
    path = np.full((12, 2), np.nan)
    path[[3, 5]] = 1.0
    assert not filled(t, path)[1].any()


@pytest.mark.parametrize("kind", ["savgol", "median", "butterworth", "oneeuro", "none"])
def test_no_number_appears_where_long_gaps_are(kind: str) -> None:
    """A8: for any mask; and every sample has one state."""
    rng = np.random.default_rng(3)
    t = times(30, 6)
    points = figure()[None] + np.stack([100 * t, 10 * np.sin(t)], axis=1)[:, None] + rng.normal(0, 1, (180, 17, 2))
    for share in (0.0, 0.1, 0.4, 0.8, 1.0):
        mask = rng.random((180, 17)) < share
        mask[60:75] = True
        given = np.where(mask[..., None], np.nan, points)
        track = track_of(t, given)
        smooth, _ = smoothed(cleaned(track, MotionSettings(filter=kind)), MotionSettings(filter=kind))
        known = np.isfinite(smooth.keypoints_xy).all(axis=2)
        assert not known[60:75].any()
        state = smooth.states
        np.testing.assert_array_equal(known, (state == State.MEASURED) | (state == State.INTERPOLATED))
        assert (
            known | ~(~mask & (state != State.REJECTED))
        ).all()  # what was measured, and not rejected, is still there
        assert all(np.bincount(state[:, joint], minlength=6).sum() == 180 for joint in range(17))
        np.testing.assert_array_equal(track.keypoints_xy, given)
