"""How many inputs a network is given at a time where no scheduler sees to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stage_kit.networks.network import Network

Item = TypeVar("Item")
Answer = TypeVar("Answer")


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


def asked_by_shape(
    rows: Sequence[NDArray[Any]], ask: Callable[[NDArray[Any]], Sequence[Answer]], size: int = 0
) -> list[Answer]:
    """A network's answers to rows [...] of one type and any shapes, in their order; one batch for each shape.

    Args:
        rows: any number of them.
        ask: gives the answers to a batch [N, ...].
        size: each batch is filled up to, where all must be alike; 0 for not at all.
    """
    found: dict[int, Answer] = {}
    for shape in dict.fromkeys(row.shape for row in rows):
        chosen = [number for number, row in enumerate(rows) if row.shape == shape]
        answers = ask(stacked([rows[number] for number in chosen], size))
        found.update(zip(chosen, answers, strict=False))  # a padded batch has more answers
    return [found[number] for number in range(len(rows))]
