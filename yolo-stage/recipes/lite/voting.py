"""People's boxes by vote: labelled joints and three detectors judge together, and what is unsure is left open. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stage_kit.pictures.boxes import clip_boxes, iou_matrix
from yolo_stage.scan import parts_within

FEET, HANDS, BODY = 0.09, 0.06, 0.03  # of the joints' longer extent, beyond ankles, wrists, any other joint
LIMB = 0.02  # likewise: a voted box is grown to hold every joint and as much more
FEWEST_JOINTS = 8  # fewer do not tell where the body ends
ALIKE = 0.5  # IoU of boxes of one person
PART = 0.65  # of a box inside a person's: a part of that person
# Scores from which a detector's box counts with another's beside it, alone, and as a doubt that is left open.
TOGETHER = {"multi": 0.12, "yolo": 0.22, "nano": 0.3}
ALONE = {"multi": 0.35, "yolo": 0.75, "nano": 0.62}
DOUBT = {"multi": 0.12, "yolo": 0.22, "nano": 0.27}

Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class Joints:
    """Order of a data set's joints: which are ankles, wrists, and the head's top."""

    ankles: tuple[int, int]
    wrists: tuple[int, int]
    head_top: int


LSP = Joints((0, 5), (6, 11), 13)
MPII = Joints((0, 5), (10, 15), 9)


@dataclass(frozen=True)
class Voted:
    """A picture's people [K, 4], the labelled ones first, and regions [L, 4] to be left open."""

    people: Boxes
    labelled: int
    left_open: Boxes


def body_box(joints: NDArray[np.float64], order: Joints) -> Boxes | None:
    """x1, y1, x2, y2 of the body whose joints [J, 3] (x, y, labelled) these are; None where too few are labelled."""
    labelled = joints[:, 2] > 0
    if labelled.sum() < FEWEST_JOINTS:
        return None
    points = joints[labelled, :2].astype(np.float64)
    longest = float((points.max(axis=0) - points.min(axis=0)).max())
    reach = np.full(len(joints), BODY)
    reach[list(order.ankles)], reach[list(order.wrists)], reach[order.head_top] = FEET, HANDS, BODY / 2
    margin = reach[labelled, None] * longest
    return np.concatenate([(points - margin).min(axis=0), (points + margin).max(axis=0)])


def vote(bodies: Sequence[Boxes], raw: Mapping[str, tuple[Boxes, Boxes]], picture_wh: tuple[int, int]) -> Voted:
    """Who is in a picture.

    Args:
        bodies: the labelled people, [4] each, by their joints.
        raw: of each detector boxes [N, 4] and scores [N].
        picture_wh: everything is clipped to it.
    """
    rows = [
        (box, float(score), name)
        for name, (boxes, scores) in raw.items()
        for box, score in zip(boxes, scores, strict=True)
        if score >= min(TOGETHER[name], DOUBT[name])
    ]
    boxes = np.array([box for box, _, _ in rows], np.float64).reshape(-1, 4)
    free = np.ones(len(rows), bool)
    people = [_labelled(body, boxes, rows, free) for body in bodies]
    people += _others(boxes, rows, free, np.array(people).reshape(-1, 4))
    everyone = np.array(people, np.float64).reshape(-1, 4)
    doubtful = np.array([score >= DOUBT[name] for _, score, name in rows], bool) & free
    doubtful &= (iou_matrix(boxes, everyone) < ALIKE).all(axis=1)
    return Voted(clip_boxes(everyone, picture_wh), len(bodies), clip_boxes(boxes[doubtful], picture_wh))


def _labelled(body: Boxes, boxes: Boxes, rows: Sequence[tuple[Boxes, float, str]], free: NDArray[np.bool_]) -> Boxes:
    """The body's box averaged with the best one of each detector that is like it; all that are like it are used up."""
    overlap = iou_matrix(body, boxes)[0]
    judges = [body]
    for name in TOGETHER:
        own = [index for index, row in enumerate(rows) if row[2] == name and overlap[index] >= ALIKE]
        if own:
            judges.append(boxes[max(own, key=lambda index: overlap[index])])
    free &= overlap < ALIKE
    mean: Boxes = np.mean(judges, axis=0)
    return mean


def _others(
    boxes: Boxes, rows: Sequence[tuple[Boxes, float, str]], free: NDArray[np.bool_], known: Boxes
) -> list[Boxes]:
    """People whom two detectors see, or one that is sure; no parts of others."""
    found: list[Boxes] = []
    order = sorted(range(len(rows)), key=lambda index: -rows[index][1] / ALONE[rows[index][2]])
    for index in order:
        _, score, name = rows[index]
        if not free[index] or score < TOGETHER[name]:
            continue
        so_far = np.concatenate([known, np.array(found).reshape(-1, 4)])
        if (parts_within(boxes[index][None], so_far) > PART).any():
            continue
        like = (iou_matrix(boxes[index], boxes)[0] >= ALIKE) & free
        judges = {
            rows[other][2]: other for other in np.flatnonzero(like)[::-1] if rows[other][1] >= TOGETHER[rows[other][2]]
        }
        judges[name] = index
        if len(judges) > 1 or score >= ALONE[name]:
            found.append(boxes[list(judges.values())].mean(axis=0))
            free &= ~like
    return found


def grown(box: Boxes, points: NDArray[np.float64]) -> Boxes:
    """The box, grown to hold all of the points [P, 2]: outstretched limbs that no detector's box had."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = LIMB * float((high - low).max())
    return np.concatenate([np.minimum(box[:2], low - margin), np.maximum(box[2:], high + margin)])


def judges_box(joints: NDArray[np.float64], picture_wh: tuple[int, int]) -> Boxes:
    """What the validation takes for a person's box: the extent of the joints [J, 2], enlarged by 15 % on each side."""
    low, high = joints.min(axis=0), joints.max(axis=0)
    margin = 0.15 * (high - low)
    box: Boxes = clip_boxes(np.concatenate([low - margin, high + margin]), picture_wh)[0]
    return box


def waist_crop(box: Boxes, picture_wh: tuple[int, int]) -> tuple[tuple[int, int, int, int], Boxes]:
    """The upper 55 % of a person with 4 % of its width beside it, x1, y1, x2, y2; and the person's box in there."""
    width = box[2] - box[0]
    left, right = max(0, int(box[0] - 0.04 * width)), min(picture_wh[0], int(box[2] + 0.04 * width))
    top, bottom = max(0, int(box[1])), int(box[1] + 0.55 * (box[3] - box[1]))
    inside: Boxes = np.array([box[0] - left, box[1] - top, box[2] - left, bottom - top])
    return (left, top, right, bottom), inside
