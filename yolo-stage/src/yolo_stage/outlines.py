"""Points along the limbs of labelled people: of somebody cut off they tell how far the part in view reaches. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

POINTS = 9  # along each limb
FEWEST_JOINTS = 12  # with fewer some part of the body is unknown, and its box would be too narrow

Skeleton = tuple[tuple[int, int], ...]


def skeleton_of(categories: Sequence[dict[str, Any]]) -> Skeleton:
    """The limbs of COCO's category `person`, as pairs of indices of its keypoints; none where it has none."""
    for row in categories:
        if row["name"] == "person" and "skeleton" in row:
            return tuple((int(one) - 1, int(other) - 1) for one, other in row["skeleton"])
    return ()


def limb_points(keypoints: Sequence[float], skeleton: Skeleton) -> NDArray[np.float64] | None:
    """Points [P, 2] along the limbs of COCO's keypoints (x, y, v of each); None where too few are labelled."""
    rows = np.array(keypoints, np.float64).reshape(-1, 3)
    labelled = rows[:, 2] > 0
    if labelled.sum() < FEWEST_JOINTS:
        return None
    limbs = [(one, other) for one, other in skeleton if labelled[one] and labelled[other]]
    if not limbs:
        return None
    starts, ends = (rows[[limb[side] for limb in limbs], :2] for side in (0, 1))
    points: NDArray[np.float64] = starts[:, None] + (ends - starts)[:, None] * np.linspace(0, 1, POINTS)[:, None]
    return points.reshape(-1, 2)
