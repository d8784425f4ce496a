"""Pure: heatmaps -> keypoints, as the published HRNet code does it, and DARK beyond it.

Frames: heatmap pixels (origin top-left, centres at integers), then image pixels. N people, J keypoints, h x w heatmaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Method = Literal["argmax", "quarter", "dark"]

_PIXELS_PER_UNIT = 200.0
_FLOOR = 1e-10  # under the logarithm; the published value
_FARTHEST_PEAK = 2.0  # DARK reads two pixels around the maximum; a peak beyond is extrapolation


def merge_flipped(
    heatmaps: NDArray[np.float32],
    mirrored_heatmaps: NDArray[np.float32],
    mirror_index: Sequence[int],
    shift: bool,
) -> NDArray[np.float32]:
    """The mean [N, J, h, w] of the straight pass and the pass over the mirrored input (as it came from the network).

    The mirrored one is mirrored back and its left and right keypoints swapped. With `shift` only that one moves right
    by a pixel, its column 0 staying: strided convolutions are not symmetric, its peaks lie one pixel too far left.
    """
    back = mirrored_heatmaps[:, list(mirror_index), :, ::-1]
    if shift:
        back = np.concatenate([back[..., :1], back[..., :-1]], axis=-1)
    return (heatmaps + back) * np.float32(0.5)


def decode(
    heatmaps: NDArray[np.float32], method: Method, blur_kernel: int = 11
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Heatmaps [N, J, h, w] -> keypoints [N, J, 2] in heatmap pixels x, y, and scores [N, J] (the maxima).

    "argmax" is the pixel of the maximum (the first of equal ones), or (0, 0) where it is not positive; "quarter" moves
    it a quarter pixel towards the higher neighbour on each axis; "dark" to the peak of the Gaussian through it (Zhang
    et al.: Distribution-Aware Coordinate Representation for Human Pose Estimation, CVPR 2020) after smoothing with an
    odd `blur_kernel`.

    Raises:
        ValueError: a heatmap holds NaN or infinity: the network, not the decoding, went wrong.
    """
    people, joints, height, width = heatmaps.shape
    flat = heatmaps.reshape(people, joints, height * width)
    finite = np.isfinite(flat).all(axis=-1)
    if not finite.all():
        person, joint = np.argwhere(~finite)[0]
        raise ValueError(f"heatmap of keypoint {joint} of person {person} of the batch holds NaN or infinity")
    peaks = flat.argmax(axis=-1)
    scores = np.take_along_axis(flat, peaks[..., None], axis=-1)[..., 0]
    peaks[scores <= 0] = 0
    peaks_xy = np.stack([peaks % width, peaks // width], axis=-1)
    if method == "quarter":
        offsets = _quarter_offsets(heatmaps, peaks_xy)
    elif method == "dark":
        offsets = _dark_offsets(heatmaps, peaks_xy, blur_kernel)
    else:
        offsets = np.zeros(peaks_xy.shape, np.float32)
    return peaks_xy.astype(np.float32) + offsets, scores


def keypoints_to_image(
    keypoints_in_heatmap_xy: NDArray[np.float32],
    centers: NDArray[np.float32],
    scales: NDArray[np.float32],
    heatmap_wh: tuple[int, int],
) -> NDArray[np.float64]:
    """Keypoints [N, J, 2] in heatmap pixels -> image pixels, by the centres [N, 2] and scales [N, 2] of the inputs.

    The inverse of `affine_image_to_input` at the heatmap's size; the published code takes the factor of the width too.
    """
    factors = np.asarray(scales, np.float64)[:, :1] * _PIXELS_PER_UNIT / heatmap_wh[0]
    from_center = np.asarray(keypoints_in_heatmap_xy, np.float64) - np.array(heatmap_wh, np.float64) * 0.5
    return from_center * factors[:, None, :] + np.asarray(centers, np.float64)[:, None, :]


def _inside(peaks_xy: NDArray[np.intp], size_wh: tuple[int, int], last: int) -> NDArray[np.bool_]:
    """Where 1 < x < w - last and 1 < y < h - last: [N, J]. The published margins, one pixel wider at the start."""
    return np.asarray(((peaks_xy > 1) & (peaks_xy < np.array(size_wh) - last)).all(axis=-1), np.bool_)


def _quarter_offsets(heatmaps: NDArray[np.float32], peaks_xy: NDArray[np.intp]) -> NDArray[np.float32]:
    height, width = heatmaps.shape[2:]
    offsets = np.zeros(peaks_xy.shape, np.float32)
    inside = _inside(peaks_xy, (width, height), last=1)
    person, joint = np.nonzero(inside)
    x, y = peaks_xy[inside].T
    slope_x = heatmaps[person, joint, y, x + 1] - heatmaps[person, joint, y, x - 1]
    slope_y = heatmaps[person, joint, y + 1, x] - heatmaps[person, joint, y - 1, x]
    offsets[inside] = 0.25 * np.sign(np.stack([slope_x, slope_y], axis=-1))
    return offsets


def _dark_offsets(heatmaps: NDArray[np.float32], peaks_xy: NDArray[np.intp], blur_kernel: int) -> NDArray[np.float32]:
    """The Newton step to the peak of the logarithm, which of a Gaussian is a parabola: exact in one step.

    Where the surface is no hill (the Hessian not negative definite) or the step leaves the pixels it was read from,
    the maximum stays as it is; the published code follows such steps anywhere.
    """
    height, width = heatmaps.shape[2:]
    offsets = np.zeros(peaks_xy.shape, np.float32)
    inside = _inside(peaks_xy, (width, height), last=2)
    person, joint = np.nonzero(inside)
    x, y = peaks_xy[inside].T
    log = np.log(np.maximum(_smoothed(heatmaps, blur_kernel), _FLOOR).astype(np.float64))

    def at(dx: int, dy: int) -> NDArray[np.float64]:
        return np.asarray(log[person, joint, y + dy, x + dx], np.float64)

    slope_x, slope_y = 0.5 * (at(1, 0) - at(-1, 0)), 0.5 * (at(0, 1) - at(0, -1))
    bend_xx = 0.25 * (at(2, 0) - 2 * at(0, 0) + at(-2, 0))
    bend_yy = 0.25 * (at(0, 2) - 2 * at(0, 0) + at(0, -2))
    bend_xy = 0.25 * (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1))
    determinant = bend_xx * bend_yy - bend_xy**2
    hill = (bend_xx < 0) & (determinant > 0)
    safe = np.where(hill, determinant, 1.0)
    step = np.stack([bend_xy * slope_y - bend_yy * slope_x, bend_xy * slope_x - bend_xx * slope_y], axis=-1)
    step /= safe[:, None]
    good = hill & (np.abs(step) <= _FARTHEST_PEAK).all(axis=-1)
    offsets[inside] = np.where(good[:, None], step, 0.0)
    return offsets


def _smoothed(heatmaps: NDArray[np.float32], kernel: int) -> NDArray[np.float32]:
    """Each heatmap blurred by a Gaussian of `kernel` pixels and scaled back to its own maximum."""
    blurred = np.empty(heatmaps.shape, np.float32)
    for person, joint in np.ndindex(*heatmaps.shape[:2]):
        blurred[person, joint] = cv2.GaussianBlur(
            heatmaps[person, joint], (kernel, kernel), 0, borderType=cv2.BORDER_CONSTANT
        )
    before = heatmaps.max(axis=(2, 3), keepdims=True)
    after = blurred.max(axis=(2, 3), keepdims=True)
    rescaled: NDArray[np.float32] = blurred * np.where(after > 0, before / np.where(after > 0, after, 1), 1)
    return rescaled
