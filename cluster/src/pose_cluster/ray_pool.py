"""The workers as Ray's actors. Beside `ray_connection` the only module that imports Ray."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pose_cluster.dispatch import Lost
from pose_cluster.environment import Environment
from pose_cluster.plan import Shard
from pose_cluster.ray_connection import first_line
from pose_cluster.worker import Cut, Done, Job, StageWorker
from pose_contract.errors import StageError
from pose_contract.records import RunReport
from stage_kit.command.progress import tell
from stage_kit.runs.steps import Listing

RETRIES = 2  # of a shard whose worker or node was lost, before it is halved
LOOK_EVERY_SECONDS = 30.0


@dataclass(frozen=True)
class Place:
    """What a worker takes of its node, and how it is started; `workers` 0 is as many as there is room for now.

    `cpus` 0 is a whole node, or a GPU's part of one.
    """

    workers: int = 0
    cpus: int = 0
    gpus: float = 0.0
    environment: Environment = field(default_factory=Environment)


class RayWorker(StageWorker):
    """A worker that knows on which of Ray's nodes it is: several may be on one machine."""

    def __init__(self, job: Job) -> None:
        import ray

        super().__init__(job, ray.get_runtime_context().get_node_id())


class RayPool:
    """The workers of one stage as Ray's actors, which it restarts elsewhere when their process or node is lost."""

    def __init__(self, job: Job, place: Place) -> None:
        workers, self._cpus = room(_nodes(), place)
        self._place = replace(place, workers=workers)
        self._job = job
        self._among: Sequence[str] = ()
        self._busy: dict[Any, tuple[Any, Shard]] = {}
        self._idle: list[Any] = [self._actor() for _ in range(workers)]
        self._told = False

    @property
    def idle(self) -> int:
        """See `dispatch.Pool`."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """See `dispatch.Pool`."""
        return len(self._busy)

    def begin(self) -> Listing:
        """The stage's prologue on one worker; what there is to do. Raises StageError."""
        listing: Listing = _value(self._idle[0].begin.remote())
        return listing

    def open(self, shards: int | None, among: Sequence[str]) -> int:
        """The first shard may be given; workers beyond their number are let go. Returns how many there are now.

        `shards` None is not known yet. All have been started at once, so that the others are there when the first has
        done the prologue.
        """
        import ray

        self._among = among
        most = len(self._idle) if shards is None else max(shards, 1)
        for actor in self._idle[most:]:
            ray.kill(actor)
        del self._idle[most:]
        return self.idle

    def give(self, shard: Shard) -> None:
        """See `dispatch.Pool`."""
        actor = self._idle.pop(0)
        self._busy[actor.shard.remote(shard, self._among)] = actor, shard

    def next(self) -> Done | Cut | StageError | Lost:
        """See `dispatch.Pool`."""
        import ray

        while not (ended := ray.wait(list(self._busy), timeout=LOOK_EVERY_SECONDS)[0]):
            self._tell_if_there_is_no_room()
        actor, shard = self._busy.pop(ended[0])
        try:
            answer: Done | Cut | StageError = ray.get(ended[0])
        except ray.exceptions.RayError as error:
            ray.kill(actor)  # whatever is left of it
            self._idle.append(self._actor())
            return Lost(shard, first_line(error))
        self._idle.append(actor)
        return answer

    def dismiss_idle(self) -> None:
        """See `dispatch.Pool`. With nobody at work one stays, for the epilogue."""
        import ray

        kept = [] if self._busy else self._idle[:1]
        for actor in self._idle[len(kept) :]:
            ray.kill(actor)
        self._idle = kept

    def end(self, of_shards: RunReport) -> RunReport:
        """The stage's epilogue on one worker. Raises StageError."""
        report: RunReport = _value(self._idle[0].end.remote(of_shards))
        return report

    def close(self) -> None:
        """Ends all workers, whatever they do: what they have written counts, the rest is done by the next run."""
        import ray

        for actor in (*self._idle, *(actor for actor, _ in self._busy.values())):
            with contextlib.suppress(ray.exceptions.RayError, RuntimeError):  # it may be lost, or all of Ray
                ray.kill(actor)

    def _actor(self) -> Any:
        import ray

        made: Any = ray.remote(
            max_restarts=-1,
            max_task_retries=RETRIES,
            num_cpus=self._cpus,
            num_gpus=self._place.gpus,
            scheduling_strategy="SPREAD",
            runtime_env=self._place.environment.runtime_env(self._job.stage, self._place.gpus),
        )
        return made(RayWorker).remote(self._job)

    def _tell_if_there_is_no_room(self) -> None:
        if not self._told and not any(has_room(node, self._cpus, self._place.gpus) for node in _nodes()):
            gpus = f" and {self._place.gpus:g} GPUs" if self._place.gpus else ""
            tell(f"no node with {self._cpus} free cores{gpus} is there any more: waiting for one")
            self._told = True


def room(nodes: Sequence[tuple[float, float]], place: Place) -> tuple[int, int]:
    """How many workers there are, and how many cores each takes.

    Args:
        nodes: cores and GPUs of each.
        place: what was asked for.
    """
    fit = [node for node in nodes if has_room(node, max(place.cpus, 1), place.gpus)]
    shares = [int(gpus // place.gpus) if place.gpus else 1 for _, gpus in fit]
    least = min((int(cpus // share) for (cpus, _), share in zip(fit, shares, strict=True)), default=1)
    cores = place.cpus or max(least, 1)
    most = [
        min(int(cpus // cores), share) if place.gpus else int(cpus // cores)
        for (cpus, _), share in zip(fit, shares, strict=True)
    ]
    return place.workers or max(sum(most), 1), cores


def has_room(node: tuple[float, float], cpus: int, gpus: float) -> bool:
    """Whether a worker of so many cores and GPUs fits on a node at all."""
    return node[0] >= cpus and node[1] >= gpus


def _nodes() -> list[tuple[float, float]]:
    import ray

    listed: list[Any] = ray.nodes()  # type: ignore[no-untyped-call]
    alive = [node["Resources"] for node in listed if node["Alive"]]
    return [(found.get("CPU", 0.0), found.get("GPU", 0.0)) for found in alive]


def _value(reference: Any) -> Any:
    """What a worker answers. Raises the StageError that it answers, and RayError."""
    import ray

    answer = ray.get(reference)
    if isinstance(answer, StageError):
        raise answer
    return answer
