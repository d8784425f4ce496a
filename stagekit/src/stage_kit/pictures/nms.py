"""Non-maximum suppression: of boxes that overlap, keep the one with the best score. Pure numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def nms(
    boxes_xyxy: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]], iou_threshold: float
) -> NDArray[np.intp]:
    """Indices of the boxes [K, 4] that survive, best score [K] first.

    Greedy: a box goes when its IoU with a better one that stays is above `iou_threshold`. Equal scores keep the
    order they came in. The IoU is taken in the boxes' own precision and compared in float64, as torchvision.ops.nms
    does, so the two are equal; boxes without an area therefore never go, and are best dropped.
    """
    order = np.argsort(-scores, kind="stable")
    x1, y1, x2, y2 = boxes_xyxy[order].T
    areas = (x2 - x1) * (y2 - y1)
    left = np.arange(len(order))
    kept: list[int] = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        width = np.minimum(x2[best], x2[left]) - np.maximum(x1[best], x1[left])
        height = np.minimum(y2[best], y2[left]) - np.maximum(y1[best], y1[left])
        intersection = np.maximum(width, 0) * np.maximum(height, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            iou = intersection / (areas[best] + areas[left] - intersection)
        left = left[~(iou.astype(np.float64) > iou_threshold)]
    return order[kept]
