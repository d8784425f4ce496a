"""Training pictures from labelled ones: mosaics, scale jitter, mirror, colour, and regions without people. Pure.

A mosaic joins four pictures (Bochkovskiy et al., YOLOv4, arXiv 2004.10934): groups of small people come of single
large ones. Everything is laid on grey, as a letterbox is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

GREY = 128
LEAST_SEEN = 0.3  # part of a box that must be in view; less is left unlabelled
SHORTEST_SIDE = 6  # network pixels; smaller people are left unlabelled

_Picture = NDArray[np.uint8]
_Boxes = NDArray[np.float64]
Labelled = tuple[_Picture, _Boxes]


@dataclass(frozen=True)
class Augmentation:
    """How training pictures vary.

    Attributes:
        mosaic: probability of four pictures in one.
        scale: the longer side of a picture, relative to the network's input: least and most.
        background: probability that of a picture a region without people is taken, where it has one.
        colour: by how much gain and offset of the channels vary.
    """

    mosaic: float = 0.6
    scale: tuple[float, float] = (0.35, 1.5)
    background: float = 0.1
    colour: float = 0.25


def training_picture(
    pictures: Sequence[Labelled], size: int, augmentation: Augmentation, rng: np.random.Generator
) -> Labelled:
    """A square training picture [size, size, 3] and its boxes [K, 4] in its pixels, of one picture or of four."""
    canvas: _Picture = np.full((size, size, 3), GREY, np.uint8)
    boxes: list[_Boxes] = []
    if len(pictures) == 1:
        windows = [(0, 0, size, size)]
    else:
        x, y = (int(size * part) for part in rng.uniform(0.3, 0.7, 2))
        windows = [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]
    for picture, window in zip(pictures, windows, strict=True):
        varied = _vary(picture, augmentation, rng)
        boxes.append(_place(canvas, window, varied, augmentation.scale, rng))
    if rng.random() < 0.5:
        canvas = canvas[:, ::-1]
        boxes = [np.stack([size - b[:, 2], b[:, 1], size - b[:, 0], b[:, 3]], axis=1) for b in boxes]
    return vary_colour(canvas, augmentation.colour, rng), np.concatenate(boxes)


def _vary(labelled: Labelled, augmentation: Augmentation, rng: np.random.Generator) -> Labelled:
    picture, boxes = labelled
    if rng.random() < augmentation.background:
        region = free_region(boxes, (picture.shape[1], picture.shape[0]))
        if region is not None:
            x1, y1, x2, y2 = region
            return picture[y1:y2, x1:x2], np.zeros((0, 4))
    return picture, boxes


def free_region(boxes_xyxy: _Boxes, picture_wh: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The largest strip beside, above or below all people; None where it is under a fifth of the picture."""
    width, height = picture_wh
    if not len(boxes_xyxy):
        return 0, 0, width, height
    (x1, y1), (x2, y2) = np.floor(boxes_xyxy[:, :2].min(axis=0)), np.ceil(boxes_xyxy[:, 2:].max(axis=0))
    strips = [(0, 0, x1, height), (x2, 0, width, height), (0, 0, width, y1), (0, y2, width, height)]
    best = max(strips, key=lambda strip: (strip[2] - strip[0]) * (strip[3] - strip[1]))
    if (best[2] - best[0]) * (best[3] - best[1]) < 0.2 * width * height:
        return None
    return int(best[0]), int(best[1]), int(best[2]), int(best[3])


def without_crowds(picture: _Picture, crowds_xyxy: _Boxes) -> _Picture:
    """The picture with grey over the boxes [K, 4] of crowds: neither people to be found nor a place without any."""
    if not len(crowds_xyxy):
        return picture
    picture = picture.copy()
    for x1, y1, x2, y2 in np.rint(crowds_xyxy).astype(int).tolist():
        picture[y1:y2, x1:x2] = GREY
    return picture


def _place(
    canvas: _Picture,
    window_xyxy: tuple[int, int, int, int],
    labelled: Labelled,
    scale: tuple[float, float],
    rng: np.random.Generator,
) -> _Boxes:
    """Lays a resized picture into a window of the canvas at random; returns its boxes there that can be seen."""
    picture, boxes = labelled
    left, top, right, bottom = window_xyxy
    longer = canvas.shape[0] * np.exp(rng.uniform(*np.log(scale)))
    factor = longer / max(picture.shape[:2])
    stretch = np.exp(rng.uniform(-0.15, 0.15))
    width, height = max(2, round(picture.shape[1] * factor * stretch)), max(2, round(picture.shape[0] * factor))
    sides = np.array([width / picture.shape[1], height / picture.shape[0]] * 2)
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    # Wider than the window: any part of it may show. Narrower: it lies anywhere in the window.
    x = left + round(rng.uniform(*sorted((0, right - left - width))))
    y = top + round(rng.uniform(*sorted((0, bottom - top - height))))
    x1, y1, x2, y2 = max(left, x), max(top, y), min(right, x + width), min(bottom, y + height)
    canvas[y1:y2, x1:x2] = resized[y1 - y : y2 - y, x1 - x : x2 - x]
    moved = boxes * sides + [x, y, x, y]
    return visible_boxes(moved, (x1, y1, x2, y2))


def visible_boxes(boxes_xyxy: _Boxes, window_xyxy: tuple[int, int, int, int]) -> _Boxes:
    """Boxes [K, 4] clipped to the window, without those of which too little is left."""
    low, high = np.tile(window_xyxy[:2], 2), np.tile(window_xyxy[2:], 2)
    clipped: _Boxes = np.clip(boxes_xyxy, low, high)
    sides, whole = clipped[:, 2:] - clipped[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    seen = sides.prod(axis=1) >= LEAST_SEEN * whole.prod(axis=1)
    kept: _Boxes = clipped[seen & (sides >= SHORTEST_SIDE).all(axis=1)]
    return kept


def vary_colour(picture_rgb: _Picture, amount: float, rng: np.random.Generator) -> _Picture:
    """The picture with each channel's gain, and its brightness, changed by up to `amount`; sometimes grey."""
    gain = rng.uniform(1 - amount, 1 + amount, 3) * rng.uniform(1 - amount, 1 + amount)
    offset = rng.uniform(-amount, amount) * 100
    if rng.random() < 0.1 * (amount > 0):
        picture_rgb = np.repeat(cv2.cvtColor(np.ascontiguousarray(picture_rgb), cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    levels = np.clip(np.arange(256)[:, None] * gain + offset, 0, 255).astype(np.uint8)
    return np.stack([levels[:, channel][picture_rgb[..., channel]] for channel in range(3)], axis=-1)
