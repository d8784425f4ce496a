"""Photos that end across a person, so that the network learns what is not there (pure)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hrn_stage.training.ordinary import FEWEST, OrdinaryPerson

SIDES = (0.64, 0.12, 0.12, 0.12)  # how often it ends below, above, left, right
BELOW, ABOVE, LEFT, RIGHT = range(4)
SMALLEST = 24  # pixels of a side that a photo keeps
TIGHT_MARGIN = 0.05  # of the joints' extent, for who has no box


def photo_end(person: OrdinaryPerson, picture_wh: tuple[int, int], rng: np.random.Generator) -> tuple[int, ...]:
    """x1, y1, x2, y2 of the part of the photo that is kept: it ends between shins and chest, or takes a side."""
    low, high = person.extent()
    x, y = low
    width, height = high - low
    x1, y1, x2, y2 = 0, 0, *picture_wh
    side = rng.choice(4, p=SIDES)
    if side == BELOW:
        y2 = int(y + height * rng.uniform(0.3, 0.92))
    elif side == ABOVE:
        y1 = int(y + height * rng.uniform(0.08, 0.4))
    elif side == LEFT:
        x1 = int(x + width * rng.uniform(0.08, 0.45))
    else:
        x2 = int(x + width * rng.uniform(0.55, 0.92))
    return max(x1, 0), max(y1, 0), min(x2, picture_wh[0]), min(y2, picture_wh[1])


def within_photo(
    person: OrdinaryPerson, picture: NDArray[np.uint8], part_xyxy: tuple[int, ...]
) -> tuple[OrdinaryPerson, NDArray[np.uint8]]:
    """The person in that part of the picture: joints beyond are absent, the box ends with it, pixels count from it.

    Nothing changes where too little of the photo or of the person would be left.
    """
    x1, y1, x2, y2 = part_xyxy
    joints, shift = person.joints_xy, np.array([x1, y1], np.float64)
    inside = ((joints >= shift - 1) & (joints <= [x2, y2])).all(axis=1)
    if min(x2 - x1, y2 - y1) < SMALLEST or (inside & person.labelled).sum() < FEWEST:
        return person, picture
    low, high = person.extent()
    margin = TIGHT_MARGIN * (high - low)
    box = person.box_xyxy if person.has_box else np.concatenate([low - margin, high + margin])
    box = np.concatenate([np.maximum(box[:2], [x1, y1]), np.minimum(box[2:], [x2, y2])])
    left = replace(
        person,
        joints_xy=joints - shift,
        weights=np.where(inside, person.weights, 0).astype(np.float32),
        absent=person.absent | (~inside & person.labelled),
        box_xyxy=box - np.tile(shift, 2),
    )
    return left, picture[y1:y2, x1:x2]
