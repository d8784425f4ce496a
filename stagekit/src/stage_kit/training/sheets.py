"""A sheet: some pictures in a grid, for the eye to judge an epoch by (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from stage_kit.pictures.images import Picture

CELL = 256
PICTURES, COLUMNS = 16, 4

Item = TypeVar("Item")


def shown_of(items: Sequence[Item]) -> list[Item]:
    """At most 16 of the items, spread evenly: the same ones in every epoch."""
    return list(items[:: max(1, len(items) // PICTURES)][:PICTURES])


def sheet_of(pictures: Iterable[Picture]) -> Picture:
    """RGB pictures of at most 256 x 256 px in rows of four, each in its cell's upper left corner, on white."""
    listed = list(pictures)
    rows = -(-len(listed) // COLUMNS)
    sheet: Picture = np.full((rows * CELL, COLUMNS * CELL, 3), 255, np.uint8)
    for index, picture in enumerate(listed):
        y, x = (index // COLUMNS) * CELL, (index % COLUMNS) * CELL
        sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return sheet
