"""What the pipeline asks of an engine: normalised network inputs in, heatmaps out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class PoseEstimator(Protocol):
    """A loaded network."""

    @property
    def name(self) -> str:
        """The engine, e.g. "torch"."""

    @property
    def device(self) -> str:
        """Where it runs: "cpu" or "cuda"."""

    @property
    def precision(self) -> str:
        """The arithmetic, e.g. "fp32"."""

    @property
    def fixed_batch(self) -> bool:
        """Whether a batch's size changes its numbers or costs time, so that all should be alike."""

    @property
    def at_once(self) -> tuple[int, int]:
        """How many people it wants at a time: the fewest and the most; the YAML may ask for more."""

    def heatmaps(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised inputs [N, 3, H, W] -> heatmaps [N, J, h, w]; the same bytes for the same batch."""
