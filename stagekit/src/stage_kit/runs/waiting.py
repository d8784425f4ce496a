"""Rows that wait for the network, those of one shape together: a batch has one shape. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")
Shape = tuple[int, ...]

SHAPES_WAIT = 3  # batches' worth of rows at most that wait for others of their shape


class Waiting(Generic[Item]):
    """A queue for each shape of row; where all rows are alike it is one queue."""

    def __init__(self) -> None:
        self._queues: dict[Shape, deque[Item]] = {}

    def __len__(self) -> int:
        """How many rows wait."""
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[Item]:
        """All that wait."""
        for queue in self._queues.values():
            yield from queue

    def extend(self, shape: Shape, items: Iterable[Item]) -> None:
        """Rows of that shape are to wait."""
        self._queues.setdefault(shape, deque()).extend(items)

    def is_due(self, size: int) -> bool:
        """Whether rows should go now: a batch of `size` is full, or too many wait for others of their shape."""
        return len(self._longest()) >= size or len(self) >= SHAPES_WAIT * size

    def take(self, size: int) -> list[Item]:
        """The next batch, of at most `size` rows: the first of the shape that most rows have."""
        queue = self._longest()
        batch = [queue.popleft() for _ in range(min(len(queue), size))]
        self._queues = {shape: queue for shape, queue in self._queues.items() if queue}
        return batch

    def rest(self) -> Iterator[list[Item]]:
        """All that still wait, a batch for each shape."""
        while self._queues:
            yield self.take(len(self))

    def _longest(self) -> deque[Item]:
        return max(self._queues.values(), key=len, default=deque())
