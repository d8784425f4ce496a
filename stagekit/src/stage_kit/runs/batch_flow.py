"""Names of images on their way through workers, network, workers and writers: the inside of `batch_run`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic

from pose_contract.errors import ImageError
from stage_kit.networks.batches import stacked
from stage_kit.pictures.images import fitting_into_memory
from stage_kit.runs.journal import RunLog
from stage_kit.runs.outputs import write_outputs
from stage_kit.runs.steps import Answer, ImageT, Loaded, Outputs, Settled, Steps
from stage_kit.runs.waiting import Waiting
from stage_kit.runs.workers import AHEAD, WRITERS, Backlog, BatchSize, map_ahead, threads, worker_count

if TYPE_CHECKING:
    from stage_kit.runs.batch_run import RunFacts

PIXELS_AT_ONCE = 8_000_000  # of the pictures that wait for each other in a batch


@dataclass
class _Asked(Generic[ImageT, Answer]):
    """An image whose rows pass through the network, perhaps in several batches."""

    image: ImageT
    answers: dict[int, Answer] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return len(self.answers) == self.image.rows


class Flow(Generic[ImageT, Answer]):
    """A list of names on its way; `load` gives the network when it is needed first."""

    def __init__(self, facts: RunFacts, steps: Steps[ImageT, Answer], log: RunLog, load: Callable[[], Loaded]) -> None:
        self._facts = facts
        self._steps = steps
        self._log = log
        self._load = load
        self._network: Loaded | None = None
        self._batch_size = BatchSize(1, 1)

    def run(self, names: Sequence[str]) -> None:
        """Works on all the names. Raises WorkspaceError."""
        workers, under_way = worker_count(self._facts.workers), self._facts.batches_at_once
        with threads("disk", WRITERS) as disk, threads("worker", workers) as pool, threads("net", under_way) as network:
            self._drawing, self._writing = Backlog(pool, workers), Backlog(disk, WRITERS)
            examined = map_ahead(pool, self._steps.examine, names, AHEAD * workers)
            # One batch more than run waits, so that the network never does.
            for batch, answers in map_ahead(network, self._ask, self._batches(examined), under_way + 1):
                for (asked, row), answer in zip(batch, answers, strict=False):  # a padded batch has more answers
                    asked.answers[row] = answer
                    if asked.complete:
                        self._drawing.submit(self._draw, asked)
            self._drawing.finish()
            self._writing.finish()

    def _batches(self, examined: Iterable[ImageT | Settled]) -> Iterator[list[tuple[_Asked[ImageT, Answer], int]]]:
        """Gathers what the network is to see; what need not go through it is dealt with on the way."""
        waiting = Waiting[tuple[_Asked[ImageT, Answer], int]]()
        for image in examined:
            if isinstance(image, Settled):
                self._log.settle(self._facts.workspace.image_file(image.name), image)
                continue
            asked = _Asked[ImageT, Answer](image)
            if asked.complete:
                self._drawing.submit(self._draw, asked)
                continue
            network = self.loaded()
            shape = self._steps.inputs(image).shape[1:]
            waiting.extend(shape, ((asked, row) for row in range(image.rows)))
            while len(waiting) and (waiting.is_due(self._batch_size.now) or self._too_many_pixels(waiting, network)):
                yield waiting.take(self._batch_size.now)
        yield from waiting.rest()

    def loaded(self) -> Loaded:
        """The network, when it is needed first."""
        if self._network is None:
            self._network = self._load()
            self._batch_size = BatchSize(self._network.fewest, self._network.most)
            self._log.device = self._network.device
        return self._network

    def _too_many_pixels(self, waiting: Iterable[tuple[_Asked[ImageT, Answer], int]], network: Loaded) -> bool:
        return not network.fixed_batch and sum(asked.image.pixels for asked, _ in waiting) >= PIXELS_AT_ONCE

    def _ask(
        self, batch: list[tuple[_Asked[ImageT, Answer], int]]
    ) -> tuple[list[tuple[_Asked[ImageT, Answer], int]], Sequence[Answer]]:
        """Runs the network on one batch, padded where its size must not change."""
        assert self._network is not None, "it is loaded before the first batch"
        rows = [self._steps.inputs(asked.image)[row] for asked, row in batch]
        size = max(self._batch_size.now, len(rows)) if self._network.fixed_batch else len(rows)
        inputs = stacked(rows, size)
        begun = time.perf_counter()
        answers = self._steps.answers(inputs)
        self._batch_size.took(len(batch), time.perf_counter() - begun)
        return batch, answers

    def _draw(self, asked: _Asked[ImageT, Answer]) -> None:
        try:
            with fitting_into_memory():
                answers = [asked.answers[row] for row in range(asked.image.rows)]
                outputs = self._steps.outputs(asked.image, answers)
        except ImageError as error:
            self._log.fail(self._facts.workspace.image_file(asked.image.name), error)
        else:
            self._writing.submit(self._write, outputs)

    def _write(self, outputs: Outputs) -> None:
        try:
            write_outputs(self._facts.workspace, outputs)
        except ImageError as error:
            self._log.fail(self._facts.workspace.image_file(outputs.name), error)
        else:
            if outputs.note:
                self._log.say(outputs.note)
            self._log.done(outputs.done, outputs.people)
