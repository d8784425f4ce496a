"""The one scheduler: a network is asked about images in batches, while others are read and drawn.

Workers examine images ahead and draw behind while the network runs; other threads wait for the disk. What is asked
stands in `steps`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic

from pose_contract.errors import ImageError
from pose_contract.names import is_video_name
from pose_contract.records import RunReport
from pose_contract.workspace import Workspace
from stage_kit.command.progress import Progress
from stage_kit.networks.batches import stacked
from stage_kit.pictures.images import fitting_into_memory
from stage_kit.runs.containment import held
from stage_kit.runs.frame_run import FrameRun
from stage_kit.runs.journal import RunLog
from stage_kit.runs.only import chosen
from stage_kit.runs.outputs import write_outputs
from stage_kit.runs.passed_over import passed_over_line
from stage_kit.runs.removal import sweep_temporaries
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Answer, ImageT, Loaded, Outputs, Settled, Steps
from stage_kit.runs.video_log import over_videos
from stage_kit.runs.waiting import Waiting
from stage_kit.runs.workers import AHEAD, WRITERS, Backlog, BatchSize, map_ahead, threads, worker_count
from stage_kit.stages import StageFacts

PIXELS_AT_ONCE = 8_000_000  # of the pictures that wait for each other in a batch


@dataclass(frozen=True)
class RunFacts:
    """What a run is, for its report and its log.

    Attributes:
        stage, workspace: who works where.
        options: all that changes results, as `made_by` has it.
        model, engine, why: the network; `why` is the first line of the log.
        workers: threads that read and draw; 0 is one per core.
        batches_at_once: how many the network takes from as many threads.
        quiet, follow_links: errors only; results may be written through links out of the workspace.
        only: names below images/; where there are any, the run works on these alone.
    """

    stage: StageFacts
    workspace: Workspace
    options: Mapping[str, object]
    model: str
    engine: str
    why: str
    workers: int = 0
    batches_at_once: int = 1
    quiet: bool = False
    follow_links: bool = False
    only: tuple[str, ...] = ()


@dataclass
class _Asked(Generic[ImageT, Answer]):
    """An image whose rows pass through the network, perhaps in several batches."""

    image: ImageT
    answers: dict[int, Answer] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return len(self.answers) == self.image.rows


class BatchRun(Generic[ImageT, Answer]):
    """One run of a stage over a workspace, or over a shard of it: a list of names, with a lock and a report of its own.

    `whole` is prologue, names and epilogue in one process. Where several processes share a workspace one calls
    `prologue`, each `shard`, and at the end one `epilogue`.
    """

    def __init__(self, facts: RunFacts, steps: Steps[ImageT, Answer], seen: SeenFiles) -> None:
        self._facts = facts
        self._steps = steps
        self._seen = seen

    def whole(self) -> RunReport:
        """Works on all that the stage lists, after removing what is stale, and rebuilds the tables.

        Where the facts say `only`, it works on these names alone: nothing stale is removed, and the report of the last
        whole run stays.

        Raises:
            UsageError: there is nothing to do; nothing has been touched.
            WorkspaceError: not writable, disk full, or another run is on it.
        """
        only = self._facts.only
        listing = chosen(self._steps.listing(), only, self._facts.workspace)
        log = self._log(len(listing.names) + len(listing.failures) + len(listing.videos), "")
        log.ignored = listing.ignored
        with held(self._facts), contextlib.nullcontext() if only else log.kept(), log.progress:
            log.say(self._facts.why)
            if listing.ignored:
                log.say(passed_over_line(listing.ignored))
            for name, error in listing.failures.items():
                log.fail(self._facts.workspace.image_file(name), error)
            if not only:
                self._clear(log)
            self._over(listing.names, listing.videos, log)
            self._tables(log)
        return log.report("finished")

    def shard(self, names: Sequence[str], shard: str) -> RunReport:
        """Works on these names alone, beside other shards; neither prologue nor epilogue. Raises WorkspaceError."""
        log = self._log(len(names), shard)
        with held(self._facts, shard), log.kept(), log.progress:
            log.say(self._facts.why)
            videos = tuple(name for name in names if is_video_name(name.removesuffix(".jsonl")))
            self._over([name for name in names if name not in videos], videos, log)
        return log.report("finished")

    def prologue(self) -> None:
        """Removes what killed runs left, and outputs whose input is gone. No shard may run. Raises WorkspaceError."""
        with held(self._facts):
            self._clear(self._log(0, ""))

    def epilogue(self) -> None:
        """Rebuilds the tables. No shard may run. Raises WorkspaceError."""
        with held(self._facts):
            self._tables(self._log(0, ""))

    def _log(self, images: int, shard: str) -> RunLog:
        facts = self._facts
        progress = Progress(facts.stage.name, images, facts.quiet)
        log = RunLog(facts.workspace, facts.stage, facts.options, progress, facts.model, facts.engine, shard=shard)
        log.count("images", images)
        return log

    def _clear(self, log: RunLog) -> None:
        for folder in self._facts.stage.writes:
            sweep_temporaries(self._facts.workspace.path(getattr(self._facts.workspace, folder)))
        for line in self._steps.clear_stale():
            log.say(line)

    def _tables(self, log: RunLog) -> None:
        for file, error in self._steps.write_tables():
            log.complain(file, error)

    def _over(self, names: Sequence[str], videos: Sequence[str], log: RunLog) -> None:
        try:
            flow = _Flow(self._facts, self._steps, log, names)
            flow.run()
            if videos:
                facts, steps = self._facts, self._steps
                workers = worker_count(facts.workers)
                run = FrameRun(facts.workspace, flow.loaded, steps.answers, workers, facts.batches_at_once)
                over_videos(facts.workspace, steps, log, videos, run)
        finally:
            self._seen.save()


class _Flow(Generic[ImageT, Answer]):
    """Names on their way through workers, network, workers and writers."""

    def __init__(self, facts: RunFacts, steps: Steps[ImageT, Answer], log: RunLog, names: Sequence[str]) -> None:
        self._facts = facts
        self._steps = steps
        self._log = log
        self._names = names
        self._network: Loaded | None = None
        self._batch_size = BatchSize(1, 1)

    def run(self) -> None:
        """Works on all the names. Raises WorkspaceError."""
        workers, under_way = worker_count(self._facts.workers), self._facts.batches_at_once
        with threads("disk", WRITERS) as disk, threads("worker", workers) as pool, threads("net", under_way) as network:
            self._drawing, self._writing = Backlog(pool, workers), Backlog(disk, WRITERS)
            examined = map_ahead(pool, self._steps.examine, self._names, AHEAD * workers)
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
            self._network = self._steps.load(self._names)
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
