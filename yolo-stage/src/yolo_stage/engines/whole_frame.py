"""The detector that looks at nothing: every picture shows one person, who fills it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolo_stage.detector import Candidates, Detector

SIDE = 32  # pixels: nothing looks at the input, so it is as small as inputs may be


@dataclass(frozen=True)
class WholeFrame:
    """One box around the whole input, score 1; clipped to the picture it is the picture."""

    name: str = "none"
    device: str = "cpu"
    precision: str = "fp32"
    fixed_batch: bool = False
    at_once: tuple[int, int] = (1, 8)
    input_size: int = SIDE
    rectangular: bool = False

    def detect(self, batch: NDArray[np.float32]) -> list[Candidates]:
        """See `Detector.detect`."""
        height, width = batch.shape[2:]
        return [np.array([[0, 0, width, height, 1]], np.float32) for _ in batch]


def load_detector() -> Detector:
    """It has nothing to load."""
    return WholeFrame()
