"""What a run has seen before, and what may be skipped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pose_contract.errors import StageError
from pose_contract.records import MadeBy
from pose_contract.storage import write_bytes
from pose_contract.workspace import Workspace
from stage_kit.regular_files import open_regular, read_regular

RACY_SECONDS = 2.0
_SEEN = TypeAdapter(dict[str, tuple[int, int, str]])


class SeenFiles:
    """SHA-256 of files, remembered by size and modification time in reports/.seen.json (a shard: in its
    own); safe to use from threads. A whole run knows what shards have seen, too.

    A file changed within the last two seconds is not remembered: a second change could leave its time the same.
    """

    def __init__(self, workspace: Workspace, shard: str = "") -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self.turn_to(shard)

    def turn_to(self, shard: str) -> None:
        """From now on it is about that shard alone, or with an empty name about a whole run."""
        self._shard = shard
        self._path = self._workspace.seen_path(shard)
        self._read: dict[str, tuple[int, int, str]] | None = None
        self._changed = False

    @property
    def _known(self) -> dict[str, tuple[int, int, str]]:
        """Read when it is first needed: a process that does shards alone never needs what all of them have seen."""
        with self._lock:
            if self._read is None:
                of_shards = () if self._shard else sorted(self._path.parent.glob(self._workspace.seen_path("*").name))
                self._read = {}
                for path in (*of_shards, self._path):
                    with contextlib.suppress(OSError, ValidationError):
                        self._read |= _SEEN.validate_json(read_regular(path))
            return self._read

    def known(self, file: str) -> str | None:
        """The hash of `file` (relative to the workspace) if it is remembered and the file has not changed since."""
        try:
            status = self._workspace.path(file).stat()
        except OSError:
            return None
        size, mtime, sha256 = self._known.get(file, (-1, -1, ""))
        return sha256 if (size, mtime) == (status.st_size, status.st_mtime_ns) else None

    def sha256(self, file: str, data: bytes) -> str:
        """The hash of `file`, whose bytes have just been read; remembered from now on."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._remember(file, len(data), sha256)
        return sha256

    def sha256_of_large(self, file: str) -> str:
        """The hash of `file`, known or read block by block; remembered from now on. Raises OSError."""
        known = self.known(file)
        if known is not None:
            return known
        with os.fdopen(open_regular(self._workspace.path(file)), "rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        self._remember(file, size, sha256)
        return sha256

    def _remember(self, file: str, size: int, sha256: str) -> None:
        with contextlib.suppress(OSError):
            status = self._workspace.path(file).stat()
            if status.st_size == size and time.time() - status.st_mtime > RACY_SECONDS:
                known = self._known
                with self._lock:
                    known[file] = (status.st_size, status.st_mtime_ns, sha256)
                    self._changed = True

    def save(self) -> None:
        """Writes what is known, without files that are gone. It is a cache: a failure to write it is no error."""
        if self._changed:
            with contextlib.suppress(StageError):
                kept = {file: row for file, row in self._known.items() if self._workspace.path(file).exists()}
                write_bytes(self._path, json.dumps(dict(sorted(kept.items()))).encode())


def is_current(made_by: MadeBy, wanted: MadeBy, files: Iterable[Path]) -> bool:
    """The skip rule: made from the same things in the same way, and every file it names is there."""
    return made_by == wanted and all(path.is_file() for path in files)
