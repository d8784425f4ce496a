"""Strokes of a rower made by formula: catches, finishes, and what is measured between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic import DRIVE, LENGTH, PEAK, RECOVERY, Noise, mended, rower, track_of

from motion_stage.events.records import EVENT_COLUMNS, cycle_columns, cycle_rows, event_rows
from motion_stage.events.rowing import Rowing, RowingSettings, Stroke, rowing_events
from motion_stage.events.zigzag import turning_points
from motion_stage.sequence import Floats, Track
from pose_contract.errors import ImageError
from pose_contract.skeletons import MPII16

START, SECONDS, CLIPS = 0.5, 24.0, 5
PERIOD = DRIVE + RECOVERY
WINDOW = RowingSettings().event_window_seconds


def frames_at(fps: float) -> Floats:
    return np.arange(0, SECONDS, 1 / fps)


def truth(last: float) -> list[tuple[str, float]]:
    catches = [("catch", START + PERIOD * stroke) for stroke in range(int(SECONDS / PERIOD) + 1)]
    both = catches + [("finish", moment + DRIVE) for _, moment in catches]
    return sorted((event for event in both if WINDOW < event[1] < last - WINDOW), key=lambda event: event[1])


def clip(fps: float, noise: Noise, seed: int) -> tuple[Track, Rowing]:
    times = frames_at(fps)
    track = mended(track_of(times, rower(times, START), noise=noise, seed=seed))
    return track, rowing_events(track)


@pytest.mark.parametrize("jitter", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("fps", [25, 30, 60])
def test_a_rower_with_outliers_has_every_turn_in_time_and_no_other(fps: int, jitter: float) -> None:
    """A9."""
    errors, drives, rates, peaks = [], [], [], []
    for seed in range(CLIPS):
        track, found = clip(fps, Noise(jitter, 0.03), seed)
        true = truth(track.t_seconds[-1])
        assert [event.kind for event in found.events] == [kind for kind, _ in true]
        errors += [event.t_seconds - moment for event, (_, moment) in zip(found.events, true, strict=True)]
        drives += [stroke.drive_seconds for stroke in found.strokes]
        rates.append(np.median([stroke.rate_per_minute for stroke in found.strokes]))
        peaks.append(np.median([stroke.drive_peak_px_per_s for stroke in found.strokes]))
    worst = {0.0: 0.060, 1.0: 0.060, 3.0: 0.120}[jitter]
    assert np.abs(errors).mean() <= 0.030 and np.abs(errors).max() <= worst
    assert 0 <= np.median(drives) - DRIVE <= 0.050
    assert np.abs(np.array(rates) - 60 / PERIOD).max() <= 0.2
    assert np.abs(np.array(peaks) / PEAK - 1).max() <= 0.03


def test_a_recovery_that_is_faster_than_the_drive_is_still_a_recovery() -> None:
    times = frames_at(30)
    track = mended(track_of(times, rower(times, START, drive=1.4, recovery=0.8), noise=Noise(1.0, 0.03)))
    found = rowing_events(track)
    assert len(found.strokes) >= 8
    for stroke in found.strokes:
        assert stroke.recovery_peak_px_per_s > 1.3 * stroke.drive_peak_px_per_s
        assert stroke.drive_seconds == pytest.approx(1.4, abs=0.12)


def test_a_stroke_is_measured_from_catch_to_catch() -> None:
    _, found = clip(60, Noise(), 0)
    stroke = found.strokes[2]
    assert found.hand == "both" and stroke.quality == "measured"
    assert stroke.length_px == pytest.approx(LENGTH * np.hypot(1, 0.1), rel=0.02)
    assert stroke.drive_to_recovery_ratio == pytest.approx(DRIVE / RECOVERY, abs=0.05)
    assert stroke.end_seconds - stroke.start_seconds == pytest.approx(PERIOD, abs=0.005)
    assert stroke.drive_peak_at_percent == pytest.approx(50, abs=4)
    # A half cosine is fastest in its middle and slowest at its ends.
    assert stroke.fastest_fifth == 3 and stroke.slowest_fifth in (1, 5)
    assert stroke.drive_mean_px_per_s == pytest.approx(stroke.length_px / stroke.drive_seconds)
    assert np.nanmax(found.speed_px_per_s) == pytest.approx(PEAK, rel=0.03)


def test_strokes_that_the_ends_cut_off_are_counted_and_left_out() -> None:
    times = np.arange(0, 6.0, 1 / 30)  # catches at 1.0, 3.4, 5.8; the clip begins in a recovery
    found = rowing_events(track_of(times, rower(times, 1.0)))
    assert [event.kind for event in found.events] == ["catch", "finish", "catch", "finish"]
    assert len(found.strokes) == 1 and found.incomplete == 1
    late = rowing_events(track_of(times, rower(times, -0.4)))  # a finish at 0.4 comes first: half a stroke
    assert late.events[0].kind == "finish" and late.incomplete == 2


def test_a_turn_at_the_clips_very_beginning_is_left_out() -> None:
    times = np.arange(0, 6.0, 1 / 30)
    found = rowing_events(track_of(times, rower(times, 0.2)))  # a catch within a window of the first frame
    assert found.events[0].kind == "finish" and found.events[0].t_seconds == pytest.approx(1.0, abs=0.05)


def test_a_long_gap_cuts_the_stroke_and_holds_no_event() -> None:
    times = frames_at(30)
    track = track_of(times, rower(times, START))
    gap = (times > 5.0) & (times < 5.6)  # a catch at 5.3
    keypoints = track.keypoints_xy.copy()
    keypoints[gap] = np.nan
    found = rowing_events(track.with_points(keypoints, track.states))
    assert not [event for event in found.events if 4.9 < event.t_seconds < 5.7]
    assert not [stroke for stroke in found.strokes if stroke.start_seconds < 5.3 < stroke.end_seconds]
    assert np.isnan(found.speed_px_per_s[gap]).all()


def test_one_hand_that_is_lost_for_a_while_does_not_move_the_middle() -> None:
    times = frames_at(30)
    points = rower(times, START)
    points["right_wrist"] = points["right_wrist"] + 40
    whole = rowing_events(track_of(times, points))
    points["right_wrist"][200:204] = np.nan
    points["left_wrist"][420:425] = np.nan
    torn = rowing_events(track_of(times, points))
    assert [event.kind for event in torn.events] == [event.kind for event in whole.events]
    assert torn.speed_px_per_s == pytest.approx(whole.speed_px_per_s, abs=1.0)


def test_the_hand_that_is_seen_is_chosen_once() -> None:
    times = frames_at(30)
    points = rower(times, START)
    points["left_wrist"][::3] = np.nan
    assert rowing_events(track_of(times, points)).hand == "right"
    assert rowing_events(track_of(times, points), RowingSettings(hand="left")).hand == "left"


def test_the_drive_goes_where_the_hips_leave_the_ankles_on_either_side_and_skeleton() -> None:
    times = frames_at(30)
    mirrored = {name: path * (-1, 1) + (1000, 0) for name, path in rower(times, START).items()}
    for points, sign in ((rower(times, START), 1), (mirrored, -1)):
        found = rowing_events(track_of(times, points, MPII16))
        assert np.sign(found.axis_xy[0]) == sign
        assert found.events[0].kind == "catch" and found.strokes[0].drive_seconds < 1


def test_a_rower_without_legs_wants_to_be_told_the_direction() -> None:
    times = frames_at(30)
    hands = {name: path for name, path in rower(times, START).items() if "wrist" in name}
    with pytest.raises(ImageError, match="hips and ankles") as refused:
        rowing_events(track_of(times, hands))
    assert "--drive" in refused.value.remedy
    assert len(rowing_events(track_of(times, hands), RowingSettings(drive="right")).strokes) >= 8


@pytest.mark.parametrize("names", [(), ("left_wrist",)])
def test_no_hand_and_a_hand_that_rests_are_said(names: tuple[str, ...]) -> None:
    times = frames_at(30)
    points = rower(times, START)
    still = {name: np.repeat(points[name][:1], len(times), axis=0) for name in names}
    with pytest.raises(ImageError):
        rowing_events(track_of(times, still))


def test_a_catch_seen_by_filled_in_samples_says_so() -> None:
    times = frames_at(30)
    points = rower(times, START)
    at = int(np.searchsorted(times, START + PERIOD - 0.015))
    for side in ("left", "right"):
        points[f"{side}_wrist"][at - 1 : at + 2] = np.nan
    found = rowing_events(mended(track_of(times, points)))
    near = min(found.events, key=lambda event: abs(event.t_seconds - START - PERIOD))
    assert near.quality == "interpolated" and near.t_seconds == pytest.approx(START + PERIOD, abs=0.05)
    assert found.events[0].quality == "measured"


def test_uneven_times_change_nothing() -> None:
    times = frames_at(60)
    kept = np.random.default_rng(1).random(len(times)) > 0.2
    found = rowing_events(track_of(times[kept], rower(times[kept], START)))
    true = truth(times[-1])
    assert [event.kind for event in found.events] == [kind for kind, _ in true]
    assert (
        np.abs([event.t_seconds - moment for event, (_, moment) in zip(found.events, true, strict=True)]).max() < 0.03
    )


def test_rows_carry_units_and_the_tracks_own_frames() -> None:
    track, found = clip(30, Noise(), 0)
    track = replace(track, frames=track.frames + 100, id=7)
    found = rowing_events(track)
    rows = list(event_rows(track, found.events))
    assert tuple(rows[0]) == EVENT_COLUMNS and rows[0]["track"] == 7
    assert rows[0]["frame"] == pytest.approx(100 + 30 * found.events[0].t_seconds, abs=0.01)
    strokes = list(cycle_rows(track, found.strokes))
    assert tuple(strokes[0]) == cycle_columns(Stroke) and [row["cycle"] for row in strokes[:2]] == [1, 2]
    assert {"drive_seconds", "rate_per_minute", "length_px", "fifth_5_px_per_s"} <= set(strokes[0])


@pytest.mark.parametrize(
    ("values", "lows_highs"),
    [
        ([], []),
        ([1.0], []),
        ([0, 1, 2, 3], []),
        ([5, 5, 5, 5], []),
        ([3, 0, 3], [(True, 1)]),
        ([0, 3, 0], [(False, 1)]),
        ([0, 3, 2.5, 3.1, 0, 0.4, 0.1, 4, 0], [(False, 3), (True, 4), (False, 7)]),
    ],
)
def test_a_swing_counts_from_its_least_size_on(values: list[float], lows_highs: list[tuple[bool, int]]) -> None:
    times = np.arange(len(values), dtype=float)
    turns = turning_points(times, np.array(values, dtype=float), np.ones(len(values)), 1.0)
    assert [(turn.low, round(turn.t_seconds)) for turn in turns] == lows_highs
