"""What a person detector is, whichever engine runs it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SCORE_FLOOR = 0.001
"""Candidates at or under this score are never reported; no sensible threshold is lower."""


class Detector(Protocol):
    """A loaded network that finds persons; engines and the fakes in tests have this shape."""

    @property
    def name(self) -> str:
        """Name of the engine, such as `torch`."""

    @property
    def device(self) -> str:
        """Where it runs: `cpu` or `cuda`."""

    @property
    def precision(self) -> str:
        """Arithmetic of the network, such as `fp32`."""

    @property
    def fixed_batch(self) -> bool:
        """Whether a batch's size changes its numbers or costs time, so that all should be alike."""

    @property
    def at_once(self) -> tuple[int, int]:
        """How many images it wants at a time: the fewest and the most."""

    @property
    def input_size(self) -> int:
        """Side S of the square input in pixels."""

    def detect(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Candidates for a batch [N, 3, S, S], RGB in 0..1.

        Returns, per image, float32 [K, 5]: x1, y1, x2, y2 in network-input pixels, edges continuous from 0 to S and
        not clipped, and score = objectness x P(person). All candidates above SCORE_FLOOR, unsorted, before NMS.
        """


def candidate_rows(centres_xywh: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows x1, y1, x2, y2, score [K, 5] of the boxes [M, 4] (centre, size) whose score [M] is above SCORE_FLOOR."""
    above = scores > SCORE_FLOOR
    centre, half = centres_xywh[above, :2], centres_xywh[above, 2:] / 2
    rows: NDArray[np.float32] = np.concatenate([centre - half, centre + half, scores[above, None]], axis=1)
    return rows
