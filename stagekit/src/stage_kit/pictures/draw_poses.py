"""Pure: poses over a picture; a new picture comes back.

Frame: image pixels, origin top-left, centres at integers (cv2's own). Pictures are RGB uint8 [H, W, 3].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pose_contract.skeletons import Side, Skeleton
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.tags import Tag, add_tags, is_free

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]
Points = dict[str, tuple[float, float]]

# Vermillion, sky blue and yellow of Okabe and Ito's palette: told apart with any colour vision, by lightness as well.
# The dark outline makes them visible on white, they themselves are visible on black.
SIDE_COLORS: dict[Side, Color] = {"left": (213, 94, 0), "right": (86, 180, 233), "middle": (240, 228, 66)}
_OUTLINE: Color = (20, 20, 20)
_PAPER: Color = (255, 255, 255)

_SHIFT = 4  # cv2 takes coordinates in sixteenths of a pixel
_FONT = cv2.FONT_HERSHEY_SIMPLEX
# Where a person's number stands: at the first of these groups that any keypoint is drawn of, else at the highest one.
_HEAD = (
    ("head_top", "nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    ("upper_neck", "neck", "thorax"),
)


@dataclass(frozen=True)
class DrawnPose:
    """One person: keypoints [J, 2] in image pixels and scores [J], in the skeleton's order; its number, if any.

    `color` is that of all limbs; None: each in the colour of its body side.
    """

    keypoints_xy: NDArray[np.floating]
    scores: NDArray[np.floating]
    index: int | None = None
    color: Color | None = None


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
    """The picture with every pose over it: limbs in the colour of their body side, keypoints, then numbers and names.

    A keypoint under `style.min_score`, outside the picture or not finite is not drawn, nor is a limb that ends in one,
    nor a keypoint none of whose limbs is left. Names stand only where there is room.
    """
    canvas = np.ascontiguousarray(picture_rgb).copy()
    add_poses(canvas, poses, skeleton, style)
    return canvas


def add_poses(canvas: Picture, poses: Sequence[DrawnPose], skeleton: Skeleton, style: DrawStyle) -> None:
    """As `draw_poses`, onto the canvas itself: a movie's frame is not copied for every layer."""
    sizes = _sizes(style, max(canvas.shape[:2]))
    shown = [_shown(pose, skeleton, style.min_score, canvas.shape[:2]) for pose in poses]
    for pose, points in zip(poses, shown, strict=True):
        if style.line:
            _add_limbs(canvas, points, skeleton, sizes, pose.color)
        if style.circle:
            _add_circles(canvas, points, sizes, pose.color)
    all_xy = np.array([xy for points in shown for xy in points.values()], np.float64).reshape(-1, 2)
    pairs = zip(poses, shown, strict=True)
    tags = [
        Tag(str(pose.index), pose.index, _head(points)) for pose, points in pairs if pose.index is not None and points
    ]
    taken = add_tags(canvas, tags, all_xy)
    if style.label:
        _add_labels(canvas, shown, sizes, taken)


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


def _shown(pose: DrawnPose, skeleton: Skeleton, min_score: float, size_hw: tuple[int, int]) -> Points:
    """The keypoints that are drawn, by name."""
    height, width = size_hw
    sure = {
        name: (float(x), float(y))
        for name, (x, y), score in zip(skeleton.keypoints, pose.keypoints_xy, pose.scores, strict=True)
        if score >= min_score and -0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5
    }
    joined = {end for limb in skeleton.limbs if limb.a in sure and limb.b in sure for end in (limb.a, limb.b)}
    return {name: xy for name, xy in sure.items() if name in joined}


def _head(points: Points) -> tuple[float, float]:
    """Above all of the head that is drawn."""
    found = next(
        ([points[name] for name in group if name in points] for group in _HEAD if points.keys() & set(group)), []
    )
    if not found:
        return min(points.values(), key=lambda xy: xy[1])
    return sum(x for x, _ in found) / len(found), min(y for _, y in found)


def _add_limbs(canvas: Picture, points: Points, skeleton: Skeleton, sizes: _Sizes, color_of_all: Color | None) -> None:
    limbs = [
        (_fixed_point(points[limb.a]), _fixed_point(points[limb.b]), color_of_all or SIDE_COLORS[limb.side])
        for limb in skeleton.limbs
        if limb.a in points and limb.b in points
    ]
    # All outlines of a person first: at a joint no limb cuts into another.
    for a, b, _ in limbs:
        cv2.line(canvas, a, b, _OUTLINE, sizes.line_thickness + 2 * sizes.outline, cv2.LINE_AA, _SHIFT)
    for a, b, color in limbs:
        cv2.line(canvas, a, b, color, sizes.line_thickness, cv2.LINE_AA, _SHIFT)


def _add_circles(canvas: Picture, points: Points, sizes: _Sizes, color_of_all: Color | None) -> None:
    radius = sizes.circle_radius << _SHIFT
    for name, xy in points.items():
        center = _fixed_point(xy)
        color = color_of_all or SIDE_COLORS[_side(name)]
        if sizes.circle_thickness < 0:
            cv2.circle(canvas, center, radius + (sizes.outline << _SHIFT), _OUTLINE, -1, cv2.LINE_AA, _SHIFT)
        else:
            around = sizes.circle_thickness + 2 * sizes.outline
            cv2.circle(canvas, center, radius, _OUTLINE, around, cv2.LINE_AA, _SHIFT)
        cv2.circle(canvas, center, radius, color, sizes.circle_thickness, cv2.LINE_AA, _SHIFT)


def _add_labels(canvas: Picture, shown: Sequence[Points], sizes: _Sizes, taken: NDArray[np.float64]) -> None:
    """The keypoints' names, each beside its own where neither a tag, a name nor another keypoint is."""
    scale, thickness, gap = sizes.label_font_scale, sizes.label_thickness, sizes.circle_radius + 2 * sizes.outline
    all_xy = np.array([xy for points in shown for xy in points.values()], np.float64).reshape(-1, 2)
    for name, (x, y) in (item for points in shown for item in points.items()):
        (width, height), descent = cv2.getTextSize(name, _FONT, scale, thickness)
        tall = height + descent
        for left, top in (
            (x + gap, y - tall / 2), (x - gap - width, y - tall / 2),
            (x - width / 2, y - gap - tall), (x - width / 2, y + gap),
        ):  # fmt: skip
            place = (round(left), round(top), round(left) + width, round(top) + tall)
            if is_free(place, taken, all_xy, canvas.shape[:2]):
                taken = np.concatenate([taken, [place]])
                at = (place[0], place[1] + height)
                cv2.putText(canvas, name, at, _FONT, scale, _OUTLINE, thickness + 2, cv2.LINE_AA)
                cv2.putText(canvas, name, at, _FONT, scale, _PAPER, thickness, cv2.LINE_AA)
                break


def _side(keypoint: str) -> Side:
    if keypoint.startswith("left_"):
        return "left"
    return "right" if keypoint.startswith("right_") else "middle"


def _fixed_point(xy: tuple[float, float]) -> tuple[int, int]:
    return round(xy[0] * (1 << _SHIFT)), round(xy[1] * (1 << _SHIFT))
