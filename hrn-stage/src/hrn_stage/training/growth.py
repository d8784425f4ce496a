"""The size of the network's input over a training: a small one learns the coarse things cheaply (pure)."""

from __future__ import annotations

from collections.abc import Sequence


def input_size(grow: Sequence[tuple[int, float]], last_wh: tuple[int, int], progress: float) -> tuple[int, int]:
    """Width and height at `progress` (0..1): the longer side of the first pair whose share is not reached yet.

    Example: input_size([(128, 0.4)], (192, 192), 0.3) -> (128, 128), and (192, 192) from 0.4 on
    """
    for size, until in grow:
        if progress < until:
            longest = max(last_wh)
            width, height = (round(side * size / longest / 32) * 32 for side in last_wh)
            return max(width, 32), max(height, 32)
    return last_wh
