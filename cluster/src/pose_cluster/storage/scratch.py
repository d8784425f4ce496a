"""A folder on the node in which one worker has the part of the workspace that it works on."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pose_cluster.storage.failures import FULL, scratch_failed
from pose_cluster.storage.transfers import Part, Stored, Times
from pose_contract.errors import WorkspaceError

PREFIX = "pose-cluster-"
LOCK = ".lock"
STAYS = "reports"  # the locks and the report of a run that goes on


class Scratch:
    """A temporary workspace. It goes with the process; of one that was killed, the next one on the node removes it."""

    def __init__(self, above: str = "") -> None:
        """Makes it in a folder, or where temporary files go. Raises WorkspaceError."""
        self.above = above or tempfile.gettempdir()
        with self.telling():
            Path(self.above).mkdir(parents=True, exist_ok=True)
            _sweep(Path(self.above))
            self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=self.above, ignore_cleanup_errors=True)
            self.root = Path(self._folder.name, "workspace")
            (self.root / STAYS).mkdir(parents=True)
            self._lock = _locked(Path(self._folder.name))

    def close(self) -> None:
        """Removes it."""
        self._folder.cleanup()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """OSErrors become WorkspaceErrors that name the scratch folder."""
        try:
            yield
        except OSError as error:
            raise scratch_failed(self.above, error) from error

    def meant_by(self, error: WorkspaceError) -> WorkspaceError:
        """What a stage's run says of its workspace, for a user who knows of no such folder."""
        if any(os.strerror(number) in error.reason for number in FULL):
            return scratch_failed(self.above, OSError(errno.ENOSPC, ""))
        return error

    def clear(self) -> None:
        """Removes all of the workspace but settings and locks."""
        with self.telling():
            for path in self.root.iterdir():
                if path.is_dir() and path.name != STAYS:
                    shutil.rmtree(path)
            for path in (self.root / STAYS).glob(".seen*.json"):
                path.unlink()

    def place(self, file: str) -> Path:
        """Where a file goes; its folder is there."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def finish(self, file: str, stored: Stored, part: Part, head: bytes = b"") -> Times:
        """Gives a file its time, after making its hole, if it is not whole; the size and time that the disk keeps."""
        path = self.place(file)
        if part is not Part.WHOLE:
            with path.open("wb") as opened:
                opened.write(head[: stored.size])
                opened.truncate(stored.size)
        os.utime(path, ns=(stored.mtime_ns, stored.mtime_ns))
        status = path.lstat()
        return status.st_size, status.st_mtime_ns

    def files(self) -> dict[str, Times]:
        """All that lies in its folders, without what stays."""
        found: dict[str, Times] = {}
        for parent, folders, files in os.walk(self.root):
            above = Path(parent).relative_to(self.root).as_posix()
            if above == ".":
                folders[:] = [folder for folder in folders if folder != STAYS]
                continue
            for file in files:
                status = Path(parent, file).lstat()
                found[f"{above}/{file}"] = (status.st_size, status.st_mtime_ns)
        return found


def _locked(folder: Path) -> int | None:
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _sweep(above: Path) -> None:
    """Removes the folders of processes that are gone."""
    for folder in above.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if (folder / LOCK).exists() and (handle := _locked(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)
