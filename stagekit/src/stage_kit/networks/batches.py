"""How many inputs a network is given at a time where no scheduler sees to it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stage_kit.networks.network import Network

Item = TypeVar("Item")


def batch_size(network: Network, asked: int = 0) -> int:
    """How many inputs a batch has: the engine's number, or `asked` where that is more.

    It is the fewest where all batches must be alike, as a run of a command begins; else the most.
    """
    fewest, most = network.at_once
    return max(asked, fewest if network.fixed_batch else most)


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items, `size` at a time, the last ones perhaps fewer; none is asked for before its batch is."""
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def stacked(rows: Sequence[NDArray[Any]], size: int = 0) -> NDArray[Any]:
    """Rows [...] of one shape and type as [N, ...], filled up with zeros to `size` of them."""
    batch = np.zeros((max(size, len(rows)), *rows[0].shape), rows[0].dtype)
    for number, row in enumerate(rows):
        batch[number] = row
    return batch
