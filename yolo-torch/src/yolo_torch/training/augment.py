"""Training pictures from labelled ones: mosaics, zoom, mirror, colour, faults, and regions without people. Pure.

A mosaic joins two or four pictures (Bochkovskiy et al., YOLOv4, arXiv 2004.10934): groups of small people come of
single large ones. Everything is laid on grey, as a letterbox is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from yolo_torch.training.appearance import degrade, paste_objects, vary_colour
from yolo_torch.training.views import View, close_view, person_view, somebody, whole_view
from yolo_torch.training.visible import Labelled, Window, seen_in

GREY = 128
PASTED = 0.3  # probability of objects in a picture, where there are any to paste

_Picture = NDArray[np.uint8]
_Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class Augmentation:
    """How training pictures vary.

    Attributes:
        mosaic: probability of several pictures in one.
        scale: the longer side of a picture, relative to the network's input: least and most.
        zoom: probability that a window shows one of its people in any size.
        close_up: probability that it shows the upper part of one.
        background: probability that of a picture a region without people is taken, where it has one.
        colour: by how much gain and offset of the channels vary.
        faults: probability of blur, compression or noise.
    """

    mosaic: float = 0.6
    scale: tuple[float, float] = (0.35, 1.5)
    zoom: float = 0.0
    close_up: float = 0.0
    background: float = 0.1
    colour: float = 0.25
    faults: float = 0.0


def training_picture(
    pictures: Sequence[Labelled],
    size_wh: tuple[int, int],
    augmentation: Augmentation,
    rng: np.random.Generator,
    objects: Sequence[_Picture] = (),
    focus: _Boxes | None = None,
) -> Labelled:
    """A training picture of one, two or four pictures.

    Args:
        pictures: what is joined.
        size_wh: the network's input.
        augmentation: how pictures vary.
        rng: determines every choice.
        objects: things [H, W, 4] without people, some of which are pasted.
        focus: a box [4] of the first picture that is to be shown, in any size.
    """
    width, height = size_wh
    canvas: _Picture = np.full((height, width, 3), GREY, np.uint8)
    people, left_open = [np.zeros((0, 4))], [np.zeros((0, 4))]
    for number, (labelled, window) in enumerate(zip(pictures, _windows(len(pictures), size_wh, rng), strict=True)):
        varied = labelled if focus is not None and number == 0 else _vary(labelled, augmentation, rng)
        view = _view(varied, window, size_wh, augmentation, focus if number == 0 else None, rng)
        seen, opened = _lay(canvas, window, varied, view)
        people.append(seen)
        left_open.append(opened)
    result = Labelled(canvas, np.concatenate(people), np.concatenate(left_open))
    if objects and rng.random() < PASTED:
        paste_objects(result.picture, result.people, objects, rng)
    if rng.random() < 0.5:
        result = mirrored(result)
    picture = vary_colour(result.picture, augmentation.colour, rng)
    if rng.random() < augmentation.faults:
        picture = degrade(np.ascontiguousarray(picture), rng)
    return Labelled(picture, result.people, result.left_open)


def mirrored(labelled: Labelled) -> Labelled:
    """Left and right exchanged; without outlines."""
    width = labelled.picture.shape[1]
    people, left_open = (
        np.stack([width - b[:, 2], b[:, 1], width - b[:, 0], b[:, 3]], axis=1)
        for b in (labelled.people, labelled.left_open)
    )
    return Labelled(labelled.picture[:, ::-1], people, left_open)


def _windows(count: int, size_wh: tuple[int, int], rng: np.random.Generator) -> list[Window]:
    width, height = size_wh
    if count == 1:
        return [(0, 0, width, height)]
    x, y = (int(side * part) for side, part in zip(size_wh, rng.uniform(0.3, 0.7, 2), strict=True))
    if count == 2 and width >= height:
        return [(0, 0, x, height), (x, 0, width, height)]
    if count == 2:
        return [(0, 0, width, y), (0, y, width, height)]
    return [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]


def _view(
    labelled: Labelled,
    window: Window,
    size_wh: tuple[int, int],
    augmentation: Augmentation,
    focus: _Boxes | None,
    rng: np.random.Generator,
) -> View:
    alone = window == (0, 0, *size_wh)
    if focus is not None:
        return person_view(labelled, window, focus, alone, rng)
    chance = rng.random()
    if len(labelled.people) and chance < augmentation.zoom:
        return person_view(labelled, window, somebody(labelled.people, rng), alone, rng)
    if len(labelled.people) and chance < augmentation.zoom + augmentation.close_up:
        return close_view(window, somebody(labelled.people, rng), rng)
    longer = max(size_wh) * float(np.exp(rng.uniform(*np.log(augmentation.scale))))
    return whole_view(labelled, window, longer, rng)


def _vary(labelled: Labelled, augmentation: Augmentation, rng: np.random.Generator) -> Labelled:
    if rng.random() < augmentation.background:
        taken = np.concatenate([labelled.people, labelled.left_open])
        region = free_region(taken, (labelled.picture.shape[1], labelled.picture.shape[0]))
        if region is not None:
            x1, y1, x2, y2 = region
            return Labelled(labelled.picture[y1:y2, x1:x2], np.zeros((0, 4)))
    return labelled


def free_region(boxes_xyxy: _Boxes, picture_wh: tuple[int, int]) -> Window | None:
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


def _lay(canvas: _Picture, window: Window, labelled: Labelled, view: View) -> tuple[_Boxes, _Boxes]:
    """Draws the part of the picture that the window shows; returns the people and the open regions there."""
    height, width = labelled.picture.shape[:2]
    scale, offset = np.array([view.scale_x, view.scale_y]), np.array([view.x, view.y])
    low = np.maximum(0, np.floor((np.array(window[:2]) - offset) / scale)).astype(int)
    high = np.minimum([width, height], np.ceil((np.array(window[2:]) - offset) / scale)).astype(int)
    start = np.maximum(window[:2], np.rint(low * scale + offset)).astype(int)
    end = np.minimum(window[2:], np.rint(high * scale + offset)).astype(int)
    if (high - low < 2).any() or (end - start < 2).any():
        return np.zeros((0, 4)), np.zeros((0, 4))
    part = labelled.picture[low[1] : high[1], low[0] : high[0]]
    method = cv2.INTER_AREA if scale.max() < 1 else cv2.INTER_LINEAR
    (wide, high_px), exact = (int(side) for side in end - start), (end - start) / (high - low)
    canvas[start[1] : end[1], start[0] : end[0]] = cv2.resize(part, (wide, high_px), interpolation=method)
    return seen_in((*start.tolist(), *end.tolist()), labelled, exact, start - low * exact)
