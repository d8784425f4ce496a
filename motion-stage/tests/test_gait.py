"""Steps of a walker made by formula."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import Noise, track_of, walker

from motion_stage.events.gait import GaitSettings, gait_events, peak_times
from motion_stage.events.records import Event
from motion_stage.sequence import Floats
from pose_contract.errors import ImageError
from pose_contract.skeletons import COCO17, LSP14, MPII16, Skeleton

STRIDE, SECONDS = 1.1, 5.0
HEELED = Skeleton("heeled", (*COCO17.keypoints, "left_heel", "right_heel", "left_big_toe", "right_big_toe"), (), ())


def strikes(last: float, margin: float) -> list[tuple[str, float]]:
    all_of_them = [(side, shift + STRIDE * n) for side, shift in (("left", 0.3), ("right", 0.85)) for n in range(5)]
    return sorted((strike for strike in all_of_them if margin < strike[1] < last - margin), key=lambda one: one[1])


def sides_and_times(events: tuple[Event, ...], kind: str) -> list[tuple[str, float]]:
    return [(event.side, event.t_seconds) for event in events if event.kind == kind]


@pytest.mark.parametrize("direction", [1.0, -1.0])
@pytest.mark.parametrize("jitter", [0.0, 1.0])
@pytest.mark.parametrize("fps", [25, 30, 60])
def test_every_strike_between_the_ends_is_found_within_a_frame(fps: int, jitter: float, direction: float) -> None:
    """A10."""
    times = np.arange(0, SECONDS, 1 / fps)
    errors: list[float] = []
    for seed in range(5):
        found = gait_events(track_of(times, walker(times, direction), noise=Noise(jitter), seed=seed))
        true = strikes(times[-1], 0.15)
        got = [strike for strike in sides_and_times(found.events, "foot_strike") if 0.15 < strike[1] < times[-1] - 0.15]
        assert [side for side, _ in got] == [side for side, _ in true]
        errors += [a[1] - b[1] for a, b in zip(got, true, strict=True)]
        assert found.cadence_steps_per_minute == pytest.approx(120 / STRIDE, rel=0.03)
    # A pixel of jitter on a swing of 30 pixels is worth some 4 ms, at any rate.
    assert np.abs(errors).mean() <= 0.006
    assert np.abs(errors).max() <= 1 / fps


@pytest.mark.parametrize("skeleton", [MPII16, COCO17, LSP14])
def test_a_stride_has_step_contact_and_swing(skeleton: Skeleton) -> None:
    times = np.arange(0, SECONDS, 1 / 60)
    found = gait_events(track_of(times, walker(times), skeleton))
    assert found.foot == "ankle" and found.direction == "right"
    first, second = found.strides[0], found.strides[1]
    assert first.step_seconds is None and first.cadence_steps_per_minute is None
    assert second.step_seconds == pytest.approx(STRIDE / 2, abs=0.02)
    assert second.stride_seconds == pytest.approx(STRIDE, abs=0.02)
    assert second.contact_seconds == pytest.approx(STRIDE / 2, abs=0.02)
    assert second.swing_seconds == pytest.approx(STRIDE / 2, abs=0.02)
    assert found.strides[-1].stride_seconds is None


def test_heel_and_toe_are_taken_where_the_skeleton_has_them() -> None:
    times = np.arange(0, SECONDS, 1 / 60)
    points = walker(times)
    for side in ("left", "right"):
        ankle = points[f"{side}_ankle"] - points["left_hip"]
        points[f"{side}_heel"] = points[f"{side}_ankle"].copy()
        late = np.stack([np.interp(times - 0.1, times, ankle[:, axis]) for axis in (0, 1)], axis=1)
        points[f"{side}_big_toe"] = points["left_hip"] + late
    found = gait_events(track_of(times, points, HEELED))
    assert found.foot == "heel"
    assert found.strides[2].contact_seconds == pytest.approx(STRIDE / 2 + 0.1, abs=0.03)


def test_on_a_treadmill_the_knees_tell_the_direction() -> None:
    times = np.arange(0, SECONDS, 1 / 30)
    for direction, name in ((1.0, "right"), (-1.0, "left")):
        hips = walker(times, direction)["left_hip"]
        points = {point: path - hips + (500, 300) for point, path in walker(times, direction).items()}
        found = gait_events(track_of(times, points))
        assert found.direction == name
        assert len(sides_and_times(found.events, "foot_strike")) >= 8


def test_nobody_to_be_seen_wants_to_be_told_the_direction() -> None:
    times = np.arange(0, SECONDS, 1 / 30)
    empty = track_of(times, {})
    with pytest.raises(ImageError, match="where they walk"):
        gait_events(empty)
    found = gait_events(empty, GaitSettings(direction="left"))
    assert found.events == () and found.strides == () and found.cadence_steps_per_minute is None


def test_a_glimpse_of_a_walker_has_no_events_and_two_feet_at_once_are_no_step() -> None:
    times = np.arange(0, 0.7, 1 / 30)
    assert gait_events(track_of(times, walker(times))).events == ()
    times = np.arange(0, SECONDS, 1 / 30)
    points = walker(times)
    points["right_ankle"] = points["left_ankle"] + 5  # the same foot seen twice
    found = gait_events(track_of(times, points))
    assert len(found.strides) == 10 and all(stride.step_seconds is None for stride in found.strides[1::2])


def test_a_standing_person_takes_no_steps() -> None:
    times = np.arange(0, SECONDS, 1 / 30)
    points = {name: np.repeat(path[:1], len(times), axis=0) for name, path in walker(times).items()}
    assert gait_events(track_of(times, points)).events == ()


@pytest.mark.parametrize(
    ("values", "peaks"),
    [
        ([], []),
        ([0.0, 0.0, 0.0], []),
        ([0.0, 1.0, 0.0], [1.0]),
        ([0.0, 1.0, 1.0, 0.0], [1.5]),
        ([0.0, 3.0, 0.0, 2.0, 0.0, 0.0], [1.0]),  # two within 0.4 s: the higher one
        ([3.0, 1.0, 0.0], []),  # on the first frame
    ],
)
def test_peaks_lie_between_frames_and_apart(values: list[float], peaks: list[float]) -> None:
    times: Floats = np.arange(len(values)) * 0.1
    found = peak_times(times, np.array(values), 0.5, GaitSettings())
    assert found == pytest.approx([peak * 0.1 for peak in peaks])
