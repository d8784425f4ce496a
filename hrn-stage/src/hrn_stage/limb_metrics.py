"""How well poses fit people in ordinary photos: matched boxes, limb joints, exchanged sides, back views (pure).

Frame: image pixels. N labelled people, J keypoints; the prediction of somebody who was not found is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pose_contract.skeletons import Skeleton

LIMB_PARTS = ("ankle", "knee", "hip", "wrist", "elbow", "shoulder")
APART = 0.4  # torsos between the two of a pair from which on their sides can be told apart
TRUSTED = 0.3  # torsos within which a label and a teacher say the same


def limb_joints(skeleton: Skeleton) -> NDArray[np.bool_]:
    """Which keypoints [J] belong to the arms and legs: those of `LIMB_PARTS`, on either side."""
    return np.array([name.partition("_")[2] in LIMB_PARTS for name in skeleton.keypoints])


def overlaps(boxes_xyxy: NDArray[np.float64], others_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of every box [N, 4] with every other [M, 4]: [N, M]."""
    low = np.maximum(boxes_xyxy[:, None, :2], others_xyxy[None, :, :2])
    high = np.minimum(boxes_xyxy[:, None, 2:], others_xyxy[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    area, other = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (boxes_xyxy, others_xyxy))
    together = area[:, None] + other[None] - shared
    return np.asarray(np.where(together > 0, shared / np.where(together > 0, together, 1), 0), np.float64)


def match_boxes(
    labelled_xyxy: NDArray[np.float64], found_xyxy: NDArray[np.float64], least: float = 0.5
) -> NDArray[np.intp]:
    """For each labelled box [N] the row of its found box, -1 where none overlaps by `least`; the best pair first."""
    table = overlaps(labelled_xyxy, found_xyxy)
    matched = np.full(len(labelled_xyxy), -1, np.intp)
    while table.size and table.max() >= least:
        person, box = np.unravel_index(table.argmax(), table.shape)
        matched[person] = box
        table[person, :] = table[:, box] = -1
    return matched


def hits(
    predicted_xy: NDArray[np.float64],
    joints_xy: NDArray[np.float64],
    labelled: NDArray[np.bool_],
    torsos: NDArray[np.float64],
    within: float,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which joints [N, J] lie within so many torsos of their labels, and which count (labelled, torso known)."""
    counted = labelled & np.isfinite(torsos)[:, None]
    distance = np.linalg.norm(predicted_xy - joints_xy, axis=2)
    return counted & (distance <= within * np.nan_to_num(torsos)[:, None]), counted


def rate(right: NDArray[np.bool_], counted: NDArray[np.bool_]) -> float:
    """The share of those that count; NaN where none does."""
    return float(right[counted].mean()) if counted.any() else float("nan")


def exchanged_sides(
    predicted_xy: NDArray[np.float64],
    joints_xy: NDArray[np.float64],
    trusted: NDArray[np.bool_],
    torsos: NDArray[np.float64],
    skeleton: Skeleton,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which joints [N, J] are exchanged with their partners, and which can be judged.

    Judged are predicted joints of a pair that is trusted on both sides and at least `APART` torsos apart. Exchanged are
    both of a pair, where each lies nearer to the other's label than to its own; two on one leg are another mistake.
    """
    partner = list(skeleton.mirror_index)
    apart = np.linalg.norm(joints_xy - joints_xy[:, partner], axis=2) >= APART * torsos[:, None]
    judged = trusted & trusted[:, partner] & apart & np.isfinite(predicted_xy).all(axis=2) & limb_joints(skeleton)
    own = np.linalg.norm(predicted_xy - joints_xy, axis=2)
    other = np.linalg.norm(predicted_xy - joints_xy[:, partner], axis=2)
    nearer = other < own
    return judged & nearer & nearer[:, partner], judged


def facing(joints_xy: NDArray[np.float64], labelled: NDArray[np.bool_], skeleton: Skeleton) -> NDArray[np.int8]:
    """Per person 1 seen from the front, -1 from behind, 0 from the side or unknown.

    From the front, with the head above the hips, the right shoulder is on the picture's left; a person who lies or
    stands on the hands is judged in their own frame. The shoulders must be at least `APART` of a torso apart across it.
    """
    at = {part: skeleton.keypoints.index(part) for part in ("right_shoulder", "left_shoulder", "right_hip", "left_hip")}
    known = labelled[:, list(at.values())].all(axis=1)
    shoulders = joints_xy[:, at["left_shoulder"]] - joints_xy[:, at["right_shoulder"]]
    middle = joints_xy[:, at["left_shoulder"]] + joints_xy[:, at["right_shoulder"]]
    down = (joints_xy[:, at["right_hip"]] + joints_xy[:, at["left_hip"]] - middle) / 2
    length = np.linalg.norm(down, axis=1)
    across = (shoulders[:, 0] * down[:, 1] - shoulders[:, 1] * down[:, 0]) / np.where(length > 0, length, 1)
    clear = known & (np.abs(across) >= APART * length) & (length > 0)
    return np.where(clear, np.sign(across), 0).astype(np.int8)
