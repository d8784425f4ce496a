"""From decoded poses to records. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_contract.records import SURE_SCORE, Box, Keypoint, PersonPose
from pose_contract.skeletons import Skeleton
from pose_contract.video_records import FramePose
from stage_kit.pictures.boxes import order_people


@dataclass(frozen=True)
class Somebody:
    """One person of a picture; `keypoints` are x, y and score of every part in pixels."""

    index: int
    score: float
    box: Box
    keypoints: tuple[tuple[float, float, float], ...]


def people_of(
    keypoints_xy: NDArray[np.float64], scores: NDArray[np.float64], picture_wh: tuple[int, int]
) -> Iterator[Somebody]:
    """People in order of their boxes' centres, from left to right.

    A keypoint beside the picture counts as not found: 0, 0 with the score 0. The box holds all keypoints that were
    found. A person's score is the mean of the keypoints' with at least 0.2.

    Args:
        keypoints_xy: [P, J, 2] in pixels of the picture.
        scores: [P, J], 0 where a part was not found.
        picture_wh: width and height of the picture.
    """
    limit = np.array(picture_wh, np.float64)
    inside = ((keypoints_xy >= -0.5) & (keypoints_xy <= limit - 0.5)).all(axis=2)
    scores = np.where(inside, np.clip(scores, 0, 1), 0)
    keypoints_xy = np.where((scores > 0)[..., None], keypoints_xy, 0)
    somebody = (scores > 0).any(axis=1)
    keypoints_xy, scores = keypoints_xy[somebody], scores[somebody]
    boxes = np.array([_box(xy[sure > 0], limit) for xy, sure in zip(keypoints_xy, scores, strict=True)]).reshape(-1, 4)
    for index, who in enumerate(order_people(boxes)):
        sure = scores[who][scores[who] >= SURE_SCORE]
        x1, y1, x2, y2 = boxes[who].tolist()
        table = np.column_stack([keypoints_xy[who], scores[who]]).tolist()
        yield Somebody(
            index=index,
            score=float(sure.mean()) if sure.size else 0.0,
            box=Box(x1=x1, y1=y1, x2=x2, y2=y2),
            keypoints=tuple((x, y, score) for x, y, score in table),
        )


def _box(xy: NDArray[np.float64], limit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Left, top, right, bottom edge around keypoints [N, 2]: their pixels are inside of it."""
    low, high = np.clip(xy.min(axis=0), 0, limit - 1), np.clip(xy.max(axis=0) + 1, 1, limit)
    return np.concatenate([low, high])


def person_pose(person: Somebody, skeleton: Skeleton) -> PersonPose:
    """As a photo's record has them."""
    keypoints = tuple(
        Keypoint(name=name, x=x, y=y, score=score)
        for name, (x, y, score) in zip(skeleton.keypoints, person.keypoints, strict=True)
    )
    return PersonPose(index=person.index, score=person.score, box=person.box, keypoints=keypoints)


def frame_pose(person: Somebody) -> FramePose:
    """As a line of a video has them."""
    return FramePose(index=person.index, score=person.score, box=person.box, keypoints=person.keypoints)
