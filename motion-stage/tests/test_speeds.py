"""Speeds: the article's list, even motion at every rate, the noise floor (A1, A3, A4)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from people import dropped, figure, times, track_of

from motion_stage.motion import Motion, motion_of, speeds_of, still_speed
from motion_stage.scale import Scale, metres_per_px, read_scale
from motion_stage.sequence import Floats
from motion_stage.settings import MotionSettings
from motion_stage.speeds import floor_of_steps, jitter_px, published_speeds, velocities, window_speeds
from pose_contract.errors import UsageError

STEPS = np.array([0, 1, 2, 8, 18, 33, 58, 98], float)
ARTICLE = np.stack([STEPS, np.zeros(8)], axis=1)
POINTS = ("hand", "mid_hip")


def motion(t: Floats, points: Floats, **settings: object) -> Motion:
    return motion_of(track_of(t, points), MotionSettings(**settings), None, POINTS)


def test_the_articles_list_is_reproduced_and_mended() -> None:
    np.testing.assert_allclose(published_speeds(ARTICLE), [0, 0.5, 2 / 3, 2, 3.6, 5.5, 9.5, 16], atol=1e-12)
    per_frame, per_second = window_speeds(np.arange(8) / 30, ARTICLE)
    truth = [np.nan, 1, 1, 8 / 3, 4.5, 6.6, 11.4, 19.2]
    np.testing.assert_allclose(per_frame, truth, atol=1e-9)
    np.testing.assert_allclose(per_second, np.array(truth) * 30, atol=1e-9)
    assert published_speeds(np.empty((0, 2))).size == window_speeds(np.empty(0), np.empty((0, 2)))[0].size == 0


def test_a_window_with_missing_steps() -> None:
    path = np.stack([5.0 * np.arange(20), np.zeros(20)], axis=1)
    path[8] = np.nan  # two steps are missing
    per_frame, per_second = window_speeds(np.arange(20) / 30, path)
    np.testing.assert_allclose(per_frame[1:8], 5)
    assert np.isnan(per_frame[0])
    np.testing.assert_allclose(per_frame[8:], 5)
    np.testing.assert_allclose(per_second[8:], 150)
    path[9:12] = np.nan
    assert np.isnan(window_speeds(np.arange(20) / 30, path)[0][11:15]).all()


def test_a_centred_window_does_not_lag() -> None:
    t = times(30, 2)
    path = np.stack([np.abs(t - 1) ** 3 * 500, 0 * t], axis=1)  # slowest at 1 s
    lagging, centred = (window_speeds(t, path, centred=centred)[1] for centred in (False, True))
    assert np.nanargmin(centred) == 30 and np.nanargmin(lagging) > 30
    assert np.isnan(centred[[0, -1]]).all()


@pytest.mark.parametrize("speed", ["window", "derivative"])
@pytest.mark.parametrize("fps", [24, 29.97, 30, 60])
def test_even_motion_has_its_speed_at_every_rate(fps: float, speed: str) -> None:
    """A3: 150 px a second; also where a fifth of the frames is dropped."""
    for t in (times(fps, 4), dropped(times(fps, 4), 0.2, np.random.default_rng(8))):
        points = figure()[None] + np.stack([150 * t, 0 * t], axis=1)[:, None]
        speeds = speeds_of(motion(t, points, speed=speed), "hand")
        known = speeds.per_second[1 if speed == "window" else 0 :]
        np.testing.assert_allclose(known, 150, rtol=0.01)
        if fps == 30 and len(t) == 120:
            np.testing.assert_allclose(speeds.per_frame[1:], 5.0, atol=1e-9)


def test_a_still_points_floor() -> None:
    """A4: what is reported is what the mean step is, 1.77 px a frame for a jitter of 1 px."""
    rng = np.random.default_rng(9)
    path = rng.normal(0, 1, (20000, 2))
    assert abs(jitter_px(path) - 1) < 0.03
    assert abs(floor_of_steps(jitter_px(path)) / 1.77 - 1) < 0.05
    assert abs(np.nanmean(window_speeds(np.arange(20000) / 30, path)[0]) / 1.77 - 1) < 0.02
    assert np.isnan(jitter_px(path[:2])) and np.isnan(jitter_px(np.empty((0, 2))))


@pytest.mark.parametrize(
    "settings", [{}, {"speed": "window", "filter": "none"}, {"speed": "window"}, {"speed": "seed", "filter": "median"}]
)
def test_the_reported_floor_is_what_a_still_person_shows(settings: dict[str, object]) -> None:
    rng = np.random.default_rng(10)
    t = times(30, 100)
    points = figure()[None] + rng.normal(0, 1.5, (3000, 17, 2))
    result = speeds_of(motion(t, points, despike="none", **settings), "hand")
    assert abs(np.nanmean(result.per_second) / result.floor_per_second - 1) < 0.05


def test_the_step_form_without_filters_has_the_formulas_floor() -> None:
    assert (
        abs(still_speed(MotionSettings(speed="window", filter="none", despike="none"), 1 / 30) / 30 / 1.77 - 1) < 0.02
    )


def test_sampling_bias_of_the_derivative_on_a_circle() -> None:
    t = times(30, 3)
    circle = 100 * np.stack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)], axis=1)
    speed = np.linalg.norm(velocities(t, circle, 7), axis=1)[10:-10]
    np.testing.assert_allclose(speed / (200 * np.pi), 0.9996, atol=2e-4)


def test_no_speed_in_a_stretch_that_is_shorter_than_the_window() -> None:
    t = times(30, 1)
    path = np.stack([t, t], axis=1)
    path[[8, 15]] = np.nan
    assert np.isfinite(velocities(t, path, 13)[:, 0]).nonzero()[0].tolist() == list(range(16, 30))


def test_the_hand_is_chosen_once() -> None:
    t = times(30, 2)
    points = np.tile(figure(), (60, 1, 1))
    assert motion(t, points.copy()).hand == ("left_wrist", "right_wrist")
    points[20:, 10] = np.nan
    assert motion(t, points).hand == ("left_wrist",)


def test_metres() -> None:
    points = np.tile(figure(), (30, 1, 1))
    track = track_of(times(30, 1), points)
    scale = metres_per_px(track, 1.80)
    assert scale is not None
    # Shank, thigh, trunk and head of the figure, against 1.80 m without heel and scalp.
    assert abs(scale - (1.80 - 0.22) / (90.0 + 90.0 + 100.0 + np.hypot(20, 40))) < 2e-5
    lying = dataclasses.replace(track, keypoints_xy=points[:, :, ::-1].copy())
    assert metres_per_px(lying, 1.80) is None


def test_scales_that_can_be_given(tmp_path: object) -> None:
    from pathlib import Path

    root = Path(str(tmp_path))
    (root / "calib.toml").write_text("metres_per_px = 0.0025\n")
    assert read_scale("", root) is None is read_scale(None, root)
    assert read_scale("height:1.8", root) == Scale("height:1.8", height_metres=1.8)
    assert read_scale("segment:100,400,500,400=2.10", root).metres_per_px == pytest.approx(2.1 / 400)
    assert read_scale("calib.toml", root).metres_per_px == 0.0025
    for wrong in ("height:tall", "height:0", "height:180", "segment:1,2=3", "segment:1,1,1,1=2", "none.toml"):
        with pytest.raises(UsageError, match="--scale"):
            read_scale(wrong, root)
