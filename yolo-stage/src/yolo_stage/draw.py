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


def draw_boxes(
    picture_rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]]
) -> NDArray[np.uint8]:
    """Picture [H, W, 3] with boxes [K, 4], each labelled with its index and score [K].

    Boxes are in pixels of the picture, edges continuous. Line and text grow with the picture's long side. Lines have
    a black rim and labels a black ground, so they are readable on anything.
    """
    picture = np.ascontiguousarray(picture_rgb).copy()
    unit = max(picture.shape[:2]) / 1000
    thickness = max(1, round(3 * unit))
    for index, box in enumerate(boxes_xyxy):
        corners = _corner_pixels(box, picture.shape[1], picture.shape[0])
        colour = _COLOURS[index % len(_COLOURS)]
        cv2.rectangle(picture, *corners, _BLACK, thickness + 2 * max(1, round(unit)), cv2.LINE_AA)
        cv2.rectangle(picture, *corners, colour, thickness, cv2.LINE_AA)
    for index, (box, score) in enumerate(zip(boxes_xyxy, scores, strict=True)):
        (x, y), _ = _corner_pixels(box, picture.shape[1], picture.shape[0])
        _draw_label(picture, f"{index}  {score:.2f}", (x, y), _COLOURS[index % len(_COLOURS)])
    return picture


def _corner_pixels(
    box_xyxy: NDArray[np.floating[Any]], width: int, height: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    x1, y1, x2, y2 = np.clip(np.nan_to_num(box_xyxy), 0, [width, height] * 2)
    return (
        (min(int(x1), width - 1), min(int(y1), height - 1)),
        (max(0, int(np.ceil(x2)) - 1), max(0, int(np.ceil(y2)) - 1)),
    )


def _draw_label(picture: NDArray[np.uint8], text: str, at_xy: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """Write `text` into `picture` above the corner `at_xy`, or below it where there is no room above."""
    height, width = picture.shape[:2]
    unit = max(height, width) / 1000
    scale, thickness, pad = max(0.35, 0.8 * unit), max(1, round(1.6 * unit)), max(2, round(5 * unit))
    (text_width, text_height), descent = cv2.getTextSize(text, _FONT, scale, thickness)
    label_width, label_height = text_width + 2 * pad, text_height + descent + 2 * pad
    left = max(0, min(at_xy[0], width - label_width))
    top = at_xy[1] - label_height if at_xy[1] >= label_height else min(at_xy[1], max(0, height - label_height))
    cv2.rectangle(picture, (left, top), (left + label_width, top + label_height), _BLACK, cv2.FILLED)
    cv2.rectangle(picture, (left, top), (left + max(1, pad // 2), top + label_height), colour, cv2.FILLED)
    baseline = (left + pad, top + pad + text_height)
    cv2.putText(picture, text, baseline, _FONT, scale, _WHITE, thickness, cv2.LINE_AA)
