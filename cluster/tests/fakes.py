"""Pools for tests, named after the failure they play, and what workers answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pose_cluster.dispatch import Lost
from pose_cluster.plan import Shard
from pose_cluster.worker import Cut, Done, Job, StageWorker
from pose_contract.errors import StageError
from pose_contract.records import Counts, Failure, RunReport
from stage_kit.runs.steps import Listing
from stage_kit.stages import StageFacts
from stage_kit.videos.segments import Segment

STAGE = StageFacts(name="double-stage", package="double_stage", order=1, results=1, writes=("annots",), version="1")


def report_of(images: int, **changes: object) -> RunReport:
    fields: dict[str, object] = {
        "stage": "double-stage", "version": "1", "state": "finished", "started": "", "seconds": 1,
        "images_per_second": 0, "engine": "fake", "device": "cpu", "model": "m", "options": {"precision": "fp32"},
        "counts": Counts(images=images, processed=images, people=images),
    }  # fmt: skip
    return RunReport.model_validate(fields | changes)


def done(shard: Shard, node: str = "one", began: float = 0.0, seconds: float = 1.0, **changes: object) -> Done:
    return Done(shard, node, began, seconds, report_of(len(shard.names), **changes))


def failed(file: str) -> Failure:
    return Failure(file=file, reason="is bad", remedy="mend it")


@dataclass
class ReliablePool:
    """Ends the shards in the reverse of the order in which they were given."""

    workers: int = 2
    given: list[Shard] = field(default_factory=list)
    under_way: list[Shard] = field(default_factory=list)
    dismissed: int = 0

    @property
    def idle(self) -> int:
        return self.workers - self.dismissed - len(self.under_way)

    @property
    def busy(self) -> int:
        return len(self.under_way)

    def give(self, shard: Shard) -> None:
        assert self.idle > 0
        self.given.append(shard)
        self.under_way.append(shard)

    def next(self) -> Done | Cut | StageError | Lost:
        return self.answer(self.under_way.pop())

    def answer(self, shard: Shard) -> Done | Cut | StageError | Lost:
        return done(shard)

    def dismiss_idle(self) -> None:
        self.dismissed += self.idle


@dataclass
class PoisonedPool(ReliablePool):
    """Loses every worker that works on one of these names."""

    poison: frozenset[str] = frozenset()

    def answer(self, shard: Shard) -> Done | StageError | Lost:
        return Lost(shard, "killed") if self.poison & set(shard.names) else done(shard)


@dataclass
class FailingPool(ReliablePool):
    """A worker's disk is full."""

    error: StageError = field(default_factory=lambda: StageError("disk full", "free some"))

    def answer(self, shard: Shard) -> Done | StageError | Lost:  # noqa: ARG002
        return self.error


@dataclass
class UnlikePool(ReliablePool):
    """Every shard is done with other options."""

    options: Mapping[str, dict[str, object]] = field(default_factory=dict)

    def answer(self, shard: Shard) -> Done | StageError | Lost:
        return done(shard, options=self.options[shard.name])


@dataclass
class CuttingPool(ReliablePool):
    """Cuts these videos into so many segments; loses who works on these shards, by name of video and segment.

    What was given first ends first.
    """

    segments: Mapping[str, int] = field(default_factory=dict)
    lost: frozenset[tuple[str, str]] = frozenset()
    dismissed_before_cut: bool = False

    def next(self) -> Done | Cut | StageError | Lost:
        return self.answer(self.under_way.pop(0))

    def answer(self, shard: Shard) -> Done | Cut | StageError | Lost:
        count = self.segments.get(shard.names[0], 0) if shard.cut_seconds else 0
        self.dismissed_before_cut |= bool(shard.cut_seconds and self.dismissed)
        if count:
            return Cut(shard, tuple(Segment(f"{index}of{count}", 100 * index, index, 1) for index in range(count)))
        if (shard.names[0], shard.segment.name if shard.segment else "") in self.lost:
            return Lost(shard, "killed")
        return done(shard)


@dataclass
class WorkersHere(ReliablePool):
    """Workers in this process, one after the other; `devices` says on what each segment, or shard (""), ran."""

    job: Job = field(default_factory=lambda: Job("", (), "."))
    devices: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.all = [StageWorker(self.job, str(number)) for number in range(self.workers)]

    def begin(self) -> Listing:
        found = self.all[0].begin()
        assert isinstance(found, Listing), found
        return found

    def answer(self, shard: Shard) -> Done | Cut | StageError | Lost:
        answer = self.all[len(self.given) % len(self.all)].shard(shard, ())
        if isinstance(answer, Done):
            self.devices.append((shard.segment.name if shard.segment else "", answer.report.device))
        return answer

    def end(self, report: RunReport) -> None:
        ended = self.all[0].end(report)
        assert isinstance(ended, RunReport) and not ended.failures, ended
