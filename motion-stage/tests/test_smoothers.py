"""Savitzky-Golay, Butterworth, One-Euro (A5, A6)."""

from __future__ import annotations

import numpy as np
import pytest
from people import dropped, times

from motion_stage.smoothers import butterworth, local_polynomials, one_euro, savitzky_golay, window_samples
from pose_contract.errors import UsageError


@pytest.mark.parametrize(
    ("fps", "seconds", "samples"), [(30, 0.4, 13), (30, 0.3, 9), (25, 0.4, 11), (60, 0.4, 25), (5, 0.4, 5)]
)
def test_the_window_in_samples(fps: float, seconds: float, samples: int) -> None:
    assert window_samples(seconds, 1 / fps) == samples


@pytest.mark.parametrize("derivative", [0, 1, 2])
def test_savitzky_golay_is_exact_on_cubics_at_even_and_uneven_times(derivative: int) -> None:
    rng = np.random.default_rng(4)
    for t in (times(30, 3), dropped(times(30, 3), 0.2, rng), np.cumsum(rng.uniform(0.02, 0.05, 90))):
        cubic = np.polynomial.Polynomial([3.0, -20.0, 11.0, 7.0])
        path = np.stack([cubic(t), -2 * cubic(t)], axis=1)
        truth = cubic.deriv(derivative)(t) if derivative else cubic(t)
        result = savitzky_golay(t, path, 13, 3, derivative)
        np.testing.assert_allclose(
            result, np.stack([truth, -2 * truth], axis=1), atol=2e-9 * max(np.abs(truth).max(), 1)
        )


def test_the_fit_at_real_times_equals_the_even_one() -> None:
    rng = np.random.default_rng(5)
    t = times(30, 300)  # more windows than are fitted at once
    path = rng.normal(0, 10, (len(t), 2))
    for derivative in (0, 1):
        even, uneven = savitzky_golay(t, path, 13, 3, derivative), local_polynomials(t, path, 13, 3, derivative)
        np.testing.assert_allclose(uneven, even, atol=1e-9 * np.abs(even).max())


def gain_and_lag(fps: float, cutoff: float) -> tuple[float, float]:
    """Of a sine of the cut-off's frequency, by fitting one to the filtered middle."""
    t = np.arange(round(fps * 40)) / fps
    wave = np.sin(2 * np.pi * cutoff * t)[:, None]
    inner = slice(len(t) // 4, 3 * len(t) // 4)
    basis = np.stack([np.sin(2 * np.pi * cutoff * t), np.cos(2 * np.pi * cutoff * t)], axis=1)[inner]
    (sine, cosine), *_ = np.linalg.lstsq(basis, butterworth(t, wave, cutoff)[inner, 0], rcond=None)
    return float(np.hypot(sine, cosine)), float(np.arctan2(cosine, sine))


@pytest.mark.parametrize("fps", [25, 29.97, 30, 60, 120, 240])
def test_butterworth_halves_the_power_at_the_cutoff_without_delay(fps: float) -> None:
    gain, lag = gain_and_lag(fps, 6.3)
    assert abs(gain - 0.7071) <= 0.002 and abs(lag) < 1e-3
    constant = np.full((60, 2), 7.0)
    np.testing.assert_allclose(butterworth(np.arange(60) / fps, constant, 6.3), constant, atol=1e-9)


def test_butterworth_refuses_what_the_rate_cannot_hold() -> None:
    with pytest.raises(
        UsageError, match=r"--cutoff_hz: expected over 0 and under 13.5, 0.45 of the frame rate 30, got 14"
    ):
        butterworth(times(30, 1), np.zeros((30, 2)), 14)


def test_butterworth_at_uneven_times_is_that_at_even_ones() -> None:
    even = times(60, 10)
    t = dropped(even, 0.2, np.random.default_rng(6))

    def wave(at: np.ndarray) -> np.ndarray:
        return 100 * np.sin(2 * np.pi * 1.0 * at)[:, None]

    difference = butterworth(t, wave(t), 6.0) - wave(t)
    assert np.abs(difference[30:-30]).max() < 0.5


def test_one_euro_rests_and_follows_at_every_size() -> None:
    t = times(30, 4)
    rng = np.random.default_rng(7)
    still = rng.normal(0, 2, (120, 2))
    assert one_euro(t, still, 1.0, 1.0, 100.0)[30:].std() < 0.5 * still.std()
    moving = np.stack([600 * t, 0 * t], axis=1)
    slow, quick = (one_euro(t, moving, 1.0, beta, 100.0) for beta in (0.0, 5.0))
    assert np.abs(quick - moving)[60:].max() < 0.3 * np.abs(slow - moving)[60:].max()
    np.testing.assert_allclose(one_euro(t, 3 * moving, 1.0, 1.0, 300.0), 3 * one_euro(t, moving, 1.0, 1.0, 100.0))
