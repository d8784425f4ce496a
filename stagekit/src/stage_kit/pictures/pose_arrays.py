"""People's poses as arrays, for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pose_contract.records import PersonPose
from pose_contract.skeletons import Skeleton


class PoseArrays(NamedTuple):
    """Of one picture's people, in image pixels; they cannot be written to.

    keypoints_xy [N, J, 2] and scores [N, J] in the skeleton's order, boxes_xyxy [N, 4], person_scores [N].
    """

    keypoints_xy: NDArray[np.float64]
    scores: NDArray[np.float64]
    boxes_xyxy: NDArray[np.float64]
    person_scores: NDArray[np.float64]


def pose_arrays(records: Sequence[PersonPose], skeleton: Skeleton) -> PoseArrays:
    """From the records of one picture, which name all keypoints of the skeleton in its order."""
    points = [[(point.x, point.y, point.score) for point in person.keypoints] for person in records]
    table = np.array(points, np.float64).reshape(-1, len(skeleton.keypoints), 3)
    boxes = np.array([person.box.xyxy for person in records], np.float64).reshape(-1, 4)
    person_scores = np.array([person.score for person in records], np.float64)
    for array in (table, boxes, person_scores):
        array.setflags(write=False)
    return PoseArrays(table[..., :2], table[..., 2], boxes, person_scores)
