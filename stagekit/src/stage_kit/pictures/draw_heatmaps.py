"""Pure: sheets of heatmaps, for the eye. Pictures are RGB uint8 [H, W, 3]."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

_INK = (20, 20, 20)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE_OF_A_PIXEL_HEIGHT = 1 / 22.0  # Hershey capitals are 22 pixels high at scale 1
_CELL_WIDTH = 192  # of a heatmap sheet, at least: a name must be legible
_CAPTION_HEIGHT = 20


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
    cv2.putText(strip, caption, (4, _CAPTION_HEIGHT - 6), _FONT, font_scale, _INK, 1, cv2.LINE_AA)
    return np.vstack([strip, cell])
