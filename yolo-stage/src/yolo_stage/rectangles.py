"""Inputs of the picture's shape: a rectangle wastes few pixels on grey, and has about as many as the square. Pure."""

from __future__ import annotations

import math
from typing import Protocol

STRIDE = 32  # the coarsest grid of the family: a side must be a multiple of it
MOST_ASPECT = 3  # of a rectangle; with it the rectangles of a network are some 30, and each costs memory
RULE = f"rectangles of about img_size x img_size pixels, sides multiples of {STRIDE}, up to {MOST_ASPECT}:1"
"""Names in records how pictures are fitted; it changes with whatever here changes results."""


class TakesPictures(Protocol):
    """What must be known of a network for a picture to be fitted to it; a plan and a loaded detector tell it."""

    @property
    def input_size(self) -> int:
        """Side S of the square input in pixels; a rectangle has about S x S pixels."""

    @property
    def rectangular(self) -> bool:
        """Whether pictures are given in rectangles of their own shape."""


def input_wh(network: TakesPictures, picture_wh: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the network's input for a picture: the square, or a rectangle of the picture's shape.

    The rectangle costs what the square does and shows people larger. A picture longer than 3:1 lies on grey.
    """
    if not network.rectangular:
        return network.input_size, network.input_size
    aspect = min(max(picture_wh[0] / picture_wh[1], 1 / MOST_ASPECT), MOST_ASPECT)
    width = network.input_size * math.sqrt(aspect)
    return _whole(width), _whole(network.input_size**2 / width)


def sides_of(input_size: int) -> range:
    """All sides that a rectangle may have, in pixels."""
    longest = math.sqrt(MOST_ASPECT) * input_size
    return range(_whole(longest / MOST_ASPECT), _whole(longest) + 1, STRIDE)


def _whole(side: float) -> int:
    return max(STRIDE, STRIDE * round(side / STRIDE))
