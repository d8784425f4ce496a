"""People and poses as a program holds them, arrays and no files: boxes in, keypoints out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pose_contract.errors import UsageError
from pose_contract.records import Box, Keypoint, Person, PersonPose
from pose_contract.skeletons import Skeleton
from stage_kit.pictures.boxes import listed
from stage_kit.pictures.pose_arrays import pose_arrays

_GIVE_BOXES = "give what yolo_stage's detector returns, or left, top, right, bottom of each person"


class FoundPeople(Protocol):
    """People with scores, as `yolo_stage.load_detector` finds them."""

    @property
    def boxes_xyxy(self) -> NDArray[np.float64]:
        """[N, 4], edges in pixels of the upright picture."""

    @property
    def scores(self) -> NDArray[np.float64]:
        """[N], 0 to 1."""


Boxes = FoundPeople | ArrayLike
"""What a detector found, or boxes [N, 4]: left, top, right, bottom, each of a person for certain."""


@dataclass(frozen=True, eq=False)
class Poses:
    """The poses of the people in one picture, in the order of their boxes; the arrays cannot be written to.

    Attributes:
        keypoints_xy: float64 [N, J, 2], in pixels of the upright picture, pixel centres at integers; a network may put
            a keypoint beside the picture.
        scores: float64 [N, J], 0 to 1: the heatmaps' maxima. Under 0.2 a keypoint is a guess.
        skeleton: the names of the J keypoints, the limbs, and left and right.
        boxes_xyxy: float64 [N, 4], as given.
        person_scores: float64 [N]: the box's score times the mean score of the keypoints with at least 0.2.
    """

    keypoints_xy: NDArray[np.float64]
    scores: NDArray[np.float64]
    skeleton: Skeleton
    boxes_xyxy: NDArray[np.float64]
    person_scores: NDArray[np.float64]

    @classmethod
    def of(cls, records: Sequence[PersonPose], skeleton: Skeleton) -> Poses:
        """From the records of one picture, which name all keypoints of the skeleton in its order."""
        found = pose_arrays(records, skeleton)
        return cls(found.keypoints_xy, found.scores, skeleton, found.boxes_xyxy, found.person_scores)

    def records(self) -> tuple[PersonPose, ...]:
        """One record a person, as they stand in output/poses/."""
        rows = zip(self.person_scores, self.boxes_xyxy, self.keypoints_xy, self.scores, strict=True)
        return tuple(
            PersonPose(
                index=index,
                score=float(score),
                box=_box(box),
                keypoints=tuple(
                    Keypoint(name=name, x=float(x), y=float(y), score=float(sure))
                    for name, (x, y), sure in zip(self.skeleton.keypoints, keypoints, scores, strict=True)
                ),
            )
            for index, (score, box, keypoints, scores) in enumerate(rows)
        )

    def __len__(self) -> int:
        """How many people there are."""
        return len(self.person_scores)

    def __repr__(self) -> str:
        """One line a person."""
        return f"Poses({self.skeleton.name}, {listed(self.boxes_xyxy, self.person_scores)})"


def persons_of(boxes: Boxes) -> list[Person]:
    """Records of boxes; those without scores are taken for certain. Raises UsageError."""
    found = getattr(boxes, "boxes_xyxy", boxes)
    try:
        edges = np.asarray(found, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"expected people or boxes [N, 4], got {type(boxes).__name__}", _GIVE_BOXES) from None
    if not edges.size:
        edges = edges.reshape(0, 4)
    if edges.ndim != 2 or edges.shape[1] != 4:
        raise UsageError(f"expected boxes [N, 4], got {list(edges.shape)}", _GIVE_BOXES)
    if not np.isfinite(edges).all():
        raise UsageError("expected finite edges of boxes, got NaN or infinity", _GIVE_BOXES)
    scores = np.asarray(getattr(boxes, "scores", np.ones(len(edges))), np.float64)
    if scores.shape != (len(edges),) or not ((scores >= 0) & (scores <= 1)).all():
        raise UsageError(f"expected {len(edges)} scores from 0 to 1, got {list(scores.shape)}", _GIVE_BOXES)
    rows = zip(edges, scores, strict=True)
    return [Person(index=index, score=float(score), box=_box(box)) for index, (box, score) in enumerate(rows)]


def _box(edges: NDArray[np.float64]) -> Box:
    x1, y1, x2, y2 = (float(edge) for edge in edges)
    return Box(x1=x1, y1=y1, x2=x2, y2=y2)
