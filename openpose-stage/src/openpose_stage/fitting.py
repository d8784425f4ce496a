"""A picture as the network's input, in its own shape, and the way from cells of the maps back to its pixels. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
MOST_ASPECT = 4  # width over height; a longer panorama is shown smaller, as memory goes with the width
LEAST_SIDE = 64  # pixels of the input: all networks shrink it thrice, and look around
_GREY = 128
RULE = f"the picture's shape at the height asked for, up to {MOST_ASPECT}:1, filled up with grey at the right and below"
"""Names in records how pictures are fitted; it changes with whatever here changes results."""


@dataclass(frozen=True)
class Fit:
    """How a picture became an input: input x + 0.5 = (picture x + 0.5) scale_x, and so for y.

    `width` and `height` are the picture's own.
    """

    scale_x: float
    scale_y: float
    width: int
    height: int


def fitted(picture_rgb: Picture, height: int, multiple: int) -> tuple[Picture, Fit]:
    """The input uint8 [H, W, 3] for a picture [h, w, 3]: never squashed, its sides multiples of `multiple`.

    The two scales differ by less than a pixel in the side, as the resized picture has whole pixels.
    """
    rows, columns = picture_rgb.shape[:2]
    scale = min(height / rows, MOST_ASPECT * height / columns)
    wide, high = max(1, round(columns * scale)), max(1, round(rows * scale))
    small = _resized(picture_rgb, wide, high)
    sides = [multiple * -(-max(side, LEAST_SIDE) // multiple) for side in (high, wide)]
    canvas = np.full((*sides, 3), _GREY, np.uint8)
    canvas[:high, :wide] = small
    return canvas, Fit(wide / columns, high / rows, columns, rows)


def _resized(picture: Picture, width: int, height: int) -> Picture:
    """Shrinking averages areas, by halves as far as that goes, which takes a third of the time; enlarging is linear."""
    rows, columns = picture.shape[:2]
    while not rows % 2 and not columns % 2 and rows >= 2 * height and columns >= 2 * width:
        rows, columns = rows // 2, columns // 2
        picture = np.asarray(cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    interpolation = cv2.INTER_AREA if height < rows else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=interpolation), np.uint8)


def scaled(rows: Picture, scale: float, multiple: int) -> Picture:
    """Inputs [N, H, W, 3] larger or smaller, their sides multiples of `multiple`: the maps cover the same."""
    if scale == 1:
        return rows
    high, wide = (max(multiple, multiple * round(side * scale / multiple)) for side in rows.shape[1:3])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(row, (wide, high), interpolation=interpolation) for row in rows])


def to_picture(xy_in_cells: NDArray[np.float64], stride: float, fit: Fit) -> NDArray[np.float64]:
    """Places [..., 2] in cells of maps of that stride -> pixels of the picture."""
    return np.asarray((xy_in_cells + 0.5) * stride / np.array([fit.scale_x, fit.scale_y]) - 0.5)
