"""Ray: where workers live. No other module imports it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pose_cluster.dispatch import Lost
from pose_cluster.plan import Shard
from pose_cluster.worker import Done, Job, StageWorker
from pose_contract.errors import StageError, UsageError
from pose_contract.records import RunReport
from stage_kit.command.progress import tell
from stage_kit.runs.steps import Listing

RETRIES = 2  # of a shard whose worker or node was lost, before it is halved
LOOK_EVERY_SECONDS = 30.0
STORE_BYTES = 200 << 20  # of a local Ray: names and reports are all that passes through it
STARTS = 2
ANSWER_SECONDS = 10.0
HOW_TO_START = "start it: ray start --head, or leave --address out to start it for this run"
LOST_CLUSTER = "run it again when the cluster is there: what is done is kept"


@dataclass(frozen=True)
class Place:
    """What a worker takes of its node, and how it is started; `workers` 0 is as many as there is room for now.

    `cpus` 0 is a whole node, or a GPU's part of one. `python` is the interpreter of a worker's environment.
    """

    workers: int = 0
    cpus: int = 0
    gpus: float = 0.0
    python: str | None = None


@contextlib.contextmanager
def connected(address: str, verbose: bool) -> Iterator[str]:
    """Ray, started here (`local`) or found; the value is its dashboard's address, or empty. Raises UsageError."""
    _require_answer(address)
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
    try:
        import ray
    except ImportError:
        raise UsageError("Ray is not installed", "make setup CLUSTER=1") from None
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        dashboard = _init(address, verbose)
    finally:
        for number, handler in handlers.items():  # Ray takes SIGTERM for itself
            signal.signal(number, handler)
    try:
        yield dashboard
    except ray.exceptions.RayError as error:
        raise UsageError(f"the cluster was lost: {_first_line(error)}", LOST_CLUSTER) from None
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Refuses an address where nothing listens: Ray itself would try for minutes. Raises UsageError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS):
            return
    except (OSError, ValueError, OverflowError) as error:
        raise UsageError(f"no Ray at {address}: {error}", HOW_TO_START) from None


def _init(address: str, verbose: bool) -> str:
    """Starts or finds Ray; its dashboard's address. Raises UsageError.

    On a busy machine its own agents may take longer to start than it waits for them; the second time they are cached.
    """
    import ray

    local: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
    for tries_left in reversed(range(STARTS if address == "local" else 1)):
        try:
            context: Any = ray.init(
                address=address,
                log_to_driver=verbose,
                logging_level=logging.ERROR,
                **(local if address == "local" else {}),
            )
            return getattr(context, "dashboard_url", None) or ""
        except Exception as error:  # Ray raises bare ones, too
            ray.shutdown()
            if tries_left:
                continue
            if address == "local":
                raise UsageError(
                    f"Ray does not start: {_first_line(error)}", "its logs: /tmp/ray/session_latest"
                ) from None
            raise UsageError(f"no Ray at {address}: {_first_line(error)}", HOW_TO_START) from None
    raise AssertionError("the last try has returned or raised")


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
        self._idle: list[Any] = [self._actor()]
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

    def open(self, shards: int, among: Sequence[str]) -> int:
        """Starts the other workers, no more than there are shards; returns how many there are now."""
        self._among = among
        self._idle += [self._actor() for _ in range(1, min(shards, self._place.workers))]
        return self.idle

    def give(self, shard: Shard) -> None:
        """See `dispatch.Pool`."""
        actor = self._idle.pop(0)
        self._busy[actor.shard.remote(shard, self._among)] = actor, shard

    def next(self) -> Done | StageError | Lost:
        """See `dispatch.Pool`."""
        import ray

        while not (ended := ray.wait(list(self._busy), timeout=LOOK_EVERY_SECONDS)[0]):
            self._tell_if_there_is_no_room()
        actor, shard = self._busy.pop(ended[0])
        try:
            answer: Done | StageError = ray.get(ended[0])
        except ray.exceptions.RayError as error:
            ray.kill(actor)  # whatever is left of it
            self._idle.append(self._actor())
            return Lost(shard, _first_line(error))
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
            ray.kill(actor)

    def _actor(self) -> Any:
        import ray

        variables = {name: value for name, value in os.environ.items() if name.startswith("POSE_")}
        environment: dict[str, Any] = {"env_vars": variables} if variables else {}
        if self._place.python:
            environment["py_executable"] = self._place.python
        made: Any = ray.remote(
            max_restarts=-1,
            max_task_retries=RETRIES,
            num_cpus=self._cpus,
            num_gpus=self._place.gpus,
            scheduling_strategy="SPREAD",
            runtime_env=environment,
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


def _first_line(error: Exception) -> str:
    """Ray's errors end in pages of advice; what was raised stands in a cause."""
    cause = getattr(error, "cause", None)
    told = repr(cause) if isinstance(cause, Exception) else str(error)
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
