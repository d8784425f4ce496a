"""What the network is to answer for people of ordinary photos: Gaussians at the exact place, empty maps (pure)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BEYOND = 0.02  # of the input's side; a joint farther out than that is not in the picture


def exact_heatmaps(
    joints_in_input_xy: NDArray[np.float64],
    weights: NDArray[np.float32],
    absent: NDArray[np.bool_],
    heatmap_wh: tuple[int, int],
    input_wh: tuple[int, int],
    sigma: float,
    absent_weight: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Target heatmaps [J, h, w] and weights [J].

    The Gaussian of height 1 is not moved to the next heatmap pixel, as the published one is: its peak is what decoding
    looks for. A joint that is absent, or labelled outside of the input, has an empty map that counts `absent_weight`.
    """
    size = np.array(input_wh, np.float64)
    outside = ((joints_in_input_xy < -BEYOND * size) | (joints_in_input_xy > (1 + BEYOND) * size)).any(axis=1)
    absent = absent | (outside & (weights > 0))
    shown = (weights > 0) & ~absent
    x, y = (joints_in_input_xy * np.array(heatmap_wh) / size).T
    across = np.exp(-((np.arange(heatmap_wh[0]) - x[:, None]) ** 2) / (2 * sigma**2))
    down = np.exp(-((np.arange(heatmap_wh[1]) - y[:, None]) ** 2) / (2 * sigma**2))
    heatmaps = down[:, :, None] * across[:, None, :] * shown[:, None, None]
    counts = np.where(absent, absent_weight, np.where(shown, weights, 0))
    return heatmaps.astype(np.float32), counts.astype(np.float32)
