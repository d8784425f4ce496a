"""Data: one frame, and what an estimator found in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pose_contract.skeletons import Skeleton

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a source: number from 0, media time in seconds, RGB uint8 [H, W, 3]."""

    number: int
    t_seconds: float
    picture: Picture


@dataclass(frozen=True, eq=False)
class Found:
    """The people in a frame, in the estimator's order.

    Attributes:
        boxes_xyxy: float64 [N, 4] in pixels of the frame.
        keypoints: float64 [N, J, 3]: x, y in pixels, and score 0 to 1.
        scores: float64 [N]: how sure it is that there is somebody.
        counted: how many people the detector sees, where it was asked, as second evidence.
    """

    boxes_xyxy: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    scores: NDArray[np.float64]
    counted: int | None = None


def nobody(joints: int) -> Found:
    """Nobody found."""
    return Found(np.zeros((0, 4)), np.zeros((0, joints, 3)), np.zeros(0))


class Estimator(Protocol):
    """Finds the people in a frame; several threads ask it at a time, and an answer depends on its frame alone."""

    @property
    def skeleton(self) -> Skeleton:
        """What it finds of each."""

    @property
    def model(self) -> str:
        """The networks' names."""

    @property
    def precision(self) -> str:
        """Of the arithmetic, per network."""

    def __call__(self, frame: Frame) -> Found:
        """The people in the frame."""
