"""Rows -> batches, the same ones for the same seed, epoch and index, whoever makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from pose_contract.errors import StageError
from stage_kit.runs.workers import worker_count

Row = TypeVar("Row")
Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Draw:
    """Which row, in which epoch, and the how manieth time there: with the seed it determines every random choice."""

    epoch: int
    index: int
    turn: int = 0


class Rows(Dataset[Row | StageError]):
    """Training rows by their `Draw`. A subclass says how many there are and how one is made."""

    def __len__(self) -> int:
        raise NotImplementedError

    def make(self, draw: Draw) -> Row:
        """One row. Raises StageError where its picture cannot be read."""
        raise NotImplementedError

    def __getitem__(self, draw: Draw) -> Row | StageError:
        """A row that cannot be made gives its error: one that is raised in a worker loses what it says."""
        try:
            return self.make(draw)
        except StageError as error:
            return error


class DrawSampler(Sampler[Draw]):
    """Gives the draws of one epoch, and knows how many they are."""

    def __len__(self) -> int:
        raise NotImplementedError


class EpochSampler(DrawSampler):
    """The draws of one epoch: shuffled by seed and epoch, dealt to `ranks` processes in turn."""

    def __init__(
        self, length: int, seed: int, epoch: int, shuffled: bool = True, share: tuple[int, int] = (0, 1)
    ) -> None:
        self._length = length
        self._seed = seed
        self._epoch = epoch
        self._shuffled = shuffled
        self._rank, self._ranks = share

    def __iter__(self) -> Iterator[Draw]:
        order = np.arange(self._length)
        if self._shuffled:
            np.random.default_rng((self._seed, self._epoch)).shuffle(order)
        return (Draw(self._epoch, int(index)) for index in order[self._rank :: self._ranks][: len(self)])

    def __len__(self) -> int:
        return self._length // self._ranks


@dataclass(frozen=True)
class Collate(Generic[Row, Batch]):
    """Joins rows by `join`; where a row is an error, the first one stands for the batch."""

    join: Callable[[Sequence[Row]], Batch]

    def __call__(self, rows: Sequence[Row | StageError]) -> Batch | StageError:
        """One batch."""
        made: list[Row] = []
        for row in rows:
            if isinstance(row, StageError):
                return row
            made.append(row)
        return self.join(made)


@dataclass(frozen=True)
class Batching:
    """How batches are made: rows in one, processes that make them ahead, whether for a GPU's direct access."""

    size: int
    workers: int
    pinned: bool = True


def batches(
    rows: Rows[Row], sampler: DrawSampler, join: Callable[[Sequence[Row]], Batch], batching: Batching
) -> DataLoader[Batch | StageError]:
    """The batches of one epoch, made ahead by worker processes, at most one per core; a rest is dropped.

    OpenCV's threads are off from here on, in this process too: workers are forks, which have the locks of these
    threads but not the threads, and would wait for ever.
    """
    cv2.setNumThreads(0)
    return DataLoader(
        rows,  # type: ignore[arg-type] # torch's types do not know that collate_fn makes something else of rows
        batch_size=min(batching.size, len(sampler)),
        sampler=sampler,
        num_workers=min(batching.workers, worker_count(0)),
        pin_memory=batching.pinned and torch.cuda.is_available(),
        drop_last=True,
        collate_fn=Collate(join),
    )


def made(loader: Iterable[Batch | StageError]) -> Iterator[Batch]:
    """The batches. Raises the StageError of the first that could not be made."""
    for batch in loader:
        if isinstance(batch, StageError):
            raise batch
        yield batch
