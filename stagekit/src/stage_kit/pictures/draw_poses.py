"""Pure: poses over a picture, and sheets of heatmaps; every function returns a new picture.

Frame: image pixels, origin top-left, centres at integers (cv2's own). Pictures are RGB uint8 [H, W, 3].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pose_contract.skeletons import Side, Skeleton

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]

# Vermillion, sky blue and yellow of Okabe and Ito's palette: told apart with any colour vision, by lightness as well.
# The dark outline makes them visible on white, they themselves are visible on black.
SIDE_COLORS: dict[Side, Color] = {"left": (213, 94, 0), "right": (86, 180, 233), "middle": (240, 228, 66)}
_OUTLINE: Color = (20, 20, 20)
_PAPER: Color = (255, 255, 255)

_SHIFT = 4  # cv2 takes coordinates in sixteenths of a pixel
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE_OF_A_PIXEL_HEIGHT = 1 / 22.0  # Hershey capitals are 22 pixels high at scale 1
_CELL_WIDTH = 192  # of a heatmap sheet, at least: a name must be legible
_CAPTION_HEIGHT = 20


@dataclass(frozen=True)
class DrawStyle:
    """What is drawn, and how large: a given size is in pixels of the picture, None suits the picture's long side.

    A `circle_thickness` of -1 fills the circle, as everywhere in cv2, and is the default.
    """

    circle: bool = True
    label: bool = False
    line: bool = True
    circle_radius: int | None = None
    circle_thickness: int | None = None
    label_font_scale: float | None = None
    label_thickness: int | None = None
    line_thickness: int | None = None
    min_score: float = 0.2


@dataclass(frozen=True)
class DrawnPose:
    """One person: keypoints [J, 2] in image pixels and scores [J], in the skeleton's order."""

    keypoints_xy: NDArray[np.floating]
    scores: NDArray[np.floating]


@dataclass(frozen=True)
class _Sizes:
    """A style with every size settled, in pixels."""

    circle_radius: int
    circle_thickness: int
    label_font_scale: float
    label_thickness: int
    line_thickness: int
    outline: int


def draw_poses(picture_rgb: Picture, poses: Sequence[DrawnPose], skeleton: Skeleton, style: DrawStyle) -> Picture:
    """The picture with every pose over it: limbs in the colour of their body side, then keypoints, then names.

    A keypoint under `style.min_score`, or not finite, is not drawn, nor is a limb that ends in one. Coordinates may lie
    anywhere.
    """
    canvas = np.ascontiguousarray(picture_rgb).copy()
    sizes = _sizes(style, max(canvas.shape[:2]))
    for pose in poses:
        visible = _visible(pose, skeleton, style.min_score)
        if style.line:
            _add_limbs(canvas, visible, skeleton, sizes)
        if style.circle:
            _add_circles(canvas, visible, sizes)
        if style.label:
            _add_labels(canvas, visible, sizes)
    return canvas


def draw_heatmap_sheet(input_rgb: Picture, heatmaps: NDArray[np.float32], names: Sequence[str]) -> Picture:
    """A grid: the network's input [H, W, 3], then the input under each heatmap of [J, h, w], with its name and maximum.

    Colours run from the heatmap's 0 to its own maximum, so that faint ones can be judged too.
    """
    zoom = math.ceil(_CELL_WIDTH / input_rgb.shape[1])
    cell = np.repeat(np.repeat(input_rgb, zoom, axis=0), zoom, axis=1)
    cells = [_captioned(cell, "input")]
    for heatmap, name in zip(heatmaps, names, strict=True):
        cells.append(_captioned(_under_heatmap(cell, heatmap), f"{name} {heatmap.max():.2f}"))
    columns = math.ceil(math.sqrt(len(cells)))
    blank = np.full_like(cells[0], 255)
    cells += [blank] * (-len(cells) % columns)
    rows = [np.hstack(cells[start : start + columns]) for start in range(0, len(cells), columns)]
    return np.vstack(rows)


def _sizes(style: DrawStyle, long_side: int) -> _Sizes:
    def settled(given: int | None, for_1000_pixels: float, least: int = 1) -> int:
        return max(least, round(for_1000_pixels * long_side / 1000)) if given is None else max(1, given)

    font_scale = max(0.3, 0.5 * long_side / 1000) if style.label_font_scale is None else style.label_font_scale
    return _Sizes(
        circle_radius=settled(style.circle_radius, 5),
        circle_thickness=-1 if style.circle_thickness is None or style.circle_thickness < 1 else style.circle_thickness,
        label_font_scale=font_scale,
        label_thickness=settled(style.label_thickness, 1),
        line_thickness=settled(style.line_thickness, 4, least=2),
        outline=settled(None, 1.5),
    )


def _visible(pose: DrawnPose, skeleton: Skeleton, min_score: float) -> dict[str, tuple[float, float]]:
    return {
        name: (float(x), float(y))
        for name, (x, y), score in zip(skeleton.keypoints, pose.keypoints_xy, pose.scores, strict=True)
        if score >= min_score and math.isfinite(x) and math.isfinite(y)
    }


