"""One person in one frame as the tracker sees it: places that can be compared with those of another frame. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from motion_stage.sequence import Floats
from pose_contract.skeletons import Skeleton

TORSO_OF_BOX = 0.3  # of a standing person's height, where hips or shoulders are not seen
LEAST_JOINT = 5
LEAST_TORSO_PX = 1.0


@dataclass(frozen=True)
class Seen:
    """One person in one frame.

    Attributes:
        index: in the frame's record.
        score: the person's.
        box_xyxy: pixels.
        hip, shoulder: [2], the middle of both; NaN where one is missing.
        keypoints_xy: [J, 2], NaN where the score is low.
    """

    index: int
    score: float
    box_xyxy: tuple[float, float, float, float]
    hip: Floats
    shoulder: Floats
    keypoints_xy: Floats

    @property
    def centre(self) -> Floats:
        """[2]: the box's."""
        x1, y1, x2, y2 = self.box_xyxy
        return np.array([(x1 + x2) / 2, (y1 + y2) / 2])

    @property
    def area(self) -> float:
        """The box's."""
        x1, y1, x2, y2 = self.box_xyxy
        return max(x2 - x1, 0.0) * max(y2 - y1, 0.0)

    @property
    def torso_px(self) -> float:
        """From mid-hip to mid-shoulder; NaN where one is missing."""
        return float(np.linalg.norm(self.hip - self.shoulder))

    @property
    def size_px(self) -> float:
        """The torso's length, else what the box's height lets expect."""
        torso = self.torso_px
        if not np.isfinite(torso):
            torso = TORSO_OF_BOX * (self.box_xyxy[3] - self.box_xyxy[1])
        return max(torso, LEAST_TORSO_PX)

    def moved_to(self, other: Seen, anchor: str = "hip") -> Floats:
        """[2]: the way from one frame to the other, of the first place that both have."""
        first, second = (self.hip, self.shoulder), (other.hip, other.shoulder)
        for place in (1, 0) if anchor == "neck" else (0, 1):
            way = second[place] - first[place]
            if np.isfinite(way).all():
                return way
        return other.centre - self.centre

    def shifted(self, by: Floats) -> Seen:
        """The same person elsewhere."""
        x1, y1, x2, y2 = self.box_xyxy
        return replace(
            self,
            box_xyxy=(x1 + by[0], y1 + by[1], x2 + by[0], y2 + by[1]),
            hip=self.hip + by,
            shoulder=self.shoulder + by,
            keypoints_xy=self.keypoints_xy + by,
        )


class SeenBy:
    """Makes a `Seen` of a record's person, for one skeleton."""

    def __init__(self, skeleton: Skeleton, min_score: float) -> None:
        self._sides = {
            name: [skeleton.keypoints.index(f"{side}_{name}") for side in ("left", "right")]
            for name in ("hip", "shoulder")
        }
        self._min_score = min_score

    def __call__(self, index: int, score: float, box_xyxy: Sequence[float], keypoints: Floats) -> Seen:
        """`keypoints` is [J, 3]: x, y, score."""
        x1, y1, x2, y2 = box_xyxy
        points = np.where(keypoints[:, 2:] >= self._min_score, keypoints[:, :2], np.nan)
        hip, shoulder = (points[self._sides[name]].mean(axis=0) for name in ("hip", "shoulder"))
        return Seen(index, score, (x1, y1, x2, y2), hip, shoulder, points)


def least_torsos(one: Seen, other: Seen, anchor: str = "hip") -> float:
    """The distance of two people's places, like with like, in torso lengths."""
    return float(np.linalg.norm(one.moved_to(other, anchor))) / one.size_px


def keypoint_torsos(one: Seen, other: Seen, anchor: str = "hip") -> float:
    """The mean distance of the keypoints that both have, in torso lengths; of fewer than five the places' distance."""
    distances = np.linalg.norm(one.keypoints_xy - other.keypoints_xy, axis=1)
    both = distances[np.isfinite(distances)]
    if len(both) < LEAST_JOINT:
        return least_torsos(one, other, anchor)
    return float(both.mean()) / one.size_px


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """The overlap of two boxes over what both cover together."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return wide * high / (areas - wide * high)
