"""What the maps of a scene should be: Gaussians at the points, unit vectors along the links, and where to learn.

Frame: cell i of a map stands for pixel 4 i + 1.5 of the scene.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scenes import Scene
from skeleton18 import LINKS

Array = NDArray[np.float64]
Maps = NDArray[np.float32]
STRIDE = 4
POINT, LEAST_POINT, LARGEST_POINT = (
    0.045,
    1.0,
    2.1,
)  # deviation of a Gaussian: of the person's size; least and most, cells
LINK, LEAST_LINK, LARGEST_LINK = 0.035, 1.0, 1.8  # half the width of a link, likewise
OPEN = 3.0  # deviations around a point that nobody knows
BEYOND = 0.2  # of the scene's side, how far outside a point may be to draw its links


def heat(scene: Scene) -> tuple[Maps, Maps]:
    """Heatmaps [19, h, h], the last the background, and where [19, h, h] they are to be learnt (0 or 1)."""
    cells = scene.learn.shape[0] // STRIDE
    target = np.zeros((19, cells, cells), np.float32)
    learn = np.repeat(scene.learn[2::STRIDE, 2::STRIDE][None].astype(np.float32), 19, axis=0)
    axis = np.arange(cells)
    for points, sure, size in zip(scene.points_xy, scene.sure, scene.sizes, strict=True):
        at = (points + 0.5) / STRIDE - 0.5
        spread = float(np.clip(POINT * size / STRIDE, LEAST_POINT, LARGEST_POINT))
        square = ((axis - at[:, :1]) ** 2, (axis - at[:, 1:]) ** 2)
        open_points = np.flatnonzero(sure < 0)
        near = square[1][open_points][:, :, None] + square[0][open_points][:, None] < (OPEN * spread) ** 2
        learn[open_points] = np.where(near, 0, learn[open_points])
        known = np.flatnonzero(sure > 0)
        bells = (np.exp(-side[known] / (2 * spread**2)) for side in square)
        across, down = bells
        target[known] = np.maximum(target[known], down[:, :, None] * across[:, None])
    learn[:18][target[:18] > 0.1] = 1
    target[18] = 1 - target[:18].max(axis=0)
    learn[18] = learn[:18].min(axis=0)
    return target, learn


def fields(scene: Scene) -> tuple[Maps, Maps]:
    """Fields [38, h, h], the mean where links of several people meet, and where they are to be learnt (0 or 1)."""
    cells = scene.learn.shape[0] // STRIDE
    total, count = np.zeros((38, cells, cells), np.float32), np.zeros((19, cells, cells), np.float32)
    learn = np.repeat(scene.learn[2::STRIDE, 2::STRIDE][None].astype(np.float32), 19, axis=0)
    for points, sure, size in zip(scene.points_xy, scene.sure, scene.sizes, strict=True):
        at = (points + 0.5) / STRIDE - 0.5
        width = float(np.clip(LINK * size / STRIDE, LEAST_LINK, LARGEST_LINK))
        near = ((at > -BEYOND * cells) & (at < (1 + BEYOND) * cells)).all(axis=1)
        for one, other, channel in LINKS:
            if not (sure[one] and sure[other] and near[one] and near[other]):
                continue
            window = around(at[[one, other]], width + 1, cells)
            if sure[one] < 0 or sure[other] < 0:
                learn[channel // 2][window] *= 0
                continue
            draw_link(total[channel : channel + 2], count[channel // 2], window, (at[one], at[other], width))
    both = np.repeat(count, 2, axis=0)
    learn[count > 0] = 1
    return total / np.maximum(both, 1), np.repeat(learn, 2, axis=0)


def around(ends: Array, margin: float, cells: int) -> tuple[slice, slice]:
    """Rows and columns of a map around two points [2, 2], in cells."""
    low = np.clip(np.floor(ends.min(axis=0) - margin), 0, cells).astype(int)
    high = np.clip(np.ceil(ends.max(axis=0) + margin) + 1, 0, cells).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def draw_link(total: Maps, count: Maps, window: tuple[slice, slice], link: tuple[Array, Array, float]) -> None:
    """Adds a link's direction to the cells near it, and one to how many links there are."""
    start, end, width = link
    length = float(np.hypot(*(end - start)))
    rows, columns = window
    if length < 1e-3 or rows.stop <= rows.start or columns.stop <= columns.start:
        return
    unit = (end - start) / length
    x = np.arange(columns.start, columns.stop) - start[0]
    y = (np.arange(rows.start, rows.stop) - start[1])[:, None]
    along, off = x * unit[0] + y * unit[1], np.abs(x * unit[1] - y * unit[0])
    band = ((off <= width) & (along >= -width / 2) & (along <= length + width / 2)).astype(np.float32)
    total[0][window] += band * unit[0]
    total[1][window] += band * unit[1]
    count[window] += band
