"""The one scheduler: a network is asked about images in batches, while others are read and drawn.

Workers examine images ahead and draw behind while the network runs; other threads wait for the disk. What is asked
stands in `steps`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from pose_contract.names import is_video_name
from pose_contract.records import RunReport
from pose_contract.storage import write_record
from pose_contract.workspace import Workspace
from stage_kit.command.progress import Progress
from stage_kit.runs.batch_flow import Flow
from stage_kit.runs.containment import held
from stage_kit.runs.frame_run import FrameRun
from stage_kit.runs.journal import RunLog
from stage_kit.runs.only import chosen
from stage_kit.runs.passed_over import passed_over_line
from stage_kit.runs.removal import sweep_temporaries
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.segment_run import answer_segment, segments_of
from stage_kit.runs.shards import Shard, remove_traces
from stage_kit.runs.steps import Answer, ImageT, Listing, Loaded, Settled, Steps
from stage_kit.runs.table_parts import TableParts
from stage_kit.runs.video_log import over_videos
from stage_kit.runs.workers import AHEAD, map_ahead, threads, worker_count
from stage_kit.stages import StageFacts
from stage_kit.videos.answers import remove_answers
from stage_kit.videos.segments import Segment


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
        shard: the part of the names that the run is about; None is all.
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
    shard: Shard | None = None
    only: tuple[str, ...] = ()


class BatchRun(Generic[ImageT, Answer]):
    """One run of a stage over a workspace, or over shards of it: lists of names, with a lock and a report each.

    `whole` is prologue, names and epilogue in one process. Where several processes share a workspace one calls
    `prologue`, each `shard` as often as it likes, and at the end one `epilogue`. The network is loaded once.
    """

    def __init__(
        self, facts: RunFacts, steps: Steps[ImageT, Answer], seen: SeenFiles, parts: TableParts | None = None
    ) -> None:
        self._facts = facts
        self._parts = parts
        self._steps = steps
        self._seen = seen
        self._network: Loaded | None = None
        self._looked_over = False

    def listing(self) -> Listing:
        """What there is to do. Raises UsageError where there is nothing."""
        return self._steps.listing()

    def whole(self) -> RunReport:
        """Works on all that the stage lists, after removing what is stale, and rebuilds the tables.

        Where the facts name a `shard`, it works on that alone, without the one and the other.
        Where the facts say `only`, it works on these names alone: nothing stale is removed, and the report of the last
        whole run stays.

        Raises:
            UsageError: there is nothing to do; nothing has been touched.
            WorkspaceError: not writable, disk full, or another run is on it.
        """
        listing = self.listing()
        if self._facts.shard:
            return self._shard(self._facts.shard.part_of(listing), self._facts.shard.name, listing.names)
        only = self._facts.only
        listing = chosen(listing, only, self._facts.workspace)
        log = self._log(listing, "")
        log.ignored = listing.ignored
        with held(self._facts), contextlib.nullcontext() if only else log.kept(), log.progress:
            log.say(self._facts.why)
            if listing.ignored:
                log.say(passed_over_line(listing.ignored))
            if not only:
                self._clear(log)
            self._over(listing, log, listing.names)
            if not only:
                remove_answers(self._facts.workspace, self._facts.stage.name)
            self._tables(log)
        return log.report("finished")

    def shard(self, names: Sequence[str], shard: str, among: Sequence[str] = ()) -> RunReport:
        """Works on these names alone, beside other shards; neither prologue nor epilogue.

        `among`: all names of the run, for int8 to be calibrated alike in all shards. Raises WorkspaceError.
        """
        videos = tuple(name for name in names if is_video_name(name.removesuffix(".jsonl")))
        pictures = tuple(name for name in names if name not in videos)
        report = self._shard(Listing(pictures, videos=videos), shard, among or pictures)
        if self._parts:
            self._parts.write(names, shard)
        return report

    def unsettled(self, names: Sequence[str], shard: str) -> tuple[str, ...]:
        """Those of these names that `shard` would work on, or that would fail: see `StageRun`."""
        self._steps.forget_listings()
        self._seen.turn_to(shard)

        def is_open(name: str) -> bool:
            of_video = is_video_name(name.removesuffix(".jsonl"))
            found = self._steps.examine_video(name) if of_video else self._steps.examine(name)
            return not isinstance(found, Settled) or found.error is not None

        workers = worker_count(self._facts.workers)
        with threads("worker", workers) as pool:
            answers = map_ahead(pool, is_open, names, AHEAD * workers)
            return tuple(name for name, is_left in zip(names, answers, strict=True) if is_left)

    def cut(self, name: str, shard: str, seconds: float) -> tuple[Segment, ...]:
        """The segments of a long video: see `StageRun`. Raises WorkspaceError."""
        self._seen.turn_to(shard)
        with self._held(shard):
            found = segments_of(self._facts.workspace, self._steps, name, seconds)
            self._seen.save()
        return found

    def segment(self, name: str, segment: Segment, shards: tuple[str, str], among: Sequence[str] = ()) -> RunReport:
        """Asks the network about a segment: see `StageRun`. Raises WorkspaceError."""
        shard, of_video = shards
        self._seen.turn_to(of_video)
        log = self._log(Listing(()), shard)
        with self._held(shard), log.progress:
            run = self._frame_run(Flow(self._facts, self._steps, log, lambda: self._load(among)))
            answer_segment(self._facts.workspace, self._steps, run, name, segment)
        return log.report("finished")

    def prologue(self) -> None:
        """Removes what killed runs left, and outputs whose input is gone. No shard may run. Raises WorkspaceError."""
        with held(self._facts):
            self._clear(self._log(Listing(()), ""))
            if self._parts:
                self._parts.clear()

    def epilogue(self, of_shards: RunReport | None = None) -> RunReport:
        """Removes what killed shards left, and rebuilds the tables; the report tells which could not be.

        No shard may run. `of_shards` tells of all shards. With it the run's report is written, and the shards' own are
        removed. Raises WorkspaceError.
        """
        log, workspace, stage = self._log(Listing(()), ""), self._facts.workspace, self._facts.stage.name
        with held(self._facts):
            self._sweep()
            remove_answers(workspace, stage)
            self._tables(log)
            report = log.report("finished")
            if of_shards is not None:
                failures = sorted((*of_shards.failures, *report.failures), key=lambda failure: failure.file)
                report = of_shards.model_copy(update={"failures": tuple(failures)})
                write_record(workspace.report_path(stage), report)
                remove_traces(workspace, stage)
        return report

    def _shard(self, listing: Listing, shard: str, among: Sequence[str]) -> RunReport:
        self._seen.turn_to(shard)
        log = self._log(listing, shard)
        with self._held(shard), log.kept(), log.progress:
            log.say(self._facts.why)
            self._over(listing, log, among)
        return log.report("finished")

    @contextlib.contextmanager
    def _held(self, shard: str) -> Iterator[None]:
        with held(self._facts, shard, self._looked_over):
            self._looked_over = True
            yield

    def _log(self, listing: Listing, shard: str) -> RunLog:
        facts = self._facts
        images = len(listing.names) + len(listing.failures) + len(listing.videos)
        progress = Progress(f"{facts.stage.name} {shard}".rstrip(), images, facts.quiet)
        log = RunLog(facts.workspace, facts.stage, facts.options, progress, facts.model, facts.engine, shard=shard)
        log.count("images", images)
        return log

    def _clear(self, log: RunLog) -> None:
        remove_traces(self._facts.workspace, self._facts.stage.name)
        self._sweep()
        for line in self._steps.clear_stale():
            log.say(line)

    def _sweep(self) -> None:
        for folder in self._facts.stage.writes:
            sweep_temporaries(self._facts.workspace.path(getattr(self._facts.workspace, folder)))

    def _tables(self, log: RunLog) -> None:
        for file, error in self._steps.write_tables():
            log.complain(file, error)

    def _over(self, listing: Listing, log: RunLog, among: Sequence[str]) -> None:
        for name, error in listing.failures.items():
            log.fail(self._facts.workspace.image_file(name), error)
        try:
            flow = Flow(self._facts, self._steps, log, lambda: self._load(among))
            flow.run(listing.names)
            if listing.videos:
                over_videos(self._facts.workspace, self._steps, log, listing.videos, self._frame_run(flow))
        finally:
            self._seen.save()

    def _frame_run(self, flow: Flow[ImageT, Answer]) -> FrameRun[Answer]:
        facts, workers = self._facts, worker_count(self._facts.workers)
        return FrameRun(facts.workspace, flow.loaded, self._steps.answers, workers, facts.batches_at_once)

    def _load(self, among: Sequence[str]) -> Loaded:
        if self._network is None:
            self._network = self._steps.load(among)
        return self._network
