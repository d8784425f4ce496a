"""What a workspace holds from the start: the folder workspace-template/, which comes with this package as template/."""

from __future__ import annotations

import os
from pathlib import Path

from pose_contract.errors import UsageError, WorkspaceError
from pose_contract.storage import write_bytes, write_error
from pose_contract.workspace import Workspace, default_root

TEMPLATE = Path(__file__).parents[1] / "template"
DEFAULT_NAME = Path("pose-estimation")


def template_file(name: str) -> Path:
    """Where a file of the template lies."""
    return TEMPLATE / name


def fill_workspace(root: Path) -> Workspace:
    """Makes a workspace of a folder, which need not be there: what it lacks of the template is added.

    Raises:
        WorkspaceError: it cannot be written.
    """
    for parent, folders, files in os.walk(TEMPLATE):
        place = root / Path(parent).relative_to(TEMPLATE)
        for folder in (place, *(place / name for name in folders)):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise _cannot_be_made(folder, error) from error
        for name in files:
            if not name.startswith(".") and not (place / name).exists():
                write_bytes(place / name, Path(parent, name).read_bytes())
    return Workspace(root)


def _cannot_be_made(folder: Path, error: OSError) -> WorkspaceError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return WorkspaceError(f"{folder} is in the way: a folder belongs there", "rename it, or take another workspace")
    told = write_error(folder, error)
    return WorkspaceError(told.reason, told.remedy)


def existing_workspace(named: Path | None) -> Workspace:
    """The workspace that a command was given, else the default one. Raises UsageError where it is not there."""
    root = named or default_root()
    if not root.is_dir():
        raise _missing(root)
    return Workspace(root)


def workspace_to_run(named: Path | None) -> Workspace:
    """The workspace that `pose run` works on; a new one is made only where it was asked for, or has the default name.

    Nothing is written here.

    Raises:
        UsageError: there is none, or a folder of other things has its name.
    """
    root = named or default_root()
    if not root.exists() and named is None and root != DEFAULT_NAME:
        raise _missing(root)
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file, and a workspace is a folder", "give another after -o")
    if root.is_dir() and not (root / Workspace(root).images).is_dir() and any(root.iterdir()):
        raise UsageError(
            f"{root} is no workspace: it has no folder images/",
            f"give another after -o, or make it one: pose workspace '{root}'",
        )
    return Workspace(root)


def _missing(root: Path) -> UsageError:
    return UsageError(
        f"no workspace {root}", f"create it: pose workspace '{root}', or make workspace WORKSPACE='{root}'"
    )
