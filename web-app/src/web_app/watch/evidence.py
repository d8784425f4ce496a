"""What speaks for a person whom the bottom-up network found: no other is the same one, and the detector sees one. Pure.

Boxes are [N, 4]: left, top, right, bottom in pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stage_kit.pictures.boxes import areas, intersections, iou_matrix

Floats = NDArray[np.float64]
INSIDE = 0.8  # of a box that lies in another one's: it may be the same person's
NEAR = 0.15  # of the taller box: as far are two people's like joints apart at least, on average
LEAST_SHARED = 3  # joints that tell two people apart
FRAGMENT = 0.5  # of the other one's joints: who has no more, and shares none of them, is a part of the other
COVERED = 0.6  # of a person's joints' box by the detector's, which is larger
LEAST_IOU = 0.2  # of both


def distinct(boxes_xyxy: Floats, keypoints: Floats) -> NDArray[np.intp]:
    """The rows of those who are nobody's double and nobody's fragment, in their order.

    The network's links may break, or two peaks stand for one joint: one person is two then. Of two the one with the
    larger sum of its joints' scores stays.

    Args:
        boxes_xyxy: of the joints.
        keypoints: [N, J, 3]: x, y, and score; 0 where a joint was not found.
    """
    inside = intersections(boxes_xyxy, boxes_xyxy) >= INSIDE * areas(boxes_xyxy)[:, None]
    order = np.argsort(-keypoints[..., 2].sum(axis=1), kind="stable")
    kept: list[int] = []
    for one in order.tolist():
        if not any(inside[one, other] and _is_same(one, other, boxes_xyxy, keypoints) for other in kept):
            kept.append(one)
    return np.array(sorted(kept), np.intp)


def _is_same(one: int, other: int, boxes_xyxy: Floats, keypoints: Floats) -> bool:
    """Whether `one`, who lies inside of `other`, is a double or a fragment of that surer one."""
    found = keypoints[..., 2] > 0
    both = found[one] & found[other]
    if both.sum() < LEAST_SHARED:
        return bool(found[one].sum() <= FRAGMENT * found[other].sum())
    distance = np.linalg.norm(keypoints[one, both, :2] - keypoints[other, both, :2], axis=1).mean()
    tall = max(boxes_xyxy[who][3] - boxes_xyxy[who][1] for who in (one, other))
    return bool(distance < NEAR * tall)


def confirmed(boxes_xyxy: Floats, scores: Floats, seen_xyxy: Floats, seen_scores: Floats) -> Floats:
    """The scores [N], of whom the detector sees too at least the detector's.

    Each of the detector's boxes speaks for one person at most, whom it fits best.
    """
    result = scores.copy()
    iou = iou_matrix(boxes_xyxy, seen_xyxy)
    covered = intersections(boxes_xyxy, seen_xyxy) >= COVERED * areas(boxes_xyxy)[:, None]
    fits = np.where(covered & (iou >= LEAST_IOU), iou, 0.0)
    while fits.size and fits.max() > 0:
        who, what = np.unravel_index(fits.argmax(), fits.shape)
        result[who] = max(result[who], seen_scores[what])
        fits[who], fits[:, what] = 0, 0
    return result
