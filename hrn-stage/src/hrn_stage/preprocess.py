"""Pure: a person's box in a picture -> the network's input, as the published HRNet code makes it.

Frame: image pixels, origin top-left, x right, y down, pixel centres at integers. A scale is in units of 200 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hrn_stage.config_keys import PUBLISHED_CONTEXT

PIXELS_PER_UNIT = 200.0
_CV2_LONGEST_SIDE = 32766  # cv2.warpAffine keeps coordinates in 16 bits

# Mean and standard deviation of ImageNet in RGB. The published code applies them in this order to BGR inputs as well
# (DATASET.COLOR_RGB false), so the weights expect it.
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)
_NORMALIZED = (np.arange(256, dtype=np.float32)[:, None] / np.float32(255) - _MEAN) / _STD


def center_and_scale(
    box_xyxy: Sequence[float] | NDArray[np.float64], input_wh: tuple[int, int], context: float = PUBLISHED_CONTEXT
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The box grown to the aspect ratio of the input, times the context: centre [2] in pixels, scale [2] in 200 pixels.

    Example: center_and_scale((0, 0, 100, 100), (192, 256)) -> ([50, 50], [0.625, 0.8333])
    """
    x1, y1, x2, y2 = (float(value) for value in box_xyxy)
    width, height = x2 - x1, y2 - y1
    aspect = input_wh[0] / input_wh[1]
    width, height = max(width, height * aspect), max(height, width / aspect)
    center = np.array([x1 + (x2 - x1) * 0.5, y1 + (y2 - y1) * 0.5], np.float32)
    scale = np.array([width / PIXELS_PER_UNIT, height / PIXELS_PER_UNIT], np.float32) * np.float32(context)
    return center, scale


def affine_image_to_input(
    center: NDArray[np.float32], scale: NDArray[np.float32], input_wh: tuple[int, int]
) -> NDArray[np.float64]:
    """The matrix [2, 3] that takes image pixels to network input pixels: no rotation, one factor for x and y.

    As published, the factor is that of the width, and the centre goes to (W/2, H/2). So is the way through three
    points in single precision: cv2.warpAffine rounds to 1/32 pixel, and a matrix exact to the last digit would round
    some pixels to another neighbour and move scores by a thousandth.
    """
    half_width = np.float32(scale[0]) * np.float32(PIXELS_PER_UNIT) * np.float32(0.5)
    in_image = _corner(center, half_width)
    in_input = _corner(np.array(input_wh, np.float32) * np.float32(0.5), input_wh[0] * 0.5)
    return np.asarray(cv2.getAffineTransform(in_image, in_input), np.float64)


def _corner(center: NDArray[np.float32], half_width: float | np.float32) -> NDArray[np.float32]:
    """A centre, the point half a width above it, and the point as far left of that: [3, 2]."""
    corner = np.repeat(np.asarray(center, np.float32)[None], 3, axis=0)
    corner[1:, 1] -= np.float32(half_width)
    corner[2, 0] -= np.float32(half_width)
    return corner


def shift_affine(affine: NDArray[np.float64], dx: float, dy: float) -> NDArray[np.float64]:
    """The matrix [2, 3] for a cut whose top-left pixel is pixel (dx, dy) of the picture that `affine` is for."""
    shifted = affine.copy()
    shifted[:, 2] += affine[:, :2] @ np.array([dx, dy], np.float64)
    return shifted


def warp_person(
    picture_rgb: NDArray[np.uint8], affine: NDArray[np.float64], input_wh: tuple[int, int]
) -> NDArray[np.uint8]:
    """The picture [h, w, 3] seen through `affine`, bilinear, black outside: [H, W, 3]."""
    if max(picture_rgb.shape[:2]) > _CV2_LONGEST_SIDE:
        picture_rgb, affine = _within_cv2_limits(picture_rgb, affine, input_wh)
    if not picture_rgb.size:
        return np.zeros((input_wh[1], input_wh[0], 3), np.uint8)
    warped = cv2.warpAffine(
        picture_rgb, affine, input_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0)
    )
    return np.asarray(warped, np.uint8)


def _within_cv2_limits(
    picture_rgb: NDArray[np.uint8], affine: NDArray[np.float64], input_wh: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A panorama longer than cv2 can address, cropped to what the input sees; thinned if even that is too long."""
    to_image = cv2.invertAffineTransform(affine)
    corners = np.array([[0, 0, 1], [*input_wh, 1]], np.float64) @ to_image.T
    limit = np.array([picture_rgb.shape[1], picture_rgb.shape[0]])
    x1, y1 = np.clip(np.floor(corners.min(axis=0)) - 1, 0, limit).astype(int)
    x2, y2 = np.clip(np.ceil(corners.max(axis=0)) + 2, 0, limit).astype(int)
    affine = shift_affine(affine, x1, y1)
    step = max(x2 - x1, y2 - y1) // _CV2_LONGEST_SIDE + 1
    affine[:, :2] *= step
    return np.ascontiguousarray(picture_rgb[y1:y2:step, x1:x2:step]), affine


def normalize(warped: NDArray[np.uint8], color_rgb: bool) -> NDArray[np.float32]:
    """RGB inputs [N, H, W, 3] -> [N, 3, H, W], in RGB order or (`color_rgb` False) BGR, minus mean, over deviation."""
    inputs = np.empty((warped.shape[0], 3, *warped.shape[1:3]), np.float32)
    for channel in range(3):
        source = channel if color_rgb else 2 - channel
        # A table of 256 gives the very numbers of the arithmetic, several times faster.
        np.take(_NORMALIZED[:, channel], warped[..., source], out=inputs[:, channel])
    return inputs
