"""What a picture may look like: parts hidden, coarse, blurred, grey, noisy, squeezed by JPEG (pure)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
MOST_PATCHES = 3
PATCH = (0.06, 0.2)  # of the input's side
ON_JOINTS, PLAIN = 0.8, 0.4  # shares of the patches
COARSE = (0.25, 0.75)
BLUR = (0.5, 1.6)  # pixels of an input of 160
NOISE = (4.0, 14.0)
JPEG = (20, 75)


def with_patches(picture: Picture, joints_xy: NDArray[np.float64], rng: np.random.Generator) -> Picture:
    """One to three rectangles, mostly over joints [J, 2], in one colour or with another piece of the picture."""
    result = picture.copy()
    size = np.array(picture.shape[1::-1])
    for _ in range(rng.integers(1, MOST_PATCHES + 1)):
        sides = rng.uniform(*PATCH, 2) * size
        at = rng.uniform(0, 1, 2) * size
        if rng.random() < ON_JOINTS:
            at = joints_xy[rng.integers(len(joints_xy))] + rng.normal(0, 0.03, 2) * size
        low, high = (np.clip((at + sign * sides / 2).astype(int), 0, size) for sign in (-1, 1))
        if (high - low < 2).any():
            continue
        rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
        if rng.random() < PLAIN:
            result[rows, columns] = rng.integers(0, 256, 3)
        else:
            x, y = rng.integers(0, size - (high - low) + 1)
            result[rows, columns] = picture[y : y + high[1] - low[1], x : x + high[0] - low[0]]
    return result


def coarse(picture: Picture, rng: np.random.Generator) -> Picture:
    """Made smaller and large again."""
    width, height = picture.shape[1::-1]
    factor = rng.uniform(*COARSE)
    small = cv2.resize(
        picture, (max(12, int(width * factor)), max(12, int(height * factor))), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def blurred(picture: Picture, rng: np.random.Generator) -> Picture:
    """Out of focus, or moved sideways or upwards while it was taken."""
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(*BLUR) * max(picture.shape) / 160), np.uint8)
    length = int(rng.integers(3, 8))
    kernel = np.ones((1, length) if rng.random() < 0.5 else (length, 1), np.float32) / length
    return np.asarray(cv2.filter2D(picture, -1, kernel), np.uint8)


def grey(picture: Picture) -> Picture:
    """Without colours."""
    return np.repeat(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)[..., None], 3, axis=2)


def noisy(picture: Picture, rng: np.random.Generator) -> Picture:
    """With a sensor's noise."""
    noise = rng.normal(0, rng.uniform(*NOISE), picture.shape)
    return np.clip(picture.astype(np.float32) + noise, 0, 255).astype(np.uint8)


def squeezed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Through JPEG at a low quality."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*JPEG))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def poor(picture: Picture, often: float, rng: np.random.Generator) -> Picture:
    """Each of the ways to be poor with probability `often`, noise less often and JPEG more."""
    if rng.random() < often:
        picture = coarse(picture, rng)
    if rng.random() < often:
        picture = blurred(picture, rng)
    if rng.random() < often:
        picture = grey(picture)
    if rng.random() < 0.6 * often:
        picture = noisy(picture, rng)
    return squeezed(picture, rng) if rng.random() < 1.5 * often else picture
