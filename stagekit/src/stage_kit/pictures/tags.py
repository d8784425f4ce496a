"""Tags: short texts on a black ground beside what they name, placed so that none covers another.

Frame: image pixels, origin top-left. Rectangles are left, top, right, bottom; arrays of them float64 [N, 4].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]
Floats = NDArray[np.float64]

# Colours (RGB) that differ in lightness as well as in hue; white on black text is readable beside any of them.
PERSON_COLORS: tuple[Color, ...] = (
    (255, 196, 0), (0, 190, 255), (255, 92, 138), (124, 220, 60), (190, 140, 255), (255, 140, 60),
)  # fmt: skip
BLACK: Color = (0, 0, 0)
_WHITE: Color = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LEAST_SCALE = 0.4  # digits nine pixels high
_AROUND = ((0, -1), (1, -1), (-1, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (0, 1))
_COVERS_MORE = (0.0, 0.2, 0.2, 0.5, 0.5, 1.0, 1.0, 1.5)  # below a head is the face; in tag heights farther off
_RINGS = 12
_MOST_CELLS = 2000
_COVERED_POINT = 1.0  # covering a point is as bad as being a tag's height farther off


@dataclass(frozen=True)
class Tag:
    """What is said, of which person, and the point that it is said of."""

    text: str
    index: int
    at_xy: tuple[float, float]

    @property
    def color(self) -> Color:
        """The person's own, the same in every picture."""
        return PERSON_COLORS[self.index % len(PERSON_COLORS)]


@dataclass(frozen=True)
class Lettering:
    """Sizes in pixels of the picture, and cv2's font scale."""

    scale: float
    thickness: int
    pad: int

    def size_wh(self, text: str) -> tuple[int, int]:
        """Of a tag with this text."""
        (width, height), descent = cv2.getTextSize(text, _FONT, self.scale, self.thickness)
        return width + 3 * self.pad, height + descent // 2 + 2 * self.pad


def lettering(picture_hw: tuple[int, int]) -> Lettering:
    """Letters that grow with the picture's long side, but leave room in a narrow one."""
    long_side, short_side = max(picture_hw), min(picture_hw)
    unit = min(long_side, 4 * short_side) / 1000
    return Lettering(max(_LEAST_SCALE, 0.6 * unit), max(1, round(1.4 * unit)), max(2, round(4 * unit)))


def add_tags(canvas: Picture, tags: Sequence[Tag], points_xy: Floats) -> Floats:
    """Draws tags onto the canvas and returns their rectangles [N, 4]; `points_xy` [K, 2] are better not covered."""
    letters = lettering(canvas.shape[:2])
    sizes = [letters.size_wh(tag.text) for tag in tags]
    places = place_tags([tag.at_xy for tag in tags], sizes, canvas.shape[:2], points_xy)
    for tag, place in zip(tags, places, strict=True):
        _add_leader(canvas, tag, place, letters)
    for tag, place in zip(tags, places, strict=True):
        _add_tag(canvas, tag, place, letters)
    return places


def place_tags(
    at_xy: Sequence[tuple[float, float]],
    sizes_wh: Sequence[tuple[int, int]],
    picture_hw: tuple[int, int],
    points_xy: Floats,
) -> Floats:
    """Rectangles [N, 4] near their points: inside the picture, and none over another while there is room for all."""
    placed = np.empty((0, 4))
    for at, size in zip(at_xy, sizes_wh, strict=True):
        near = _around(at, size, picture_hw)
        overlaps = _overlaps(near, placed)
        if (overlaps > 0).all():
            near = np.concatenate([near, _everywhere(size, picture_hw)])
            overlaps = _overlaps(near, placed)
        centers = (near[:, :2] + near[:, 2:]) / 2
        cost = np.hypot(*(centers - at).T) / size[1] + _COVERED_POINT * _covered(near, points_xy)
        cost[: len(_AROUND) * _RINGS] += np.tile(_COVERS_MORE, _RINGS)
        best = np.lexsort((np.arange(len(near)), cost, overlaps))[0]
        placed = np.concatenate([placed, near[best : best + 1]])
    return placed


