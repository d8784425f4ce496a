"""Hashes of photos that are known by the store's keys, an object a block of names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pose_cluster.storage.object_store import ObjectStore
from pose_cluster.storage.scratch import Scratch
from pose_contract.names import is_video_name
from pose_contract.storage import write_bytes
from pose_contract.workspace import Workspace

Rows = dict[str, tuple[int, int, str]]
"""Size, time and SHA-256 by file, as `stage_kit.runs.seen` writes them."""
_ROWS = TypeAdapter(Rows)


@dataclass(frozen=True)
class SeenObjects:
    """What one shard finds and leaves. A photo more moves others to the next block, so neighbours are read, too."""

    store: ObjectStore
    scratch: Scratch
    shard: str
    names: Sequence[str]

    def bring(self) -> None:
        """Into the file that the stage's run reads. Raises StageError."""
        rows: Rows = {}
        for block in reversed(blocks(self.shard, self.names)):
            rows |= self._read(block)
        if rows:
            with self.scratch.telling():
                write_bytes(self._local, _text(rows))

    def put(self) -> None:
        """What the stage's run has left; what another block may still ask for stays. Raises StageError."""
        with self.scratch.telling():
            if not self._local.is_file():
                return
            known = _parsed(self._local.read_bytes())
        now = {file: row for file, row in known.items() if (self.scratch.root / file).exists()}
        block = blocks(self.shard, self.names)[0]
        before = self._read(block)
        foreign = [file for file in before if file not in now][: len(self.names)]
        rows = {file: before[file] for file in foreign} | now
        if rows != before:
            with self.scratch.telling():
                write_bytes(self._local, _text(rows))
            self.store.put(self._local, _object(block))

    @property
    def _local(self) -> Path:
        return Workspace(self.scratch.root).seen_path(self.shard)

    def _read(self, block: str) -> Rows:
        return _parsed(self.store.read(_object(block)) or b"{}")


def blocks(shard: str, names: Sequence[str]) -> tuple[str, ...]:
    """The block of a shard, and those beside it; `shard` is such as `2of8`, a piece of one has a higher number.

    Example: blocks("2of8", ["a.jpg", "b.jpg"]) -> ("block-2", "block-1", "block-3")
    """
    number, _, count = shard.partition("of")
    at = int(number)
    if len(names) == 1 and is_video_name(names[0].removesuffix(".jsonl")):
        return (f"video-{_digest(names[0])}",)
    if at > int(count):
        return (f"piece-{_digest(names[0])}",)
    return tuple(f"block-{one}" for one in (at, at - 1, at + 1) if one)


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _object(block: str) -> str:
    return Workspace(Path()).seen_path(block).as_posix()


def _parsed(data: bytes) -> Rows:
    """It is a cache: of a damaged one nothing is known."""
    try:
        return _ROWS.validate_json(data)
    except ValidationError:
        return {}


def _text(rows: Rows) -> bytes:
    return json.dumps(dict(sorted(rows.items()))).encode()
