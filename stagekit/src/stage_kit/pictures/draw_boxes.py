"""Draw boxes for the inspection pictures. Pure: a new picture comes back."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Colours (RGB) that differ in lightness as well as in hue; white on black text is readable beside any of them.
_COLOURS = [(255, 196, 0), (0, 190, 255), (255, 92, 138), (124, 220, 60), (190, 140, 255), (255, 140, 60)]
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX

_Picture = NDArray[np.uint8]
_Colour = tuple[int, int, int]


def draw_boxes(
    picture_rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]]
) -> NDArray[np.uint8]:
    """Picture [H, W, 3] with boxes [K, 4], each labelled with its index and score [K].

    Boxes are in pixels of the picture, edges continuous. Line and text grow with the picture's long side. Lines have
    a black rim and labels a black ground, so they are readable on anything.
    """
    picture = np.ascontiguousarray(picture_rgb).copy()
    height, width = picture.shape[:2]
    unit = max(height, width) / 1000
    line, rim = max(1, round(4 * unit)), max(1, round(unit))
    edges = np.rint(np.clip(np.nan_to_num(boxes_xyxy), 0, [width, height] * 2)).astype(int).tolist()
    for index, box in enumerate(edges):
        _draw_frame(picture, box, line // 2 + rim, line + 2 * rim, _BLACK)
        _draw_frame(picture, box, line // 2, line, _COLOURS[index % len(_COLOURS)])
    for index, (box, score) in enumerate(zip(edges, scores, strict=True)):
        _draw_label(picture, f"{index}  {score:.2f}", (box[0], box[1]), _COLOURS[index % len(_COLOURS)])
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


def _draw_label(picture: _Picture, text: str, at_xy: tuple[int, int], colour: _Colour) -> None:
    """Write `text` into `picture` above the corner `at_xy`, or below it where there is no room above."""
    height, width = picture.shape[:2]
    unit = max(height, width) / 1000
    scale, thickness, pad = max(0.35, 0.8 * unit), max(1, round(1.6 * unit)), max(2, round(5 * unit))
    (text_width, text_height), descent = cv2.getTextSize(text, _FONT, scale, thickness)
    label_width, label_height = text_width + 3 * pad, text_height + descent + 2 * pad
    left = max(0, min(at_xy[0], width - label_width))
    top = at_xy[1] - label_height if at_xy[1] >= label_height else min(at_xy[1], max(0, height - label_height))
    _fill(picture, (left, top, left + label_width, top + label_height), _BLACK)
    _fill(picture, (left, top, left + pad, top + label_height), colour)
    baseline = (left + 2 * pad, top + pad + text_height)
    cv2.putText(picture, text, baseline, _FONT, scale, _WHITE, thickness, cv2.LINE_AA)
