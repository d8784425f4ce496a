"""From the network's candidates to the people of one image (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pose_contract.records import Box, Person
from stage_kit.pictures.boxes import iou_matrix, order_people, valid_boxes
from stage_kit.pictures.cuts import cut_around
from stage_kit.pictures.letterbox import Letterbox, boxes_to_image
from stage_kit.pictures.nms import nms

NOBODY: NDArray[np.float64] = np.zeros((0, 4))
SAME_PLACE = 0.5  # IoU of somebody's boxes in two frames


@dataclass(frozen=True)
class Selection:
    """Which candidates count as people: score and overlap thresholds, and how many at most (0: no limit).

    `seen_thres` is the score that is enough for whom a video's frame before showed in the same place.
    """

    conf_thres: float
    nms_thres: float
    max_people: int = 0
    seen_thres: float | None = None


def choose_people(
    candidates: NDArray[np.float32],
    mapping: Letterbox,
    selection: Selection,
    before_xyxy: NDArray[np.float64] = NOBODY,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Thresholds, suppresses overlaps, and maps to the image.

    Args:
        candidates: float32 [K, 5], x1, y1, x2, y2 in network-input pixels and score.
        mapping: how the network input was made from the image.
        selection: the thresholds.
        before_xyxy: float64 [M, 4], who was in a video's frame before, in image pixels.

    Returns:
        boxes float64 [P, 4] in image pixels, clipped to it, and scores float64 [P], ordered by box centre from left
        to right.
    """
    least = selection.conf_thres
    if len(before_xyxy) and selection.seen_thres is not None:
        least = min(least, selection.seen_thres)
    likely = candidates[candidates[:, 4] >= least]
    # Who is less sure takes nothing away from who is surer, so the sure ones are those that there would be alone.
    kept = likely[nms(likely[:, :4], likely[:, 4], selection.nms_thres)]
    boxes = boxes_to_image(kept[:, :4].astype(np.float64), mapping)
    scores = kept[:, 4].astype(np.float64)
    valid = valid_boxes(boxes)
    if least < selection.conf_thres:
        sure = kept[:, 4] >= selection.conf_thres
        valid = valid & (sure | _seen(boxes, sure, before_xyxy))
    if selection.max_people:
        valid = valid & (np.cumsum(valid) <= selection.max_people)
    boxes, scores = boxes[valid], scores[valid]
    order = order_people(boxes)
    return boxes[order], scores[order]


def _seen(
    boxes_xyxy: NDArray[np.float64], sure: NDArray[np.bool_], before_xyxy: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which boxes are where somebody was before who is not among the sure ones."""
    overlap = iou_matrix(boxes_xyxy, before_xyxy) >= SAME_PLACE
    return np.asarray((overlap & ~overlap[sure].any(axis=0)).any(axis=1))


def people_records(
    boxes_xyxy: NDArray[np.float64], scores: NDArray[np.float64], picture_wh: tuple[int, int], cut_scale: float
) -> list[Person]:
    """The records of people in order, with the rectangles of their cuts; `cut.file` is the index alone."""
    people = []
    for index, (box, score) in enumerate(zip(boxes_xyxy, scores, strict=True)):
        x1, y1, x2, y2 = (float(edge) for edge in box)
        rounded = Box(x1=x1, y1=y1, x2=x2, y2=y2)
        cut = cut_around(rounded, picture_wh, cut_scale, str(index))
        people.append(Person(index=index, score=min(float(score), 1.0), box=rounded, cut=cut))
    return people
