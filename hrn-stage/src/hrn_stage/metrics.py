"""How good keypoints are: PCK and PCKh (pure). OKS is pycocotools' (see evaluation.py)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_contract.skeletons import Skeleton

# What data sets derive from other joints, and papers leave out of their mean.
DERIVED = frozenset({"pelvis", "thorax"})
TORSOS = (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))


@dataclass(frozen=True)
class Correct:
    """Per keypoint, how many of how many labelled ones are within the threshold.

    `left_out` keypoints have a rate, but are no part of the mean. `by_counts` weighs each keypoint by how often it is
    labelled, as MPII's Mean is published; else all weigh the same.
    """

    names: tuple[str, ...]
    correct: NDArray[np.int64]
    labelled: NDArray[np.int64]
    left_out: frozenset[str] = frozenset()
    by_counts: bool = False

    @property
    def rates(self) -> NDArray[np.float64]:
        """Per keypoint; NaN where none is labelled."""
        with np.errstate(invalid="ignore"):
            return np.where(self.labelled > 0, self.correct / self.labelled, np.nan)

    @property
    def mean(self) -> float:
        """Mean over the keypoints that are labelled anywhere and not left out; NaN where there is none."""
        counted = (self.labelled > 0) & np.array([name not in self.left_out for name in self.names], bool)
        if not counted.any():
            return math.nan
        weights = self.labelled[counted] if self.by_counts else None
        return float(np.average(self.rates[counted], weights=weights))


def without_nan(content: Any) -> Any:
    """The same lists and mappings with None for each number that is NaN or infinite, which JSON has no word for."""
    if isinstance(content, dict):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def torso_lengths(
    joints_xy: NDArray[np.floating], labelled: NDArray[np.bool_], skeleton: Skeleton
) -> NDArray[np.float64]:
    """Per person [N] left shoulder to right hip, else right shoulder to left hip, else NaN: the person is left out."""
    lengths = np.full(len(joints_xy), np.nan)
    for shoulder, hip in reversed(TORSOS):
        a, b = skeleton.keypoints.index(shoulder), skeleton.keypoints.index(hip)
        both = labelled[:, a] & labelled[:, b]
        lengths[both] = np.linalg.norm(joints_xy[both, a] - joints_xy[both, b], axis=1)
    lengths[lengths == 0] = np.nan
    return lengths


def head_lengths(
    joints_xy: NDArray[np.floating], labelled: NDArray[np.bool_], skeleton: Skeleton
) -> NDArray[np.float64]:
    """Per person [N] head top to upper neck, else NaN: PCKh's unit where no head boxes are at hand."""
    top, neck = (skeleton.keypoints.index(name) for name in ("head_top", "upper_neck"))
    lengths: NDArray[np.float64] = np.linalg.norm(joints_xy[:, top] - joints_xy[:, neck], axis=1).astype(np.float64)
    lengths[~(labelled[:, top] & labelled[:, neck]) | (lengths == 0)] = np.nan
    return lengths


def correct_within(
    predicted_xy: NDArray[np.floating],
    joints_xy: NDArray[np.floating],
    labelled: NDArray[np.bool_],
    radii: NDArray[np.float64],
    names: tuple[str, ...],
) -> Correct:
    """Counts keypoints [N, J, 2] that lie within each person's radius [N] of their labels; a NaN radius leaves out."""
    counted = labelled & np.isfinite(radii)[:, None]
    distance = np.linalg.norm(predicted_xy - joints_xy, axis=2)
    near = counted & (distance <= np.nan_to_num(radii, nan=-1)[:, None])
    return Correct(names, near.sum(axis=0), counted.sum(axis=0))


def interchangeable(
    predicted_xy: NDArray[np.floating], joints_xy: NDArray[np.floating], labelled: NDArray[np.bool_], skeleton: Skeleton
) -> NDArray[np.float64]:
    """The predictions with each pair's left and right exchanged where that fits the labels better.

    For labels in which sides are mixed up; a pair with one labelled joint is exchanged if that one gains.
    """
    result: NDArray[np.float64] = predicted_xy.astype(np.float64)
    for left, right in skeleton.mirror_pairs:
        a, b = skeleton.keypoints.index(left), skeleton.keypoints.index(right)
        straight = _pair_error(predicted_xy[:, [a, b]], joints_xy[:, [a, b]], labelled[:, [a, b]])
        crossed = _pair_error(predicted_xy[:, [b, a]], joints_xy[:, [a, b]], labelled[:, [a, b]])
        better = crossed < straight
        result[better, a], result[better, b] = predicted_xy[better, b], predicted_xy[better, a]
    return result


def _pair_error(
    predicted_xy: NDArray[np.floating], joints_xy: NDArray[np.floating], labelled: NDArray[np.bool_]
) -> NDArray[np.float64]:
    errors: NDArray[np.float64] = np.where(labelled, np.linalg.norm(predicted_xy - joints_xy, axis=2), 0).sum(axis=1)
    return errors
