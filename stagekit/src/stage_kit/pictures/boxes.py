"""Boxes of people: overlap, clipping, order, and the rectangle that is cut out around one. Pure.

A box is x1, y1, x2, y2 in pixels of one frame, edges continuous: the first pixel spans 0 to 1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SHORTEST_SIDE = 0.01  # px; what is thinner would vanish when a record rounds it to three decimals
_CUT_MARGIN = 2  # px; room for the interpolation at the cut's rim


def iou_matrix(boxes_a_xyxy: ArrayLike, boxes_b_xyxy: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union [N, M] of boxes [N, 4] with boxes [M, 4]; 0 where the union has no area."""
    intersection = intersections(boxes_a_xyxy, boxes_b_xyxy)
    union = areas(boxes_a_xyxy)[:, None] + areas(boxes_b_xyxy) - intersection
    iou: NDArray[np.float64] = np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
    return iou


def intersections(boxes_a_xyxy: ArrayLike, boxes_b_xyxy: ArrayLike) -> NDArray[np.float64]:
    """The areas [N, M], in square pixels, that boxes [N, 4] share with boxes [M, 4]."""
    a = np.asarray(boxes_a_xyxy, np.float64).reshape(-1, 1, 4)
    b = np.asarray(boxes_b_xyxy, np.float64).reshape(1, -1, 4)
    sides = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    shared: NDArray[np.float64] = sides[..., 0] * sides[..., 1]
    return shared


def areas(boxes_xyxy: ArrayLike) -> NDArray[np.float64]:
    """The areas [K] of boxes [K, 4], in square pixels; 0 of one that is turned inside out."""
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    sides: NDArray[np.float64] = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    return sides[:, 0] * sides[:, 1]


def clip_boxes(boxes_xyxy: ArrayLike, picture_wh: tuple[int, int]) -> NDArray[np.float64]:
    """Boxes [K, 4] clipped to a picture of `picture_wh`; one wholly outside it loses its area."""
    return np.clip(np.asarray(boxes_xyxy, np.float64).reshape(-1, 4), 0, [*picture_wh, *picture_wh])


def valid_boxes(boxes_xyxy: ArrayLike) -> NDArray[np.bool_]:
    """Mask [K] of the boxes [K, 4] that are finite and not degenerate: at least 0.01 px wide and high."""
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    finite = np.asarray(np.isfinite(boxes).all(axis=1))
    mask = np.zeros(len(boxes), np.bool_)
    mask[finite] = np.all(boxes[finite, 2:] - boxes[finite, :2] >= _SHORTEST_SIDE, axis=1)
    return mask


def order_people(boxes_xyxy: ArrayLike) -> NDArray[np.intp]:
    """Indices [K] that put boxes [K, 4] in order of centre x, then centre y, then their edges."""
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    x1, y1, x2, y2 = boxes.T
    order: NDArray[np.intp] = np.lexsort((y2, x2, y1, x1, y1 + y2, x1 + x2))
    return order


def listed(boxes_xyxy: NDArray[np.float64], scores: NDArray[np.float64]) -> str:
    """How many boxes [K, 4] there are, then a line for each with its score [K]; for people in a notebook.

    >>> print(listed(np.array([[155.2, 46.8, 368.0, 402.5]]), np.array([0.871])))
    1:
      0.87 at 155 47 368 402
    """
    rows = zip(boxes_xyxy, scores, strict=True)
    lines = [f"\n  {score:.2f} at {' '.join(f'{edge:.0f}' for edge in box)}" for box, score in rows]
    return f"{len(lines)}{':' if lines else ''}{''.join(lines)}"


def cut_rectangle(
    box_xyxy: ArrayLike, picture_wh: tuple[int, int], cut_scale: float = 1.25
) -> tuple[int, int, int, int]:
    """Rectangle x, y, width, height, in whole pixels, to cut out around the box of a person.

    With w, h of the box it is cut_scale * max(w, h) wide and cut_scale * max(h, 4w/3) high about the box's centre:
    what networks with inputs of 1:1 and 3:4 see. It is rounded outward, widened by 2 px, and clipped to the picture.
    The box must lie in the picture and have an area.

    >>> cut_rectangle((155.2, 46.8, 368.0, 402.5), (590, 422))
    (37, 0, 449, 422)
    """
    x1, y1, x2, y2 = (float(edge) for edge in np.asarray(box_xyxy, np.float64))
    width, height = x2 - x1, y2 - y1
    left, right = _span((x1 + x2) / 2, cut_scale * max(width, height), picture_wh[0])
    top, bottom = _span((y1 + y2) / 2, cut_scale * max(height, 4 * width / 3), picture_wh[1])
    return left, top, right - left, bottom - top


def _span(centre: float, length: float, limit: int) -> tuple[int, int]:
    start = math.floor(centre - length / 2) - _CUT_MARGIN
    end = math.ceil(centre + length / 2) + _CUT_MARGIN
    return max(0, start), min(limit, end)
