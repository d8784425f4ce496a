"""Object stores for tests, and a stage's whole run over one, as the driver and its workers do it, without Ray."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fsspec

from pose_cluster.dispatch import Outcome
from pose_cluster.merged_report import merged
from pose_cluster.plan import Plan
from pose_cluster.storage.object_store import ObjectStore, Patience
from pose_cluster.storage.scratch import Scratch
from pose_cluster.storage.stored_run import StoredRun, open_stored_run
from pose_cluster.worker import Done
from pose_contract.records import RunReport
from pose_contract.workspace import Workspace
from stage_kit.stages import StageFacts, stage_facts

QUICK = Patience(tries=8, most_seconds=0.02)


class CountingSystem:
    """A file system that tells what was asked of it, and may die at the n-th change."""

    def __init__(self, system: Any, dies_at: int = -1) -> None:
        self.system = system
        self.asked: list[tuple[str, str]] = []
        self.left = dies_at

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self.system, name)
        if name not in ("get_file", "cat_file", "put_file", "rm_file", "find", "info", "ls"):
            return inner

        def asked(*arguments: Any, **more: Any) -> Any:
            changed = name in ("put_file", "rm_file")
            if changed and self.left == 0:
                raise SystemExit("killed")
            self.left -= changed
            self.asked.append((name, str(arguments[1] if name == "put_file" else arguments[0])))
            return inner(*arguments, **more)

        return asked

    def of(self, *names: str) -> list[str]:
        """The ends of the paths for which these were asked."""
        return [path.partition("/images/")[2] or path.rpartition("/")[2] for name, path in self.asked if name in names]


def in_memory() -> ObjectStore:
    root = f"/{uuid.uuid4().hex}/poses"
    return ObjectStore(f"memory:/{root}", root, CountingSystem(fsspec.filesystem("memory")), QUICK)


def uploaded(folder: Path, store: ObjectStore) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.put(path, path.relative_to(folder).as_posix())


def downloaded(store: ObjectStore) -> dict[str, bytes]:
    """All but reports/, as `stage_kit.testing.workspace_bytes` has it of a folder."""
    found = store.system.find(store.root)
    files = {path.strip("/").removeprefix(store.root.strip("/")).lstrip("/"): path for path in found}
    return {file: store.system.cat_file(path) for file, path in files.items() if not file.startswith("reports/")}


def opened(store: ObjectStore, scratch: Path, words: Sequence[str] = (), stage: str = "double_stage") -> StoredRun:
    return open_stored_run(stage_facts(stage), ("--quiet", *words), store, Scratch(str(scratch)))


def whole(stage: StageFacts, run: StoredRun, shard_size: int = 5, backwards: bool = False) -> RunReport:
    """Prologue, all shards, epilogue."""
    run.listing()
    run.prologue()
    listing = run.listing()
    shards = Plan(listing, shard_size).shards
    done = [
        Done(shard, "here", 0.0, 1.0, run.shard(shard.names, shard.name, listing.names))
        for shard in (reversed(shards) if backwards else shards)
    ]
    report = merged(stage, Workspace(Path(os.devnull)), listing, Outcome(done), ("", 1.0))
    return run.epilogue(report)
