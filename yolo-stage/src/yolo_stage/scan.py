"""How recall and boxes on nothing change with the score that a box must have. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stage_kit.pictures.boxes import iou_matrix

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(2, 17))
NEAR = 0.3  # IoU with a person; a box that has less with everybody is on nothing
WITHIN = 0.5  # part of a box in a crowd's region; one that has more there is not judged

_Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class Matches:
    """All boxes of all pictures, one row each.

    Attributes:
        scores: [N].
        at_50, at_70: bool [N]: the box is matched with a person at that IoU, each person with one box at most.
        ignored: bool [N]: the box lies on a crowd and is not judged.
        on_nothing: bool [N]: neither near a person nor in a crowd.
    """

    scores: NDArray[np.float64]
    at_50: NDArray[np.bool_]
    at_70: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    on_nothing: NDArray[np.bool_]


@dataclass(frozen=True)
class ScanRow:
    """What a detector reaches with boxes of a score of `threshold` or more.

    Attributes:
        threshold: the score.
        recall, recall_70: part of the labelled people found, at IoU 0.5 and 0.7.
        precision: part of the judged boxes that are people; 1 where there is no box.
        on_nothing: boxes a picture that show nobody.
        boxes: boxes a picture.
    """

    threshold: float
    recall: float
    recall_70: float
    precision: float
    on_nothing: float
    boxes: float


def boxes_on_nothing(boxes_xyxy: _Boxes, people_xyxy: _Boxes, crowds_xyxy: _Boxes) -> NDArray[np.bool_]:
    """Mask [N] of the boxes [N, 4] that are near none of the people [K, 4] and not in a crowd's region [L, 4]."""
    near = np.any(iou_matrix(boxes_xyxy, people_xyxy) >= NEAR, axis=1)
    in_crowd = np.any(parts_within(boxes_xyxy, crowds_xyxy) >= WITHIN, axis=1)
    return np.asarray(~(near | in_crowd), np.bool_)


def parts_within(boxes_xyxy: _Boxes, regions_xyxy: _Boxes) -> _Boxes:
    """How much of each box [N, 4] lies in each region [L, 4], 0 to 1, [N, L]."""
    boxes, regions = boxes_xyxy[:, None], regions_xyxy[None]
    shared = np.minimum(boxes[..., 2:], regions[..., 2:]) - np.maximum(boxes[..., :2], regions[..., :2])
    areas = np.maximum((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1), 1e-9)
    parts: _Boxes = np.clip(shared, 0, None).prod(axis=-1) / areas
    return parts


def scan(matches: Matches, people: int, pictures: int, thresholds: Sequence[float] = THRESHOLDS) -> tuple[ScanRow, ...]:
    """A row for each of the thresholds; `people` and `pictures` are how many were labelled."""
    rows = []
    for threshold in thresholds:
        sure = matches.scores >= threshold
        judged = int((sure & ~matches.ignored).sum())
        hits = int((sure & ~matches.ignored & matches.at_50).sum())
        close = int((sure & ~matches.ignored & matches.at_70).sum())
        rows.append(
            ScanRow(
                threshold=float(threshold),
                recall=hits / people if people else 0.0,
                recall_70=close / people if people else 0.0,
                precision=hits / judged if judged else 1.0,
                on_nothing=float((sure & matches.on_nothing).sum()) / max(1, pictures),
                boxes=float(sure.sum()) / max(1, pictures),
            )
        )
    return tuple(rows)


def scan_table(rows: Sequence[ScanRow]) -> str:
    """A markdown table."""
    lines = ["| score | recall % | at IoU 0.7 | precision % | boxes on nothing a picture | boxes a picture |"]
    lines.append("|---|---|---|---|---|---|")
    for row in rows:
        recalls = f"{100 * row.recall:.1f} | {100 * row.recall_70:.1f} | {100 * row.precision:.1f}"
        lines.append(f"| {row.threshold:g} | {recalls} | {row.on_nothing:.3f} | {row.boxes:.2f} |")
    return "\n".join(lines)
