"""Shards to workers: what is given to whom next, and what follows when a worker is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from pose_cluster.plan import Plan, Shard
from pose_cluster.worker import Cut, Done
from pose_contract.errors import StageError, UsageError

MOST_POISONOUS = 20


@dataclass(frozen=True)
class Lost:
    """A shard whose workers died, as often as Ray tries, or raised what they must not."""

    shard: Shard
    reason: str


class Pool(Protocol):
    """The workers of one stage."""

    @property
    def idle(self) -> int:
        """How many wait for a shard."""

    @property
    def busy(self) -> int:
        """How many work on one."""

    def give(self, shard: Shard) -> None:
        """To one of those that wait."""

    def next(self) -> Done | Cut | StageError | Lost:
        """Waits for the first that ends."""

    def dismiss_idle(self) -> None:
        """Lets those go that wait, as others may need their place."""


@dataclass
class Outcome:
    """What came of all shards: those that ended, and per name that stopped its workers the reason."""

    done: list[Done] = field(default_factory=list)
    poisonous: dict[str, str] = field(default_factory=dict)
    lost: int = 0


def work_through(plan: Plan, pool: Pool, tell: Callable[[Done | Lost], None]) -> Outcome:
    """Gives out all shards, as many at a time as there are workers.

    A shard whose workers are lost is halved until the name that stops them stands alone. Where a video is cut, its
    segments are given out before all else, and then the video again, whose run joins them.

    Raises:
        StageError: what a worker raises, as that would befall all others; or too many names stop workers; or two
            machines would give different records.
    """
    way = _Way(plan, deque(plan.shards))
    while way.waiting or pool.busy:
        while way.waiting and pool.idle:
            pool.give(way.waiting.popleft())
        if not way.waiting and not way.uncut:
            pool.dismiss_idle()
        ended = pool.next()
        if isinstance(ended, StageError):
            raise ended
        if way.takes(ended) and not isinstance(ended, Cut):
            tell(ended)
    return way.outcome


@dataclass
class _Way:
    """What waits for a worker, and what waits for others.

    Attributes:
        plan: names pieces.
        waiting: what is given out next.
        outcome: of what has ended.
        uncut: videos of which nobody has said yet whether they are cut: who is idle may get a segment.
        asked: by the name of a cut video's shard, that shard, and how many of its segments have not ended.
    """

    plan: Plan
    waiting: deque[Shard]
    outcome: Outcome = field(default_factory=Outcome)
    uncut: int = 0
    asked: dict[str, tuple[Shard, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.uncut = sum(bool(shard.cut_seconds) for shard in self.waiting)

    def takes(self, ended: Done | Cut | Lost) -> bool:
        """Notes what has ended; returns whether names are done thereby, or lost. Raises UsageError."""
        self.uncut -= bool(ended.shard.cut_seconds)
        if isinstance(ended, Cut):
            self.asked[ended.shard.name] = replace(ended.shard, cut_seconds=0.0), len(ended.segments)
            self.waiting.extendleft(reversed(self.plan.segments(ended.shard, ended.segments)))
            return False
        if isinstance(ended, Done):
            self.outcome.done.append(ended)
            _require_alike(self.outcome.done[0], ended)
        else:
            self.outcome.lost += 1
        if ended.shard.segment is not None:  # a lost one costs time alone: the video's own run asks about its frames
            self._join(ended.shard.of_video)
            return False
        return isinstance(ended, Done) or self._is_poisonous(ended)

    def _join(self, of_video: str) -> None:
        video, left = self.asked.pop(of_video)
        if left > 1:
            self.asked[of_video] = video, left - 1
        else:
            self.waiting.appendleft(video)

    def _is_poisonous(self, lost: Lost) -> bool:
        if len(lost.shard.names) > 1:
            self.waiting.extendleft(reversed(self.plan.halves(lost.shard)))
            return False
        self.outcome.poisonous[lost.shard.names[0]] = lost.reason
        _require_few(self.outcome.poisonous)
        return True


def _require_alike(first: Done, other: Done) -> None:
    one, two = ({**done.report.options, "model": done.report.model} for done in (first, other))
    # An int8 network's is known only once it has been calibrated, which the first worker does for the others.
    names = sorted(key for key in {*one, *two} - {"calibration"} if one.get(key) != two.get(key))
    if names:
        reason = f"{first.node} and {other.node} compute differently: {', '.join(names)}"
        raise UsageError(reason, "say the same --engine and --precision for all")


def _require_few(poisonous: dict[str, str]) -> None:
    if len(poisonous) > MOST_POISONOUS:
        reason = f"{len(poisonous)} pictures stopped their workers, the last by: {[*poisonous.values()][-1]}"
        raise UsageError(reason, "run the stage's own command on one of them; it goes on from here")
