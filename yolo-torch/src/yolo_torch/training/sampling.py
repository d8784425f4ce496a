"""Which pictures an epoch draws, how often each, and the size of each batch's inputs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MOST_OFTEN_NOTHING, MOST_OFTEN_MISSED = 4.0, 3.0  # how many times as often a mined picture is drawn at most
FOCUSED = 0.4  # probability that a drawn picture with mined boxes is zoomed onto one of them

Size = tuple[int, int]


@dataclass(frozen=True)
class Draw:
    """Which picture, in which epoch, for inputs of which size: with the seed it determines every random choice.

    `focus` is a box of the picture in parts of its sides, which is to be shown.
    """

    epoch: int
    index: int
    size_wh: Size
    focus: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Mined:
    """What a half-trained network gets wrong, by the index of the picture: boxes [K, 4] in parts of its sides."""

    on_nothing: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)
    missed: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class Shares:
    """How an epoch is drawn.

    Attributes:
        weights: [N] how often each picture is drawn, relative to the others.
        sizes: of inputs; each batch has one of them, and as many pictures as fit the pixels of `batch_size` of the
            first size.
        batch_size: pictures of the first size.
    """

    weights: NDArray[np.float64]
    sizes: tuple[Size, ...]
    batch_size: int

    def pictures_at(self, size_wh: Size) -> int:
        """How many pictures a batch of that size has."""
        first, own = (width * height for width, height in (self.sizes[0], size_wh))
        return max(1, round(self.batch_size * first / own))


class EpochBatches:
    """The draws of one epoch, batch by batch: as many as there are pictures, or fewer by a part of a batch.

    Where all weights are alike and nothing is mined, every picture is drawn once.
    """

    def __init__(self, shares: Shares, mined: Mined, seed: int, epoch: int) -> None:
        self._batches = tuple(_batches(shares, mined, np.random.default_rng((seed, epoch)), epoch))

    def __iter__(self) -> Iterator[list[Draw]]:
        return iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)


def _batches(shares: Shares, mined: Mined, rng: np.random.Generator, epoch: int) -> Iterator[list[Draw]]:
    weights = mined_weights(shares.weights, mined)
    count = len(weights)
    alike = np.ptp(weights) == 0
    order = rng.permutation(count) if alike else rng.choice(count, count, p=weights / weights.sum())
    begin = 0
    while begin < count:
        size = shares.sizes[rng.integers(len(shares.sizes))]
        wanted = min(shares.pictures_at(size), count)
        chosen = order[begin : begin + wanted].tolist()
        begin += wanted
        if len(chosen) == wanted:
            yield [Draw(epoch, index, size, _focus(mined, index, rng)) for index in chosen]


def mined_weights(weights: NDArray[np.float64], mined: Mined) -> NDArray[np.float64]:
    """Weights raised where the network has put boxes on nothing, or missed somebody."""
    raised = weights.copy()
    for index, boxes in mined.on_nothing.items():
        raised[index] *= min(MOST_OFTEN_NOTHING, 1 + len(boxes))
    for index, boxes in mined.missed.items():
        raised[index] *= min(MOST_OFTEN_MISSED, 1 + 0.7 * len(boxes))
    return raised


def _focus(mined: Mined, index: int, rng: np.random.Generator) -> tuple[float, float, float, float] | None:
    for boxes in (mined.on_nothing.get(index), mined.missed.get(index)):
        if boxes is not None and rng.random() < FOCUSED:
            x1, y1, x2, y2 = boxes[rng.integers(len(boxes))].tolist()
            return x1, y1, x2, y2
    return None


def set_weights(lengths: Sequence[int], weights: Sequence[float]) -> NDArray[np.float64]:
    """The weight of each picture of sets of `lengths` pictures, one weight a set; 1 where none is said."""
    given = weights or [1.0] * len(lengths)
    return np.repeat(np.asarray(given, np.float64), lengths)
