"""Where a network took a left limb for the right one: flagged, and put back on request. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_stage.outliers import median_filter
from motion_stage.sequence import Floats
from pose_contract.skeletons import Skeleton

LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
SHORTER_THAN = 0.5  # of the distance without exchanging
LEAST_TORSOS = 0.15  # that both must have jumped, so that jitter where both are close is no swap
LEAST_PX = 3.0
UNUSUAL = 2.5  # times the median step close by: legs that cross fast are no swap
NEIGHBOURS = 7
ACROSS_SECONDS = 0.2  # samples further apart are not compared
LONGEST_SECONDS = 1.0  # of a swap that is put back: which of two longer stretches is right nobody can tell


@dataclass(frozen=True)
class Swap:
    """Rows `first` to `last` of a track, in which left and right of a limb changed places.

    `last` is None where they never changed back within a second: from `first` on they may be the wrong way round, or
    have been so before.
    """

    limb: str
    first: int
    last: int | None


def find_swaps(
    t_seconds: Floats, keypoints_xy: NDArray[np.floating], skeleton: Skeleton, torso_px: float
) -> tuple[Swap, ...]:
    """The swaps in one person's track, by limb and row.

    Two neighbouring samples count where exchanging left and right brings them closer by more than half, and both sides
    have jumped unlike in the steps around.

    Args:
        t_seconds: [T].
        keypoints_xy: [T, J, 2], NaN where missing.
        skeleton: names the keypoints.
        torso_px: the person's size.
    """
    least = max(LEAST_PX, LEAST_TORSOS * torso_px) if np.isfinite(torso_px) else LEAST_PX
    found: list[Swap] = []
    for limb in LIMBS:
        if f"left_{limb}" not in skeleton.keypoints:
            continue
        sides = [skeleton.keypoints.index(f"{side}_{limb}") for side in ("left", "right")]
        found += _of_limb(limb, t_seconds, keypoints_xy[:, sides].astype(np.float64), least)
    return tuple(found)


def _of_limb(limb: str, t_seconds: Floats, both: Floats, least: float) -> list[Swap]:
    """`both` is [T, 2, 2]: left and right."""
    rows = np.flatnonzero(np.isfinite(both).all(axis=(1, 2)))
    if len(rows) < 2:
        return []
    straight = np.stack([_steps(both, rows, side, side) for side in (0, 1)], axis=1)
    crossed = _steps(both, rows, 0, 1) + _steps(both, rows, 1, 0)
    jumped = straight > np.maximum(least, UNUSUAL * median_filter(straight, NEIGHBOURS))
    turned = (crossed < SHORTER_THAN * straight.sum(axis=1)) & jumped.all(axis=1)
    turned &= np.diff(t_seconds[rows]) <= ACROSS_SECONDS
    return _paired(limb, rows[1:][turned], rows[:-1][turned], t_seconds)


def _steps(both: Floats, rows: NDArray[np.int64], before: int, after: int) -> Floats:
    """[N - 1]: how far it is from one side to one of the next row's."""
    x, y = (both[rows[1:], after, axis] - both[rows[:-1], before, axis] for axis in (0, 1))
    lengths: Floats = np.hypot(x, y)
    return lengths


def _paired(limb: str, turns: NDArray[np.int64], before: NDArray[np.int64], t_seconds: Floats) -> list[Swap]:
    """Turns there and back within a second are one swap."""
    found, at = [], 0
    while at < len(turns):
        back = at + 1 < len(turns) and t_seconds[turns[at + 1]] - t_seconds[turns[at]] <= LONGEST_SECONDS
        found.append(Swap(limb, int(turns[at]), int(before[at + 1]) if back else None))
        at += 2 if back else 1
    return found


def exchange(values: NDArray[Any], skeleton: Skeleton, swaps: Iterable[Swap]) -> None:
    """Puts left and right back in their places, in [T, J, ...] itself; swaps without an end stay."""
    for swap in swaps:
        if swap.last is not None:
            left, right = (skeleton.keypoints.index(f"{side}_{swap.limb}") for side in ("left", "right"))
            rows = slice(swap.first, swap.last + 1)
            values[rows, left], values[rows, right] = values[rows, right].copy(), values[rows, left].copy()
