"""The default chain on a rower made of formulas: speeds against the true ones (A3, A9's speeds)."""

from __future__ import annotations

import numpy as np
import pytest
from people import figure, times, track_of

from motion_stage.motion import motion_of, speeds_of
from motion_stage.sequence import Floats
from motion_stage.settings import MotionSettings

DRIVE, RECOVERY, STROKE = 0.8, 1.6, 400.0
PEAK = STROKE * np.pi / 2 / DRIVE


def rowing(t: Floats) -> tuple[Floats, Floats]:
    """[T]: the handle's place and its speed along the stroke."""
    phase = t % (DRIVE + RECOVERY)
    driving = phase < DRIVE
    share = np.where(driving, phase / DRIVE, (phase - DRIVE) / RECOVERY)
    going = np.where(driving, 1, -1)
    place = STROKE * (0.5 - going * np.cos(np.pi * share) / 2)
    return place, going * STROKE * np.pi / 2 * np.sin(np.pi * share) / np.where(driving, DRIVE, RECOVERY)


def rower(fps: float, jitter: float, outliers: float, seed: int) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    t = times(fps, 40)
    place, speed = rowing(t)
    points = figure((300, 400))[None] + np.zeros((len(t), 17, 2))
    points[:, 9:11, 0] += place[:, None]
    points += rng.normal(0, jitter, points.shape)
    wrong = rng.random((len(t), 17)) < outliers
    points[wrong] += rng.normal(0, 120, (wrong.sum(), 2))
    return t, points, speed


def error(fps: float, jitter: float, outliers: float, seed: int = 0, **settings: object) -> tuple[Floats, Floats]:
    """The hand's speed and what it is off."""
    t, points, truth = rower(fps, jitter, outliers, seed)
    motion = motion_of(track_of(t, points), MotionSettings(**settings), None, ("hand",))
    speed = speeds_of(motion, "hand").per_second
    return speed, speed - np.abs(truth)


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_the_default_chain_finds_the_peak_of_every_drive(fps: float) -> None:
    for seed in range(3):
        speed, _ = error(fps, 2.0, 0.03, seed)
        strokes = [speed[round(start * fps) : round((start + DRIVE) * fps)] for start in np.arange(2.4, 36, 2.4)]
        peaks = [np.nanmax(stroke) for stroke in strokes]
        assert abs(np.median(peaks) / PEAK - 1) < 0.03
        assert np.isfinite(speed).mean() > 0.97


def test_it_beats_the_articles_chain() -> None:
    """The article's: median of five and the published window; 111 px a second off, and a fifth too slow."""
    _, off = error(30, 2.0, 0.03)
    _, article = error(30, 2.0, 0.03, despike="none", filter="median", speed="seed")
    _, raw = error(30, 2.0, 0.03, despike="none", filter="none", speed="window")
    rmse = [float(np.sqrt(np.nanmean(values**2))) for values in (off, article, raw)]
    assert rmse[0] < 25 and rmse[1] > 3 * rmse[0] and rmse[2] > rmse[1]
    assert abs(np.nanmean(off)) < 10


def test_a_repaired_swap_of_the_wrists_leaves_their_speeds_alone() -> None:
    t = times(30, 4)
    points = np.tile(figure(), (120, 1, 1))
    points[:, 9, 0] += 100 * np.sin(2 * np.pi * t / 4)
    given = points.copy()
    points[30:35, 9:11] = points[30:35, 9:11][:, ::-1]
    for swaps, same in (("repair", True), ("flag", False)):
        settings = MotionSettings(swaps=swaps, despike="none")
        mended, plain = (
            motion_of(track_of(t, values.copy()), settings, None, ("left_wrist",)) for values in (points, given)
        )
        speeds = [speeds_of(motion, "left_wrist").per_second for motion in (mended, plain)]
        assert np.allclose(*speeds) == same
        assert [swap.first for swap in mended.swaps] == [30]
