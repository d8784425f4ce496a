"""One labelled person, whatever data set it comes from (data)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """A person in a picture.

    Attributes:
        image: the picture file.
        center: float32 [2], middle of the person in image pixels.
        scale: float32 [2], what the network sees, in 200 px: the published unit, context included.
        joints_xy: float32 [J, 2] in image pixels, pixel centres at integers; 0, 0 where not labelled.
        labelled: bool [J].
        image_id, area: COCO's, for OKS; 0 elsewhere.
        head_length: of the annotated head box, for PCKh; None where there is none.
        box_score: the detector's, 0..1; 1 for a labelled person.
    """

    image: Path
    center: NDArray[np.float32]
    scale: NDArray[np.float32]
    joints_xy: NDArray[np.float32]
    labelled: NDArray[np.bool_]
    image_id: int = 0
    area: float = 0.0
    head_length: float | None = None
    box_score: float = 1.0


BOX_MARGIN = 0.15


def extent_box(joints_xy: NDArray[np.floating], labelled: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 of the labelled joints plus 15 % of width and height on each side: a person's box without one."""
    low, high = joints_xy[labelled].min(axis=0), joints_xy[labelled].max(axis=0)
    margin = BOX_MARGIN * (high - low)
    (x1, y1), (x2, y2) = low - margin, high + margin
    return float(x1), float(y1), float(x2), float(y2)
