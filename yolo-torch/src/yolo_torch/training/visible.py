"""Labelled pictures in memory, and what is left of their labels in a window. Pure.

Somebody of whom only a part is in the window is still somebody. A person of whom too little is seen to be found
becomes a region that is left open: neither to be found nor a place without anyone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LEAST_SEEN = 0.25  # part of a box that must be in view
THINNEST, SHORTEST = 4, 9  # network pixels that the shorter and the longer side of a person must have
LIMB_MARGIN = 0.07  # of a person's longer side: how far the body reaches beyond the middle of its limbs
FEWEST_POINTS = 5  # of an outline in view; with less the person is left open

_Boxes = NDArray[np.float64]
_Points = NDArray[np.float64]
Window = tuple[int, int, int, int]


@dataclass(frozen=True)
class Labelled:
    """A picture [H, W, 3], its people [K, 4], and regions [L, 4] that the labels leave open, all in its pixels.

    `outlines` has points [P, 2] along the limbs of some of the people, by their index: of somebody cut off they tell
    how wide the part in view is.
    """

    picture: NDArray[np.uint8]
    people: _Boxes
    left_open: _Boxes = field(default_factory=lambda: np.zeros((0, 4)))
    outlines: Mapping[int, _Points] = field(default_factory=dict)

    def scaled(self, picture: NDArray[np.uint8]) -> Labelled:
        """The same labels for the picture in another size."""
        sides = np.array([picture.shape[1] / self.picture.shape[1], picture.shape[0] / self.picture.shape[0]])
        points = {person: outline * sides for person, outline in self.outlines.items()}
        return Labelled(picture, self.people * np.tile(sides, 2), self.left_open * np.tile(sides, 2), points)


def seen_in(
    window: Window, labelled: Labelled, scale_xy: NDArray[np.float64], offset_xy: _Points
) -> tuple[_Boxes, _Boxes]:
    """People and open regions in the window, when the picture lies there by x * scale + offset."""
    scale, offset = np.tile(scale_xy, 2), np.tile(offset_xy, 2)
    people, regions = labelled.people * scale + offset, labelled.left_open * scale + offset
    boxes, found, opened = visible_boxes(people, window)
    for person, outline in labelled.outlines.items():
        if not found[person] or np.allclose(boxes[person], people[person], atol=0.5):
            continue
        box = seen_part(outline * scale_xy + offset_xy, people[person], boxes[person], window)
        if box is None:
            found[person], opened[person] = False, True
        else:
            boxes[person] = box
    clipped, large, small = visible_boxes(regions, window)
    return boxes[found], np.concatenate([boxes[opened], clipped[large | small]])


def visible_boxes(boxes_xyxy: _Boxes, window: Window) -> tuple[_Boxes, NDArray[np.bool_], NDArray[np.bool_]]:
    """Boxes [K, 4] clipped to the window; which of them can be found [K], and which are left open [K]."""
    low, high = np.tile(window[:2], 2), np.tile(window[2:], 2)
    clipped: _Boxes = np.clip(boxes_xyxy, low, high)
    sides, whole = clipped[:, 2:] - clipped[:, :2], boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    enough = sides.prod(axis=1) >= LEAST_SEEN * whole.prod(axis=1)
    found = enough & (sides.min(axis=1, initial=np.inf) >= THINNEST) & (sides.max(axis=1, initial=0) >= SHORTEST)
    there = (sides > 1).all(axis=1)
    return clipped, found & there, ~found & there


def seen_part(outline: _Points, whole: _Boxes, clipped: _Boxes, window: Window) -> _Boxes | None:
    """The box [4] of the part of a person that the window shows; None where next to nothing is seen."""
    inside = outline[((outline >= window[:2]) & (outline <= window[2:])).all(axis=1)]
    if len(inside) < FEWEST_POINTS:
        return None
    margin = LIMB_MARGIN * float((whole[2:] - whole[:2]).max())
    low = np.maximum(clipped[:2], inside.min(axis=0) - margin)
    high = np.minimum(clipped[2:], inside.max(axis=0) + margin)
    return None if (high - low).min() < THINNEST else np.concatenate([low, high])
