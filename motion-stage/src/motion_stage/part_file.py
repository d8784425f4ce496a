"""A file that grows line by line beside others, and is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import TextIO

from pose_contract.names import TEMPORARY_PREFIX
from pose_contract.storage import write_error


class PartFile:
    """Written under a temporary name; `keep` gives it its own. As a context manager it leaves nothing behind.

    Every method raises WorkspaceError where the folder cannot be written, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
        self._file: TextIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._temporary.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise write_error(path, error) from error

    def write_line(self, line: str) -> None:
        """Adds a line."""
        assert self._file is not None
        try:
            self._file.write(line + "\n")
        except OSError as error:
            raise write_error(self._path, error) from error

    def keep(self) -> None:
        """The file is whole."""
        assert self._file is not None
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self._path)
        except OSError as error:
            raise write_error(self._path, error) from error

    def __enter__(self) -> PartFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # what it still held finds no room: the first error is the one to tell
                self._file.close()
        self._temporary.unlink(missing_ok=True)
