"""Draw boxes for the inspection pictures. Pure: a new picture comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stage_kit.pictures.tags import BLACK, PERSON_COLORS, Tag, add_tags

_Picture = NDArray[np.uint8]
_Colour = tuple[int, int, int]


def draw_boxes(
    picture_rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]]
) -> NDArray[np.uint8]:
    """Picture [H, W, 3] with boxes [K, 4], each with its index and score [K] where its head may be.

    Boxes are in pixels of the picture, edges continuous. Line and text grow with the picture's long side. Lines have
    a black rim and tags a black ground, so they are readable on anything; no tag covers another.
    """
    picture = np.ascontiguousarray(picture_rgb).copy()
    height, width = picture.shape[:2]
    unit = max(height, width) / 1000
    line, rim = max(1, round(4 * unit)), max(1, round(unit))
    edges = np.rint(np.clip(np.nan_to_num(boxes_xyxy), 0, [width, height] * 2)).astype(int).tolist()
    for index, box in enumerate(edges):
        _draw_frame(picture, box, line // 2 + rim, line + 2 * rim, BLACK)
        _draw_frame(picture, box, line // 2, line, PERSON_COLORS[index % len(PERSON_COLORS)])
    rows = enumerate(zip(edges, scores, strict=True))
    tags = [Tag(f"{index}  {score:.2f}", index, ((box[0] + box[2]) / 2, box[1])) for index, (box, score) in rows]
    add_tags(picture, tags, np.empty((0, 2)))
    return picture


def _draw_frame(picture: _Picture, box_xyxy: list[int], outside: int, thickness: int, colour: _Colour) -> None:
    """Draw a frame that reaches `outside` px beyond the box and is `thickness` px wide (cv2's are wider than asked)."""
    x1, y1, x2, y2 = box_xyxy[0] - outside, box_xyxy[1] - outside, box_xyxy[2] + outside, box_xyxy[3] + outside
    _fill(picture, (x1, y1, x2, y1 + thickness), colour)
    _fill(picture, (x1, y2 - thickness, x2, y2), colour)
    _fill(picture, (x1, y1, x1 + thickness, y2), colour)
    _fill(picture, (x2 - thickness, y1, x2, y2), colour)


def _fill(picture: _Picture, box_xyxy: tuple[int, int, int, int], colour: _Colour) -> None:
    x1, y1, x2, y2 = (max(0, edge) for edge in box_xyxy)
    picture[y1:y2, x1:x2] = colour
