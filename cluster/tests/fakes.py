"""Pools for tests, named after the failure they play, and what workers answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pose_cluster.dispatch import Lost
from pose_cluster.plan import Shard
from pose_cluster.worker import Done
from pose_contract.errors import StageError
from pose_contract.records import Counts, Failure, RunReport
from stage_kit.stages import StageFacts

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

    def next(self) -> Done | StageError | Lost:
        return self.answer(self.under_way.pop())

    def answer(self, shard: Shard) -> Done | StageError | Lost:
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