def _add_limbs(canvas: Picture, visible: dict[str, tuple[float, float]], skeleton: Skeleton, sizes: _Sizes) -> None:
    margin = sizes.line_thickness + 2 * sizes.outline
    limbs = []
    for limb in skeleton.limbs:
        if limb.a in visible and limb.b in visible:
            ends = _clipped(visible[limb.a], visible[limb.b], canvas.shape[:2], margin)
            if ends is not None:
                limbs.append((_fixed_point(ends[0]), _fixed_point(ends[1]), SIDE_COLORS[limb.side]))
    # All outlines of a person first: at a joint no limb cuts into another.
    for a, b, _ in limbs:
        cv2.line(canvas, a, b, _OUTLINE, sizes.line_thickness + 2 * sizes.outline, cv2.LINE_AA, _SHIFT)
    for a, b, color in limbs:
        cv2.line(canvas, a, b, color, sizes.line_thickness, cv2.LINE_AA, _SHIFT)


def _add_circles(canvas: Picture, visible: dict[str, tuple[float, float]], sizes: _Sizes) -> None:
    margin = sizes.circle_radius + max(sizes.circle_thickness, 0) + sizes.outline
    radius = sizes.circle_radius << _SHIFT
    for name, xy in visible.items():
        if not _near(xy, canvas.shape[:2], margin):
            continue
        center = _fixed_point(xy)
        color = SIDE_COLORS[_side(name)]
        if sizes.circle_thickness < 0:
            cv2.circle(canvas, center, radius + (sizes.outline << _SHIFT), _OUTLINE, -1, cv2.LINE_AA, _SHIFT)
        else:
            around = sizes.circle_thickness + 2 * sizes.outline
            cv2.circle(canvas, center, radius, _OUTLINE, around, cv2.LINE_AA, _SHIFT)
        cv2.circle(canvas, center, radius, color, sizes.circle_thickness, cv2.LINE_AA, _SHIFT)


def _add_labels(canvas: Picture, visible: dict[str, tuple[float, float]], sizes: _Sizes) -> None:
    height, width = canvas.shape[:2]
    gap = sizes.circle_radius + 2 * sizes.outline
    for name, xy in visible.items():
        if not _near(xy, (height, width), 0):
            continue
        (text_width, text_height), _ = cv2.getTextSize(name, _FONT, sizes.label_font_scale, sizes.label_thickness)
        # Beside the keypoint, but inside the picture.
        x = max(0, min(round(xy[0]) + gap, width - text_width))
        y = max(text_height, min(round(xy[1]) + text_height // 2, height - 1))
        around = sizes.label_thickness + 2
        cv2.putText(canvas, name, (x, y), _FONT, sizes.label_font_scale, _OUTLINE, around, cv2.LINE_AA)
        cv2.putText(canvas, name, (x, y), _FONT, sizes.label_font_scale, _PAPER, sizes.label_thickness, cv2.LINE_AA)


def _side(keypoint: str) -> Side:
    if keypoint.startswith("left_"):
        return "left"
    return "right" if keypoint.startswith("right_") else "middle"


def _fixed_point(xy: tuple[float, float]) -> tuple[int, int]:
    return round(xy[0] * (1 << _SHIFT)), round(xy[1] * (1 << _SHIFT))


def _near(xy: tuple[float, float], size_hw: tuple[int, int], margin: float) -> bool:
    height, width = size_hw
    return -margin <= xy[0] <= width - 1 + margin and -margin <= xy[1] <= height - 1 + margin


def _clipped(
    a: tuple[float, float], b: tuple[float, float], size_hw: tuple[int, int], margin: float
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The part of the line a-b within `margin` of the picture (Liang and Barsky), or None: cv2's integers overflow."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    height, width = size_hw
    start, end = 0.0, 1.0
    for change, room in (
        (-dx, a[0] + margin),
        (dx, width - 1 + margin - a[0]),
        (-dy, a[1] + margin),
        (dy, height - 1 + margin - a[1]),
    ):
        if change == 0:
            if room < 0:
                return None
        elif change < 0:
            start = max(start, room / change)
        else:
            end = min(end, room / change)
    if start > end:
        return None
    return (a[0] + start * dx, a[1] + start * dy), (a[0] + end * dx, a[1] + end * dy)


def _under_heatmap(cell: Picture, heatmap: NDArray[np.float32]) -> Picture:
    height, width = cell.shape[:2]
    # Heatmap pixel (x, y) is input pixel (4x, 4y), as trained; cv2.resize would put it 1.5 pixels off.
    grow = np.array([[width / heatmap.shape[1], 0, 0], [0, height / heatmap.shape[0], 0]])
    grown = cv2.warpAffine(
        heatmap.astype(np.float32), grow, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    heat = np.clip(grown / max(float(heatmap.max()), 1e-6), 0.0, 1.0)
    colors = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    opacity = 0.7 * heat[..., None]
    return np.asarray(cell * (1 - opacity) + colors * opacity, np.uint8)


def _captioned(cell: Picture, caption: str) -> Picture:
    strip = np.full((_CAPTION_HEIGHT, cell.shape[1], 3), 255, np.uint8)
    font_scale = 10 * _FONT_SCALE_OF_A_PIXEL_HEIGHT
    (text_width, _), _ = cv2.getTextSize(caption, _FONT, font_scale, 1)
    font_scale *= min(1.0, (cell.shape[1] - 8) / text_width)
    cv2.putText(strip, caption, (4, _CAPTION_HEIGHT - 6), _FONT, font_scale, _OUTLINE, 1, cv2.LINE_AA)
    return np.vstack([strip, cell])
