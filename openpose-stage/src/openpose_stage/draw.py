"""Drawing of maps, points and links over a photo, in cells of a sheet. Pure; pictures are RGB uint8 [H, W, 3]."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openpose_stage.fitting import Fit, to_picture

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]
INK: Color = (20, 20, 20)
PAPER: Color = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAPTION_HEIGHT = 24
_SHIFT = 4  # cv2 takes coordinates in sixteenths of a pixel
_OPACITY = 0.65
_ARROWS = 28  # of a field, along a cell's longer side


@dataclass(frozen=True)
class Cell:
    """A photo at the size of a sheet's cell, and where the cells of its maps lie on it."""

    picture: Picture
    fit: Fit
    stride: int

    @property
    def zoom(self) -> float:
        """Pixels of the cell for one of the photo."""
        return float(self.picture.shape[1] / self.fit.width)

    def places(self, xy_in_maps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places [..., 2] of the maps in the cell's pixels."""
        return np.asarray((to_picture(xy_in_maps, self.stride, self.fit) + 0.5) * self.zoom - 0.5)

    def spread(self, one_map: NDArray[np.float32], interpolation: int = cv2.INTER_LINEAR) -> NDArray[np.float32]:
        """A map [h, w] at the cell's size, every value where it belongs."""
        steps = [scale / (self.zoom * self.stride) for scale in (self.fit.scale_x, self.fit.scale_y)]
        back = np.array([[steps[0], 0, 0.5 * steps[0] - 0.5], [0, steps[1], 0.5 * steps[1] - 0.5]])
        height, width = self.picture.shape[:2]
        flags = interpolation | cv2.WARP_INVERSE_MAP
        grown = cv2.warpAffine(one_map, back, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(grown, np.float32)


def cell_of(picture: Picture, fit: Fit, stride: int, width: int) -> Cell:
    """A photo as a cell of at most that width, and no higher than one and a half times that."""
    rows, columns = picture.shape[:2]
    zoom = min(width / columns, 1.5 * width / rows)
    size = max(1, round(columns * zoom)), max(1, round(rows * zoom))
    interpolation = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    return Cell(np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8), fit, stride)


def with_heat(cell: Cell, one_map: NDArray[np.float32]) -> Picture:
    """A map [h, w] over the cell, from nothing at 0 to red at 1."""
    heat = np.clip(cell.spread(one_map), 0, 1)
    colors = np.asarray(cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1], np.float32)
    opacity = (_OPACITY * np.minimum(1, 3 * heat))[..., None]
    grey = 0.5 * cell.picture + 64  # a map is to be seen on any photo
    return np.asarray(grey * (1 - opacity) + colors * opacity, np.uint8)


def with_regions(cell: Cell, labels: NDArray[np.int32], count: int) -> Picture:
    """Regions [h, w], numbered from 1, over the cell, each in its colour."""
    drawn = np.asarray(0.5 * cell.picture + 64, np.uint8)
    spread = np.rint(cell.spread(labels.astype(np.float32), cv2.INTER_NEAREST)).astype(np.int64)
    for number in range(1, count + 1):
        drawn[spread == number] = hue(number, count)
    return drawn


def with_field(cell: Cell, field: NDArray[np.float32]) -> Picture:
    """A field [2, h, w] over the cell: its length as heat, its direction as arrows."""
    drawn = with_heat(cell, np.linalg.norm(field, axis=0).astype(np.float32))
    x, y = (cell.spread(np.ascontiguousarray(part)) for part in field)
    height, width = drawn.shape[:2]
    step = max(6, max(height, width) // _ARROWS)
    for row in range(step // 2, height, step):
        for column in range(step // 2, width, step):
            way = np.array([x[row, column], y[row, column]]) * step * 0.9
            if np.hypot(*way) > 0.3 * step:
                end = column + round(float(way[0])), row + round(float(way[1]))
                cv2.arrowedLine(drawn, (column, row), end, INK, 1, cv2.LINE_AA, tipLength=0.4)
    return drawn


def add_line(canvas: Picture, ends: NDArray[np.float64], color: Color, thickness: int) -> None:
    """A line between two places [2, 2]."""
    a, b = (_fixed(place) for place in ends)
    cv2.line(canvas, a, b, color, thickness, cv2.LINE_AA, _SHIFT)


def add_dot(canvas: Picture, place: NDArray[np.float64], color: Color, radius: int) -> None:
    """A dot with a dark rim."""
    cv2.circle(canvas, _fixed(place), (radius + 1) << _SHIFT, INK, -1, cv2.LINE_AA, _SHIFT)
    cv2.circle(canvas, _fixed(place), radius << _SHIFT, color, -1, cv2.LINE_AA, _SHIFT)


def add_text(canvas: Picture, text: str, place: NDArray[np.float64], scale: float = 0.4) -> None:
    """A text right of a place, on its own dark rim."""
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, 1)
    x = min(round(float(place[0])) + 5, canvas.shape[1] - width - 1)
    y = min(max(round(float(place[1])) + height // 2, height + 1), canvas.shape[0] - 2)
    cv2.putText(canvas, text, (x, y), _FONT, scale, INK, 3, cv2.LINE_AA)
    cv2.putText(canvas, text, (x, y), _FONT, scale, PAPER, 1, cv2.LINE_AA)


def hue(number: int, count: int) -> Color:
    """One of `count` colours of equal brightness."""
    red, green, blue = colorsys.hsv_to_rgb((number * 0.618) % 1 if count > 12 else number / max(count, 1), 0.75, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def of_value(value: float) -> Color:
    """From dark red at 0 and less by yellow to green at 1."""
    part = min(max(value, 0.0), 1.0)
    red, green, blue = colorsys.hsv_to_rgb(part / 3, 0.9, 0.55 + 0.4 * part)
    return round(255 * red), round(255 * green), round(255 * blue)


def sheet_of(cells: Sequence[Picture], captions: Sequence[str]) -> Picture:
    """Pictures of one size in a grid, each under its caption."""
    drawn = [_captioned(cell, caption) for cell, caption in zip(cells, captions, strict=True)]
    columns = max(1, math.ceil(math.sqrt(len(drawn))))
    drawn += [np.full_like(drawn[0], 255)] * (-len(drawn) % columns)
    rows = [np.hstack(drawn[start : start + columns]) for start in range(0, len(drawn), columns)]
    return np.ascontiguousarray(np.vstack(rows))


def _captioned(cell: Picture, caption: str) -> Picture:
    strip = np.full((_CAPTION_HEIGHT, cell.shape[1], 3), 255, np.uint8)
    (width, _), _ = cv2.getTextSize(caption, _FONT, 0.5, 1)
    scale = 0.5 * min(1.0, (cell.shape[1] - 8) / max(width, 1))
    cv2.putText(strip, caption, (4, _CAPTION_HEIGHT - 7), _FONT, scale, INK, 1, cv2.LINE_AA)
    return np.vstack([strip, cell])


def _fixed(place: NDArray[np.float64]) -> tuple[int, int]:
    x, y = (round(float(value) * (1 << _SHIFT)) for value in place)
    return x, y