def is_free(rectangle: Sequence[float], taken: Floats, points_xy: Floats, picture_hw: tuple[int, int]) -> bool:
    """Whether a rectangle lies inside the picture, over no other one of [N, 4], and over no point of [K, 2]."""
    one = np.array([rectangle], np.float64)
    height, width = picture_hw
    inside = one[0, 0] >= 0 and one[0, 1] >= 0 and one[0, 2] <= width and one[0, 3] <= height
    return bool(inside and _overlaps(one, taken)[0] == 0 and _covered(one, points_xy)[0] == 0)


def _around(at_xy: tuple[float, float], size_wh: tuple[int, int], picture_hw: tuple[int, int]) -> Floats:
    """Places around a point, the nicest and nearest first: [N, 4]."""
    width, height = size_wh
    steps = np.array(_AROUND, np.float64)[None]
    rings = np.arange(_RINGS)[:, None, None]
    reach = np.array([width / 2, height / 2]) + 0.5 * height + rings * 0.5 * height
    return _inside((np.array(at_xy) + steps * reach).reshape(-1, 2), size_wh, picture_hw)


def _everywhere(size_wh: tuple[int, int], picture_hw: tuple[int, int]) -> Floats:
    """Places side by side all over the picture, not over `_MOST_CELLS`: [N, 4]."""
    columns, rows = (max(1, side // own) for side, own in zip(picture_hw[::-1], size_wh, strict=True))
    thin = max(1, -(-columns * rows // _MOST_CELLS))
    x, y = np.meshgrid(np.arange(columns) + 0.5, np.arange(0, rows, thin) + 0.5)
    return _inside(np.stack([x.ravel(), y.ravel()], axis=-1) * size_wh, size_wh, picture_hw)


def _inside(centers_xy: Floats, size_wh: tuple[int, int], picture_hw: tuple[int, int]) -> Floats:
    """Rectangles of one size around these centres, pushed into the picture, on whole pixels: [N, 4]."""
    room = np.maximum(np.array(picture_hw[::-1]) - size_wh, 0)
    corners = np.rint(np.clip(centers_xy - np.array(size_wh) / 2, 0, room))
    return np.concatenate([corners, corners + size_wh], axis=1)


def _overlaps(rectangles: Floats, others: Floats) -> Floats:
    """The area that each of [N, 4] shares with the others together: [N]."""
    low = np.maximum(rectangles[:, None, :2], others[None, :, :2])
    high = np.minimum(rectangles[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(axis=-1).sum(axis=-1), np.float64)


def _covered(rectangles: Floats, points_xy: Floats) -> Floats:
    """How many points lie in each of [N, 4]: [N]."""
    inside = (points_xy >= rectangles[:, None, :2]) & (points_xy <= rectangles[:, None, 2:])
    return np.asarray(inside.all(axis=-1).sum(axis=-1), np.float64)


def _add_leader(canvas: Picture, tag: Tag, place: Floats, letters: Lettering) -> None:
    """A line from a tag that had to move away."""
    nearest = np.clip(tag.at_xy, place[:2], place[2:])
    if np.hypot(*(nearest - tag.at_xy)) > place[3] - place[1]:
        ends = [tuple(int(value) for value in np.rint(end)) for end in (nearest, tag.at_xy)]
        cv2.line(canvas, ends[0], ends[1], BLACK, letters.thickness + 2, cv2.LINE_AA)
        cv2.line(canvas, ends[0], ends[1], tag.color, letters.thickness, cv2.LINE_AA)


def _add_tag(canvas: Picture, tag: Tag, place: Floats, letters: Lettering) -> None:
    left, top, right, bottom = (int(edge) for edge in place)
    canvas[top:bottom, left:right] = BLACK
    canvas[top:bottom, left : left + letters.pad] = tag.color
    (_, height), _ = cv2.getTextSize(tag.text, _FONT, letters.scale, letters.thickness)
    at = (left + 2 * letters.pad, top + letters.pad + height)
    cv2.putText(canvas, tag.text, at, _FONT, letters.scale, _WHITE, letters.thickness, cv2.LINE_AA)
