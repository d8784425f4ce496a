"""What changes how a training picture looks and leaves its labels alone: colour, faults of cameras, objects. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

MOST_OBJECTS = 3
SMALLEST_OBJECT, LARGEST_OBJECT = 24, 0.55  # pixels; part of the picture's shorter side
MOST_COVERED = 0.3  # of a person

_Picture = NDArray[np.uint8]


def vary_colour(picture_rgb: _Picture, amount: float, rng: np.random.Generator) -> _Picture:
    """The picture with each channel's gain, and its brightness, changed by up to `amount`; sometimes grey."""
    gain = rng.uniform(1 - amount, 1 + amount, 3) * rng.uniform(1 - amount, 1 + amount)
    offset = rng.uniform(-amount, amount) * 100
    if rng.random() < 0.1 * (amount > 0):
        picture_rgb = np.repeat(cv2.cvtColor(np.ascontiguousarray(picture_rgb), cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    levels = np.clip(np.arange(256)[:, None] * gain + offset, 0, 255).astype(np.uint8)
    return np.stack([levels[:, channel][picture_rgb[..., channel]] for channel in range(3)], axis=-1)


def degrade(picture: _Picture, rng: np.random.Generator) -> _Picture:
    """The picture with one fault: out of focus, shaken, compressed, or noisy."""
    fault = rng.integers(4)
    if fault == 0:
        width = 2 * int(rng.integers(1, 3)) + 1
        return _bytes(cv2.GaussianBlur(picture, (width, width), 0))
    if fault == 1:
        length = int(rng.integers(3, 9))
        return _bytes(cv2.blur(picture, (length, 1) if rng.random() < 0.6 else (1, length)))
    if fault == 2:
        quality = int(rng.integers(25, 75))
        compressed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return _bytes(cv2.imdecode(compressed, cv2.IMREAD_COLOR))
    noise = rng.normal(0, rng.uniform(3, 14), picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _bytes(picture: object) -> _Picture:
    return np.asarray(picture, np.uint8)


def paste_objects(
    picture: _Picture, people_xyxy: NDArray[np.float64], objects: Sequence[_Picture], rng: np.random.Generator
) -> None:
    """Lays up to three of the objects [H, W, 4], with their opacity, into the picture where they hide nobody much."""
    height, width = picture.shape[:2]
    for _ in range(int(rng.integers(1, MOST_OBJECTS + 1))):
        shown = objects[int(rng.integers(len(objects)))]
        side = np.exp(
            rng.uniform(np.log(SMALLEST_OBJECT), np.log(max(SMALLEST_OBJECT, LARGEST_OBJECT * min(width, height))))
        )
        factor = side / max(shown.shape[:2])
        wide, high = (max(2, round(edge * factor)) for edge in shown.shape[1::-1])
        if wide >= width or high >= height:
            continue
        x, y = int(rng.integers(width - wide)), int(rng.integers(height - high))
        if _hides_somebody((x, y, x + wide, y + high), people_xyxy):
            continue
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        small = np.asarray(cv2.resize(shown, (wide, high), interpolation=method), np.uint8)
        small = small[:, ::-1] if rng.random() < 0.5 else small
        opacity = small[..., 3:].astype(np.uint16)
        part = picture[y : y + high, x : x + wide]
        part[:] = ((small[..., :3] * opacity + part * (255 - opacity)) // 255).astype(np.uint8)


def _hides_somebody(box: tuple[int, int, int, int], people_xyxy: NDArray[np.float64]) -> bool:
    sides = np.minimum(people_xyxy[:, 2:], box[2:]) - np.maximum(people_xyxy[:, :2], box[:2])
    whole = (people_xyxy[:, 2:] - people_xyxy[:, :2]).prod(axis=1)
    return bool((np.clip(sides, 0, None).prod(axis=1) > MOST_COVERED * whole).any())
