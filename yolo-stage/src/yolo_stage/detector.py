"""What a person detector is, whichever engine runs it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stage_kit.networks.network import Network

SCORE_FLOOR = 0.001
"""Candidates at or under this score are never reported; no sensible threshold is lower."""


Candidates = NDArray[np.float32]
"""[K, 5]: x1, y1, x2, y2 in network-input pixels, edges continuous and not clipped, and score."""


class Detector(Network, Protocol):
    """A loaded network that finds persons; engines and the fakes in tests have this shape."""

    @property
    def input_size(self) -> int:
        """Side S of the square input in pixels; a rectangle has about S x S pixels."""

    @property
    def rectangular(self) -> bool:
        """Whether pictures are given in rectangles of their own shape: see `rectangles.input_wh`."""

    def detect(self, batch: NDArray[np.float32]) -> list[Candidates]:
        """Candidates for a batch [N, 3, H, W], RGB in 0..1; H = W = S unless `rectangular`.

        Returns, per image, float32 [K, 5]: x1, y1, x2, y2 in network-input pixels, edges continuous from 0 to W or H
        and not clipped, and score = objectness x P(person). All candidates above SCORE_FLOOR, unsorted, before NMS.
        """


def candidate_rows(centres_xywh: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows x1, y1, x2, y2, score [K, 5] of the boxes [M, 4] (centre, size) whose score [M] is above SCORE_FLOOR."""
    above = scores > SCORE_FLOOR
    centre, half = centres_xywh[above, :2], centres_xywh[above, 2:] / 2
    rows: NDArray[np.float32] = np.concatenate([centre - half, centre + half, scores[above, None]], axis=1)
    return rows
