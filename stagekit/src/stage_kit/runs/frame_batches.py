"""Frames on their way through the network: rows of several frames in one batch, what is known already left out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic

from numpy.typing import NDArray

from stage_kit.networks.batches import stacked
from stage_kit.runs.steps import Answer, Loaded
from stage_kit.runs.workers import BatchSize, map_ahead, threads
from stage_kit.videos.reader import VideoReader
from stage_kit.videos.steps import Given, PreparedFrame, VideoWork

PIXELS_UNDER_WAY = 24_000_000  # of the frames that wait in one place of the way
MOST_FRAMES = 32  # that wait there, however small


@dataclass
class _Asked(Generic[Answer]):
    """A frame whose rows pass through the network, perhaps in several batches."""

    prepared: PreparedFrame
    answers: dict[int, Answer] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return len(self.answers) == len(self.prepared.rows)

    @property
    def unknown(self) -> list[int]:
        """The rows that are not answered."""
        return [row for row in range(len(self.prepared.rows)) if row not in self.answers]


_Batch = list[tuple[_Asked[Answer], int]]


class FrameBatches(Generic[Answer]):
    """Asks a network about frames in batches.

    Args:
        loaded: loads the network when the first row needs it.
        answers: the network: rows in, one answer a row.
        workers: threads that prepare frames.
        batches_at_once: how many batches the network takes from as many threads.
    """

    def __init__(
        self,
        loaded: Callable[[], Loaded],
        answers: Callable[[NDArray[Any]], Sequence[Answer]],
        workers: int,
        batches_at_once: int,
    ) -> None:
        self._loaded = loaded
        self._answers = answers
        self._workers = workers
        self._under_way = batches_at_once
        self._network: Loaded | None = None
        self._batch_size = BatchSize(1, 1)

    def answered(
        self,
        work: VideoWork[Answer, Any],
        frames: Iterable[Given],
        places: int,
        known: Callable[[NDArray[Any]], Answer | None] = lambda _row: None,
    ) -> Generator[tuple[PreparedFrame, list[Answer]]]:
        """Each frame with the answers about its rows, in order.

        Args:
            work: prepares frames.
            frames: what it is given.
            places: how many may wait in one place.
            known: the answer about a row that need not be asked; called from several threads.
        """

        def asked(given: Given) -> _Asked[Answer]:
            result = _Asked[Answer](work.prepared(given))
            for row, data in enumerate(result.prepared.rows):
                if (answer := known(data)) is not None:
                    result.answers[row] = answer
            return result

        with threads("worker", self._workers) as pool, threads("net", self._under_way) as network:
            prepared = map_ahead(pool, asked, frames, min(places, 2 * self._workers))
            yield from self._through(network, prepared, places)

    def _through(
        self, network: ThreadPoolExecutor, prepared: Iterable[_Asked[Answer]], places: int
    ) -> Iterator[tuple[PreparedFrame, list[Answer]]]:
        waiting: deque[_Asked[Answer]] = deque()
        for batch, answers in map_ahead(
            network, self._ask, self._batches(prepared, waiting, places), self._under_way + 1
        ):
            for (asked, row), answer in zip(batch, answers, strict=False):  # a padded batch has more answers
                asked.answers[row] = answer
            while waiting and waiting[0].complete:
                done = waiting.popleft()
                yield done.prepared, [done.answers[row] for row in range(len(done.prepared.rows))]
        assert not waiting, "every row has been asked about"

    def _batches(
        self, prepared: Iterable[_Asked[Answer]], waiting: deque[_Asked[Answer]], places: int
    ) -> Iterator[_Batch[Answer]]:
        """Rows of several frames together; an empty batch lets frames through that nobody need be asked about."""
        rows: _Batch[Answer] = []
        for asked in prepared:
            waiting.append(asked)
            if unknown := asked.unknown:
                self._require_network()
            rows.extend((asked, row) for row in unknown)
            while len(rows) >= (size := self._batch_size.now):
                batch, rows = rows[:size], rows[size:]
                yield batch
            if len(waiting) >= places * (self._under_way + 1):
                batch, rows = rows, []
                yield batch
            elif waiting[0].complete:
                yield []
        yield rows

    def _require_network(self) -> None:
        if self._network is None:
            self._network = self._loaded()
            self._batch_size = BatchSize(self._network.fewest, self._network.most)

    def _ask(self, batch: _Batch[Answer]) -> tuple[_Batch[Answer], Sequence[Answer]]:
        """Runs the network on one batch, padded where its size must not change."""
        if not batch:
            return batch, ()
        assert self._network is not None, "it is loaded before the first row"
        size = max(self._batch_size.now, len(batch)) if self._network.fixed_batch else len(batch)
        inputs = stacked([asked.prepared.rows[row] for asked, row in batch], size)
        begun = time.perf_counter()
        answers = self._answers(inputs)
        self._batch_size.took(len(batch), time.perf_counter() - begun)
        return batch, answers


def places_for(video: VideoReader) -> int:
    """How many of a video's frames may wait in one place."""
    return max(2, min(MOST_FRAMES, PIXELS_UNDER_WAY // (video.width * video.height)))
