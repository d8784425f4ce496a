"""Angles at joints and of limbs, facing (A7), and exchanged sides."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from people import figure, times, track_of

from motion_stage.angles import JOINTS, facing, joint_angles, segment_angles, signed_joint_angles
from motion_stage.named_points import known_points, path_of
from motion_stage.swaps import exchange, find_swaps
from motion_stage.tables import angle_names, angles_of
from pose_contract.skeletons import COCO17, LSP14, MPII16


def rows(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, float)


@pytest.mark.parametrize(("c", "angle"), [((100, 0), 0), ((0, -100), 90), ((-100, 0), 180), ((0, 100), 90)])
def test_right_angles_are_exact(c: tuple[float, float], angle: float) -> None:
    assert joint_angles(rows((100, 0)), rows((0, 0)), rows(c)).tolist() == [angle]


def test_signs_are_counter_clockwise_on_the_screen() -> None:
    right, up, left, origin = rows((100, 0)), rows((0, -100)), rows((-100, 0)), rows((0, 0))
    assert signed_joint_angles(right, origin, up).tolist() == [90]
    assert signed_joint_angles(up, origin, right).tolist() == [-90]
    assert (
        signed_joint_angles(right, origin, left).tolist() == [180] == signed_joint_angles(left, origin, right).tolist()
    )
    assert segment_angles(origin, up).tolist() == [90] and segment_angles(origin, right).tolist() == [0]
    assert segment_angles(origin, left).tolist() == [180]


def test_angles_do_not_depend_on_place_turn_size_or_mirror() -> None:
    rng = np.random.default_rng(11)
    a, b, c = rng.normal(0, 100, (3, 500, 2))
    plain, signed = joint_angles(a, b, c), signed_joint_angles(a, b, c)
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    moved = [3 * points @ turn + (50, -20) for points in (a, b, c)]
    np.testing.assert_allclose(joint_angles(*moved), plain, atol=1e-9)
    np.testing.assert_allclose(signed_joint_angles(*moved), signed, atol=1e-9)
    mirrored = [points * (-1, 1) for points in (a, b, c)]
    np.testing.assert_allclose(joint_angles(*mirrored), plain, atol=1e-9)
    np.testing.assert_allclose(signed_joint_angles(*mirrored), -signed, atol=1e-9)


def test_what_is_missing_or_too_short_has_no_angle() -> None:
    nothing, origin = rows((np.nan, np.nan)), rows((0, 0))
    assert np.isnan(joint_angles(nothing, origin, rows((0, 100)))).all()
    assert np.isnan(joint_angles(rows((4, 0)), origin, rows((0, 100)))).all()
    assert np.isnan(segment_angles(origin, rows((3, 3)))).all()
    assert joint_angles(np.empty((0, 2)), np.empty((0, 2)), np.empty((0, 2))).size == 0


def test_a_mirrored_person_has_the_same_signed_angles_by_facing() -> None:
    points = np.tile(figure((400, 300)), (60, 1, 1))
    mirrored = (points * (-1, 1) + (1280, 0))[:, list(COCO17.mirror_index)]
    one, other = (track_of(times(30, 2), value) for value in (points, mirrored))
    assert set(facing(one).tolist()) == {1} and set(facing(other).tolist()) == {-1}
    joints, _ = angle_names(COCO17)
    of_one, of_other = (angles_of(track, facing(track)) for track in (one, other))
    swapped = [
        joints.index(name.replace("left", "L").replace("right", "left").replace("L", "right")) for name in joints
    ]
    for kind in (0, 1):
        np.testing.assert_allclose(
            of_one[:, kind : 2 * len(joints) : 2], of_other[:, kind : 2 * len(joints) : 2][:, swapped]
        )


def test_facing_waits_until_it_is_clear() -> None:
    points = np.tile(figure(), (120, 1, 1))
    points[60:] *= (-1, 1)
    points[20:23] *= (-1, 1)  # three frames are no turn
    sides = facing(track_of(times(30, 4), points))
    assert set(sides[:50].tolist()) == {1} and set(sides[75:].tolist()) == {-1}
    assert set(facing(track_of(times(30, 4), points), "left").tolist()) == {-1}
    points[:, 0, 0] = points[:, [3, 4], 0].mean(axis=1)  # seen from the front
    assert set(facing(track_of(times(30, 4), points)).tolist()) == {0}


def test_without_a_nose_the_way_tells() -> None:
    t = times(30, 4)
    for way in (1, -1, 0):
        points = np.zeros((120, 16, 2)) + np.stack([100 * way * t, 0 * t], axis=1)[:, None]
        assert set(facing(track_of(t, points, MPII16)).tolist()) == {way}


@pytest.mark.parametrize("skeleton", [COCO17, MPII16, LSP14])
def test_every_skeleton_has_what_its_points_allow(skeleton: object) -> None:
    joints, limbs = angle_names(skeleton)  # type: ignore[arg-type]
    assert set(joints) == set(JOINTS) and len(limbs) == 9
    assert {"hand", "mid_hip", "mid_shoulder", "left_wrist"} <= set(known_points(skeleton))  # type: ignore[arg-type]
    count = len(skeleton.keypoints)  # type: ignore[attr-defined]
    track = track_of(times(30, 1), np.zeros((30, count, 2)), skeleton)  # type: ignore[arg-type]
    assert np.isnan(path_of(track, "mid_ear")).all() == (skeleton is not COCO17)


def swinging(exchanged: slice | None) -> tuple[np.ndarray, np.ndarray]:
    t = times(30, 3)
    points = np.tile(figure(), (90, 1, 1))
    points[:, 15, 0] += 80 * np.sin(2 * np.pi * t)
    points[:, 16, 0] -= 80 * np.sin(2 * np.pi * t)
    points += np.random.default_rng(12).normal(0, 1, points.shape)
    if exchanged:
        points[exchanged, 15:17] = points[exchanged, 15:17][:, ::-1]
    return t, points


def test_swaps_are_found_and_mended() -> None:
    t, points = swinging(None)
    assert find_swaps(t, points, COCO17, 100.0) == ()  # the legs cross every half second
    assert find_swaps(t[:0], points[:0], COCO17, 100.0) == ()
    t, wrong = swinging(slice(35, 42))
    (swap,) = find_swaps(t, wrong, COCO17, 100.0)
    assert (swap.limb, swap.first, swap.last) == ("ankle", 35, 41)
    exchange(wrong, COCO17, (swap,))
    np.testing.assert_array_equal(wrong, points)


def test_a_swap_that_lasts_is_flagged_alone() -> None:
    t, points = swinging(slice(35, None))
    (swap,) = find_swaps(t, points, COCO17, 100.0)
    assert (swap.first, swap.last) == (35, None)
    given = points.copy()
    exchange(points, COCO17, (swap,))
    np.testing.assert_array_equal(points, given)
    assert dataclasses.asdict(swap)["limb"] == "ankle"
