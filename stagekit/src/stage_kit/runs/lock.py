"""One run of a stage at a time on a workspace, or several shards of it beside each other."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pose_contract.errors import StageError, WorkspaceError
from pose_contract.storage import write_error
from pose_contract.workspace import Workspace
from stage_kit.regular_files import open_regular


class BusyError(WorkspaceError):
    """Another run of the stage holds the workspace."""


@contextlib.contextmanager
def locked(workspace: Workspace, stage: str, shard: str = "") -> Iterator[None]:
    """Holds the workspace for one run of `stage`; the operating system lets go of it however the run ends.

    A shard holds its own lock, and shares the stage's with the other shards: a whole run and a shard exclude each
    other.

    Raises:
        BusyError: another run of the stage holds it (it is named).
        WorkspaceError: reports/ cannot be written.
    """
    with contextlib.ExitStack() as held:
        if shard:
            held.enter_context(_held(workspace, stage, workspace.lock_path(stage), fcntl.LOCK_SH))
        held.enter_context(_held(workspace, stage, workspace.lock_path(stage, shard), fcntl.LOCK_EX))
        yield


def _lock_error(path: Path, error: OSError) -> StageError:
    """What is in the way of the lock: its own name, or reports/."""
    if error.errno in (errno.ELOOP, errno.EISDIR, errno.EINVAL, errno.EEXIST, errno.ENOTDIR, errno.ENXIO):
        place = path if path.parent.is_dir() else path.parent
        what = "a link" if place.is_symlink() else "a folder" if place.is_dir() else "no folder or lock"
        remedy = f"move it away: mv '{place}' '{place}.old'"
        return WorkspaceError(f"cannot lock the workspace: {place} is {what}", remedy)
    return write_error(path, error)


@contextlib.contextmanager
def _held(workspace: Workspace, stage: str, path: Path, kind: int) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
    except OSError as error:
        raise _lock_error(path, error) from error
    try:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(handle, 1000).decode(errors="replace").strip() or "an unnamed process"
            raise BusyError(
                f"{stage} is already running on {workspace.root}: {holder}", "wait until it ends, or stop it"
            ) from None
        if os.fstat(handle).st_nlink > 1:
            raise WorkspaceError(f"the lock {path} has a second name elsewhere", f"remove it: rm '{path}'")
        os.truncate(handle, 0)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}, since {started}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
