"""What a worker process does: it opens a stage's run once, and works on one shard after the other."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pose_cluster.plan import Shard
from pose_contract.errors import StageError, UsageError
from pose_contract.records import RunReport
from stage_kit.command.exits import prepare_process
from stage_kit.runs.lock import BusyError
from stage_kit.runs.stage_run import StageRun, open_run
from stage_kit.runs.steps import Listing
from stage_kit.stages import StageFacts, installed_stages
from stage_kit.videos.segments import Segment

LOCK_SECONDS = 120.0  # a machine that was lost holds its locks for so long at most, on NFS for its lease of 90
TRY_EVERY_SECONDS = 0.5
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Job:
    """What all workers of one stage are told.

    Attributes:
        stage: its name.
        words: its command's; without `--workspace` where that is in a store.
        folder: where they were said.
        store: URI of the object store in which the workspace lies; empty where it is a folder.
        scratch: the folder for what a worker has of it; empty is where temporary files go.
    """

    stage: str
    words: tuple[str, ...]
    folder: str
    store: str = ""
    scratch: str = ""


@dataclass(frozen=True)
class Done:
    """A shard that has ended: where, when (`time.time()`), and how."""

    shard: Shard
    node: str
    began: float
    seconds: float
    report: RunReport


@dataclass(frozen=True)
class Cut:
    """A video that is long: nothing is done yet, but these segments can be asked about."""

    shard: Shard
    segments: tuple[Segment, ...]


class StageWorker:
    """One process of the cluster. What a user can cause comes back as a value: an exception means a lost worker."""

    def __init__(self, job: Job, node: str = "") -> None:
        self._job = job
        self._node = f"{socket.gethostname()} {node[:8]}".rstrip()
        self._run: StageRun | None = None
        prepare_process()
        with contextlib.suppress(OSError):  # relative paths in flags are the caller's; this machine may lack his folder
            os.chdir(job.folder)

    def begin(self) -> Listing | StageError:
        """Prologue, and what there is to do: the prologue may have removed some of it."""

        def story(run: StageRun) -> Listing:
            run.listing()  # where there is nothing to do, nothing is touched
            when_free(run.prologue)
            return run.listing()

        return self._told(story)

    def shard(self, shard: Shard, among: Sequence[str]) -> Done | Cut | StageError:
        """Works on one shard. A long video is not worked on, but cut, if its shard asks for it."""
        began = time.time()

        def story(run: StageRun) -> Done | Cut:
            if shard.cut_seconds:
                found = when_free(lambda: run.cut(shard.names[0], shard.name, shard.cut_seconds))
                if found:
                    return Cut(shard, found)
            report = when_free(lambda: _report(run, shard, among))
            return Done(shard, self._node, began, time.time() - began, report)

        return self._told(story)

    def end(self, of_shards: RunReport) -> RunReport | StageError:
        """Epilogue; keeps the report."""
        return self._told(lambda run: when_free(lambda: run.epilogue(of_shards)))

    def _told(self, story: Callable[[StageRun], Answer]) -> Answer | StageError:
        try:
            if self._run is None:
                self._run = opened(self._job)
            return story(self._run)
        except StageError as error:
            return error


def _report(run: StageRun, shard: Shard, among: Sequence[str]) -> RunReport:
    if shard.segment is None:
        return run.shard(shard.names, shard.name, among)
    return run.segment(shard.names[0], shard.segment, (shard.name, shard.of_video), among)


def opened(job: Job) -> StageRun:
    """The stage's run. Raises StageError."""
    stage = stage_named(job.stage)
    if not job.store:
        return open_run(stage, job.words)
    from pose_cluster.storage.object_store import open_store
    from pose_cluster.storage.scratch import Scratch
    from pose_cluster.storage.stored_run import open_stored_run

    scratch = Scratch(job.scratch)
    try:
        return open_stored_run(stage, job.words, open_store(job.store), scratch)
    except StageError:
        scratch.close()
        raise


def stage_named(name: str) -> StageFacts:
    """The installed stage of that name. Raises UsageError."""
    for stage in installed_stages():
        if stage.name == name:
            return stage
    raise UsageError(f"{name} is not installed on {socket.gethostname()}", "make setup there")


def when_free(story: Callable[[], Answer], patience_seconds: float = LOCK_SECONDS) -> Answer:
    """Does what needs a lock, which somebody who was lost may hold for a while. Raises what `story` raises."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return story()
        except BusyError:
            if time.monotonic() > deadline:
                raise
        time.sleep(TRY_EVERY_SECONDS)
