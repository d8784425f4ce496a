"""Fit a picture into the input of a network without stretching it, and bring boxes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_BORDER_GREY = 0.5  # as Darknet fills it; the published networks were trained with it


@dataclass(frozen=True)
class Letterbox:
    """Where a picture lies in the network input: network x = image x * scale_x + pad_x, and so for y.

    The two scales differ slightly, since the resized picture has whole pixels. `width` and `height` are the
    picture's own.
    """

    scale_x: float
    scale_y: float
    pad_x: int
    pad_y: int
    width: int
    height: int


def letterbox(picture_rgb: NDArray[np.uint8], size: int | tuple[int, int]) -> tuple[NDArray[np.float32], Letterbox]:
    """Resize `picture_rgb` [H, W, 3] to fit a square of side `size`, or a width and a height, centred on grey.

    Returns float32 [3, height, width], RGB in 0..1, and the geometry for `boxes_to_image`. Shrinking averages areas (no
    aliasing), enlarging is bilinear. No side becomes shorter than one pixel, however extreme the aspect ratio.
    """
    height, width = picture_rgb.shape[:2]
    input_width, input_height = size if isinstance(size, tuple) else (size, size)
    scale = min(input_width / width, input_height / height)
    fitted_width, fitted_height = max(1, round(width * scale)), max(1, round(height * scale))
    if scale <= 0.5 and not width % 2 and not height % 2:
        # Averaging the areas of a picture that was halved takes half the time, and moves edges by less than a pixel.
        picture_rgb = _resized(picture_rgb, (width // 2, height // 2), cv2.INTER_AREA)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    fitted = _resized(picture_rgb, (fitted_width, fitted_height), interpolation)
    x, y = (input_width - fitted_width) // 2, (input_height - fitted_height) // 2
    canvas = np.full((3, input_height, input_width), _BORDER_GREY, np.float32)
    canvas[:, y : y + fitted_height, x : x + fitted_width] = fitted.transpose(2, 0, 1).astype(np.float32) / 255
    return canvas, Letterbox(fitted_width / width, fitted_height / height, x, y, width, height)


def _resized(picture: NDArray[np.uint8], size_wh: tuple[int, int], interpolation: int) -> NDArray[np.uint8]:
    return cv2.resize(picture, size_wh, interpolation=interpolation).astype(np.uint8, copy=False)


def boxes_to_image(boxes_xyxy: NDArray[np.floating[Any]], letterbox: Letterbox) -> NDArray[np.float64]:
    """Boxes [K, 4] in network-input pixels as boxes [K, 4] in image pixels, clipped to the image.

    Edges are continuous: 0 is the left edge of the first pixel, `width` the right edge of the last.
    """
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    pad = [letterbox.pad_x, letterbox.pad_y] * 2
    scale = [letterbox.scale_x, letterbox.scale_y] * 2
    return np.clip((boxes - pad) / scale, 0, [letterbox.width, letterbox.height] * 2)
