"""Measures on ordinary photos: matched boxes, exchanged sides, views."""

from __future__ import annotations

import numpy as np
import pytest

from hrn_stage.limb_metrics import exchanged_sides, facing, hits, limb_joints, match_boxes, overlaps, rate
from pose_contract.skeletons import COCO17, MPII16, Skeleton


def standing(skeleton: Skeleton = MPII16) -> np.ndarray:
    """Somebody seen from the front, torso 100 pixels: [1, J, 2]."""
    across = {"shoulder": 30, "elbow": 40, "wrist": 50, "hip": 30, "knee": 30, "ankle": 30}
    down = {"shoulder": 100, "elbow": 150, "wrist": 200, "hip": 180, "knee": 260, "ankle": 340}
    joints = np.full((1, len(skeleton.keypoints), 2), 200.0)
    for row, name in enumerate(skeleton.keypoints):
        side, _, part = name.partition("_")
        if part in across:
            joints[0, row] = 200 + across[part] * (1 if side == "left" else -1), down[part]
    return joints


ALL = np.ones((1, 16), bool)
TORSO = np.array([100.0])


@pytest.mark.parametrize("skeleton", [MPII16, COCO17])
def test_the_limbs_are_twelve_joints(skeleton: Skeleton) -> None:
    chosen = {name for name, limb in zip(skeleton.keypoints, limb_joints(skeleton), strict=True) if limb}
    assert len(chosen) == 12
    assert {"left_wrist", "right_ankle"} <= chosen
    assert not {"pelvis", "upper_neck", "nose", "left_eye"} & chosen


def test_overlaps() -> None:
    box = np.array([[0.0, 0, 10, 10]])
    others = np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 3]])
    assert overlaps(box, others).tolist() == [[1.0, pytest.approx(1 / 3), 0.0, 0.0]]


def test_the_best_pair_is_matched_first_and_no_box_twice() -> None:
    people = np.array([[0.0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]])
    found = np.array([[2.0, 0, 12, 10], [100, 0, 110, 10]])
    assert match_boxes(people, found).tolist() == [-1, 0, -1]
    assert match_boxes(people, np.zeros((0, 4))).tolist() == [-1, -1, -1]
    assert match_boxes(people[:1], np.array([[5.0, 0, 15, 10]])).tolist() == [-1]
    assert match_boxes(people[:1], np.array([[5.0, 0, 15, 10]]), least=0.3).tolist() == [0]


def test_a_missed_person_counts_as_wrong_and_an_unknown_torso_not_at_all() -> None:
    joints = np.repeat(standing(), 3, axis=0)
    predicted = joints + np.array([19.0, 0])
    predicted[1] = np.nan
    right, counted = hits(predicted, joints, np.ones((3, 16), bool), np.array([100.0, 100, np.nan]), 0.2)
    assert counted.sum(axis=1).tolist() == [16, 16, 0]
    assert right.sum(axis=1).tolist() == [16, 0, 0]
    assert rate(right, counted) == 0.5
    assert np.isnan(rate(right, np.zeros_like(counted)))


def test_exchanged_sides() -> None:
    joints = standing()
    knees = [MPII16.keypoints.index(name) for name in ("right_knee", "left_knee")]
    predicted = joints.copy()
    predicted[0, knees] = joints[0, knees[::-1]]
    wrong, judged = exchanged_sides(predicted, joints, ALL, TORSO, MPII16)
    assert (wrong.sum(), judged.sum()) == (2, 12)
    assert wrong[0, knees].all()
    trusted = ALL.copy()
    trusted[0, knees[0]] = False
    assert not exchanged_sides(predicted, joints, trusted, TORSO, MPII16)[0].any()
    assert exchanged_sides(predicted, joints, ALL, 2 * TORSO, MPII16)[1].sum() == 4  # elbows and wrists are apart yet
    predicted[0, knees[1]] = joints[0, knees[1]]  # both on the left knee: not exchanged
    assert not exchanged_sides(predicted, joints, ALL, TORSO, MPII16)[0].any()
    predicted[0, knees] = np.nan
    assert exchanged_sides(predicted, joints, ALL, TORSO, MPII16)[1].sum() == 10


def test_nobody_is_exchanged_who_is_just_far_off() -> None:
    far = standing() + np.array([0.0, 500])
    assert not exchanged_sides(far, standing(), ALL, TORSO, MPII16)[0].any()


def test_views() -> None:
    front = standing()
    behind = front[:, list(MPII16.mirror_index)]
    upside_down = 400 - front
    sideways = front.copy()
    sideways[..., 0] = 200 + (front[..., 0] - 200) * 0.2
    people = np.concatenate([front, behind, upside_down, sideways])
    assert facing(people, np.ones((4, 16), bool), MPII16).tolist() == [1, -1, 1, 0]
    hidden = ALL.copy()
    hidden[0, MPII16.keypoints.index("left_hip")] = False
    assert facing(front, hidden, MPII16).tolist() == [0]
