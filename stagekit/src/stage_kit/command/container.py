"""`python -m stage_kit.command.container STAGE [FLAG …]`: how a stage starts in its container.

The workspace is a mount, and mounts go wrong in few, well-known ways. Each is told before the run, with the command
that mends it on the host. A container that was started as root becomes the workspace's owner first, so that files on
the host belong to whom the workspace belongs.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from pose_contract.errors import StageError, UsageError, WorkspaceError
from pose_contract.workspace import default_root
from stage_kit.command.progress import tell

CACHES = Path("/tmp/cache")
ANSWERS_AT_ONCE = {"-h", "--help", "--version"}


def main(argv: Sequence[str]) -> NoReturn:
    """Becomes the stage's command, or exits with its code where the workspace cannot be worked on."""
    stage, *flags = argv
    try:
        if not ANSWERS_AT_ONCE & set(flags):
            workspace = mounted_workspace(flags)
            become_owner(workspace)
            require_writable(workspace)
        os.environ |= own_caches(os.environ, os.geteuid())
    except StageError as error:
        tell(f"{stage}: {error}")
        sys.exit(error.exit_code)
    os.execvp(sys.executable, [sys.executable, "-m", f"{stage.replace('-', '_')}.cli", *flags])


def mounted_workspace(flags: Sequence[str]) -> Path:
    """The workspace that the flags name, else ./custom.

    Raises:
        UsageError: it is not there, or it is the empty folder that Docker makes where the host has none.
    """
    workspace = _named(flags)
    mount = workspace.absolute()
    if not workspace.is_dir():
        remedy = f'mount it: docker run -v "$(pwd)/pose-estimation:{mount}" …   (make workspace creates one)'
        raise UsageError(f"no workspace is mounted at {mount}", remedy)
    if not any(workspace.iterdir()):
        remedy = "check the path after -v; a new workspace, on the host: make workspace WORKSPACE=DIR"
        raise UsageError(f"the workspace mounted at {mount} is empty: Docker makes a folder where none was", remedy)
    return workspace


def _named(flags: Sequence[str]) -> Path:
    words = [word for flag in flags for word in flag.split("=", 1)]
    values = dict(itertools.pairwise(words))
    if "--workspace" in values:
        return Path(values["--workspace"])
    return Path(values["--image_folder"]).parent if "--image_folder" in values else default_root()


def become_owner(workspace: Path) -> None:
    """Gives up root for the workspace's owner; does nothing where the caller is not root, or root owns it.

    Raises:
        WorkspaceError: the container was not given the right to do so.
    """
    owner = workspace.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    try:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
    except PermissionError:
        reason = f"started as root, without the right to become the workspace's owner {owner.st_uid}:{owner.st_gid}"
        raise WorkspaceError(reason, f"start it as the owner: {_as_owner(owner)}") from None


def own_caches(environment: Mapping[str, str], uid: int) -> dict[str, str]:
    """The variables that name something in the caches' folder, with a folder of this user's own in between.

    The volume stays when the workspace's owner, or the caller, becomes another, who cannot write into the first's.
    """
    inside = {name: value for name, value in environment.items() if Path(value).is_relative_to(CACHES)}
    return {name: str(CACHES / str(uid) / Path(value).relative_to(CACHES)) for name, value in inside.items()}


def require_writable(workspace: Path) -> None:
    """Refuses a workspace in which this user could not write; photos may be read-only.

    Raises:
        WorkspaceError: the workspace, or a folder in it that is written to, belongs to someone else or is read-only.
    """
    folders = (path for path in workspace.iterdir() if path.is_dir() and path.name != "images")
    for folder in (workspace, *sorted(folders)):
        if os.access(folder, os.W_OK | os.X_OK):
            continue
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise WorkspaceError(f"{folder} is mounted read-only", "mount the workspace without :ro")
        owner, caller = folder.stat(), f"{os.geteuid()}:{os.getegid()}"
        raise WorkspaceError(
            f"{folder} belongs to {owner.st_uid}:{owner.st_gid} and cannot be written by {caller}",
            f"start it as the owner: {_as_owner(owner)}\n"
            f"     or give it away, on the host: sudo chown -R {caller} pose-estimation",
        )


def _as_owner(owner: os.stat_result) -> str:
    user = f"{owner.st_uid}:{owner.st_gid}"
    return f"docker run --user {user} …, with Compose HOST_UID={owner.st_uid} HOST_GID={owner.st_gid} docker compose up"


if __name__ == "__main__":
    main(sys.argv[1:])
