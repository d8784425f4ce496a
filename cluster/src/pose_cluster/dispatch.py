"""Shards to workers: what is given to whom next, and what follows when a worker is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from pose_cluster.plan import Plan, Shard
from pose_cluster.worker import Done
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

    def next(self) -> Done | StageError | Lost:
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

    A shard whose workers are lost is halved until the name that stops them stands alone.

    Raises:
        StageError: what a worker raises, as that would befall all others; or too many names stop workers; or two
            machines would give different records.
    """
    waiting, outcome = deque(plan.shards), Outcome()
    while waiting or pool.busy:
        while waiting and pool.idle:
            pool.give(waiting.popleft())
        if not waiting:
            pool.dismiss_idle()
        ended = pool.next()
        if isinstance(ended, StageError):
            raise ended
        if isinstance(ended, Done):
            outcome.done.append(ended)
            _require_alike(outcome.done[0], ended)
        elif len(ended.shard.names) > 1:
            outcome.lost += 1
            waiting.extendleft(reversed(plan.halves(ended.shard)))
            continue
        else:
            outcome.lost += 1
            outcome.poisonous[ended.shard.names[0]] = ended.reason
            _require_few(outcome.poisonous)
        tell(ended)
    return outcome


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
