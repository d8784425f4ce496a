"""What the network is to answer: one Gaussian per labelled joint (pure)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REACH_SIGMAS = 3


def gaussian_heatmaps(
    joints_in_input_xy: NDArray[np.float64],
    labelled: NDArray[np.bool_],
    heatmap_wh: tuple[int, int],
    input_wh: tuple[int, int],
    sigma: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Target heatmaps [J, h, w] and weights [J], as in the published code.

    A Gaussian of height 1 stands on the heatmap pixel nearest to the joint and ends at 3 sigma. A joint that is not
    labelled, or whose Gaussian lies wholly outside, has weight 0.
    """
    width, height = heatmap_wh
    stride = np.array([input_wh[0] / width, input_wh[1] / height])
    cells = np.floor(joints_in_input_xy / stride + 0.5)
    reach = REACH_SIGMAS * sigma
    inside = ((cells + reach >= 0) & (cells - reach < [width, height])).all(axis=1)
    weights = (labelled & inside).astype(np.float32)
    x, y = np.arange(width), np.arange(height)
    dx, dy = x[None] - cells[:, :1], y[None] - cells[:, 1:]
    across = np.where(np.abs(dx) <= reach, np.exp(-(dx**2) / (2 * sigma**2)), 0)
    down = np.where(np.abs(dy) <= reach, np.exp(-(dy**2) / (2 * sigma**2)), 0)
    heatmaps = down[:, :, None] * across[:, None, :] * weights[:, None, None]
    return heatmaps.astype(np.float32), weights
