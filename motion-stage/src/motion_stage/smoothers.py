"""Savitzky-Golay, Butterworth and One-Euro over one segment without gaps, at even or uneven times. Pure.

`points` are [T, K] float64 without NaN, `t_seconds` [T] rising.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.interpolate import PchipInterpolator  # type: ignore[import-untyped]
from scipy.signal import butter, savgol_coeffs, savgol_filter, sosfiltfilt  # type: ignore[import-untyped]

from motion_stage.sequence import ROUNDING_SECONDS, Floats, median_dt
from pose_contract.errors import UsageError

NEARLY_EVEN = 0.1  # stamps in whole milliseconds: the Butterworth filter takes them as even
AT_ONCE = 4096  # windows, so that an hour takes no more memory than a minute
TWO_PASSES = (math.sqrt(2) - 1) ** 0.25  # a second-order filter run forward and backward lowers its own cut-off by this
BUTTERWORTH_PAD = 9  # samples at either end of one second-order section
HIGHEST_CUTOFF = 0.45  # of the frame rate


def window_samples(window_seconds: float, dt: float, order: int = 3) -> int:
    """How many samples a window of so many seconds has: odd, and two more than the polynomial's order at least."""
    least = order + 2 if order % 2 else order + 3
    return max(round(window_seconds / dt) | 1, least) if dt > 0 else least


def savitzky_golay(t_seconds: Floats, points: Floats, samples: int, order: int = 3, derivative: int = 0) -> Floats:
    """A polynomial fitted to the samples around each one: its value, or its derivative by time.

    At the ends the polynomial of the last full window counts. At uneven times it is fitted to the real ones.

    Args:
        t_seconds: [T].
        points: [T, K], T >= samples.
        samples: odd, over `order`.
        order: of the polynomial.
        derivative: 0, the value; 1, velocity per second; 2, acceleration.
    """
    dt = _mean_step(t_seconds)
    if np.abs(np.diff(t_seconds) - dt).max() <= ROUNDING_SECONDS:
        even: Floats = savgol_filter(points, samples, order, deriv=derivative, delta=dt, axis=0, mode="interp")
        return even
    return local_polynomials(t_seconds, points, samples, order, derivative)


def local_polynomials(t_seconds: Floats, points: Floats, samples: int, order: int, derivative: int) -> Floats:
    """As `savitzky_golay`, by the real times, however even they are."""
    result = np.empty_like(points)
    starts = np.clip(np.arange(len(points)) - samples // 2, 0, len(points) - samples)
    for first in range(0, len(points), AT_ONCE):
        rows = np.arange(first, min(first + AT_ONCE, len(points)))
        times = sliding_window_view(t_seconds, samples)[starts[rows]] - t_seconds[rows, None]
        weights = _local_weights(times, order, derivative)
        windows = sliding_window_view(points, samples, axis=0)[starts[rows]]
        result[rows] = np.einsum("nkw,nw->nk", windows, weights)
    return result


def _mean_step(t_seconds: Floats) -> float:
    return float(t_seconds[-1] - t_seconds[0]) / (len(t_seconds) - 1)


def _local_weights(times: Floats, order: int, derivative: int) -> Floats:
    """[N, n]: what each sample of a window counts for the value at time 0; `times` is [N, n]."""
    unit = np.abs(times).max()
    powers = (times / unit)[..., None] ** np.arange(order + 1)
    orthogonal, triangle = np.linalg.qr(powers)
    wanted = np.zeros((len(times), order + 1, 1))
    wanted[:, derivative] = math.factorial(derivative) / unit**derivative
    inverse = np.linalg.solve(np.swapaxes(triangle, 1, 2), wanted)
    weights: Floats = (orthogonal @ inverse)[..., 0]
    return weights


def savitzky_golay_gain(samples: int, order: int, dt: float) -> float:
    """The standard deviation of the velocity per second over that of white noise in the places."""
    return float(np.linalg.norm(savgol_coeffs(samples, order, deriv=1, delta=dt)))


def require_cutoff(cutoff_hz: float, rate_hz: float) -> None:
    """Refuses a cut-off that so few frames a second cannot hold. Raises UsageError."""
    if not 0 < cutoff_hz < HIGHEST_CUTOFF * rate_hz:
        expected = f"over 0 and under {HIGHEST_CUTOFF * rate_hz:.4g}, 0.45 of the frame rate"
        raise UsageError(
            f"--cutoff_hz: expected {expected} {rate_hz:.4g}, got {cutoff_hz}",
            "take a lower cut-off, or --filter savgol",
        )


def butterworth(t_seconds: Floats, points: Floats, cutoff_hz: float) -> Floats:
    """A second-order low pass run forward and backward: no delay, and half the power at `cutoff_hz` after both passes.

    At uneven times the places are taken to the median rate, filtered, and taken back.

    Args:
        t_seconds: [T], T > 9.
        points: [T, K].
        cutoff_hz: over 0, under 0.45 of the rate.

    Raises:
        UsageError: the cut-off is too high for the rate.
    """
    dt = median_dt(t_seconds)
    even = np.abs(np.diff(t_seconds) - dt).max() <= NEARLY_EVEN * dt
    dt = _mean_step(t_seconds) if even else dt
    require_cutoff(cutoff_hz, 1 / dt)
    one_pass = math.atan(math.tan(math.pi * cutoff_hz * dt) / TWO_PASSES) / (math.pi * dt)
    sections = butter(2, one_pass, fs=1 / dt, output="sos")
    if even:
        smooth: Floats = sosfiltfilt(sections, points, axis=0)
        return smooth
    grid = np.linspace(t_seconds[0], t_seconds[-1], max(round((t_seconds[-1] - t_seconds[0]) / dt), 1) + 1)
    if len(grid) <= BUTTERWORTH_PAD:
        return points.copy()
    smooth = sosfiltfilt(sections, PchipInterpolator(t_seconds, points, axis=0)(grid), axis=0)
    back: Floats = PchipInterpolator(grid, smooth, axis=0)(t_seconds)
    return back


def one_euro(t_seconds: Floats, points: Floats, min_cutoff_hz: float, beta: float, unit_px: float) -> Floats:
    """The One-Euro filter: looks back only, so it lags a little; the cut-off rises with the speed.

    Args:
        t_seconds: [T].
        points: [T, K].
        min_cutoff_hz: the cut-off at rest.
        beta: how much the cut-off rises for a speed of one `unit_px` a second.
        unit_px: what speeds are counted in: the torso's length, so that zooming changes nothing.
    """
    result = points.copy()
    speed = np.zeros(points.shape[1])
    for row in range(1, len(points)):
        dt = t_seconds[row] - t_seconds[row - 1]
        change = (points[row] - result[row - 1]) / dt
        speed += _share(1.0, dt) * (change - speed)
        share = _share(min_cutoff_hz + beta * np.abs(speed) / unit_px, dt)
        result[row] = result[row - 1] + share * (points[row] - result[row - 1])
    return result


def _share(cutoff_hz: float | Floats, dt: float) -> Floats:
    reach = 2 * math.pi * np.asarray(cutoff_hz) * dt
    share: Floats = reach / (reach + 1)
    return share
