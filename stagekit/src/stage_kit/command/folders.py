"""From folders that are named one by one to the workspace that they lie in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pose_contract.errors import StageError
from pose_contract.workspace import Workspace


def workspace_of_folders(
    folders: Mapping[str, str | Path], names: Mapping[str, str], error: type[StageError], source: str = ""
) -> Workspace:
    """The workspace in which these folders lie: their common parent.

    Args:
        folders: field of `Workspace` -> the folder, relative to the working directory; at least one.
        names: field -> what the user calls it, for messages.
        error: what is raised, and
        source: where the folders are named, if not by flags: a file.

    Raises:
        StageError: no common parent.
    """
    given = {field: Path(os.path.normpath(Path(folder).absolute())) for field, folder in folders.items()}
    parent = Path(os.path.commonpath([folder.parent for folder in given.values()]))
    if parent == Path(parent.anchor):
        said = ", ".join(f"{names[field]} {folder}" for field, folder in given.items())
        raise error(
            f"{source}{': ' if source else ''}the folders have no common parent: {said}",
            "put them into one workspace folder, or use --workspace",
        )
    inside = {field: folder.relative_to(parent).as_posix() for field, folder in given.items()}
    return Workspace(Path(os.path.relpath(parent)), **inside)


def require_apart(workspace: Workspace, names: Mapping[str, str], error: type[StageError]) -> None:
    """Refuses two folders that are one or lie in each other. Raises `error`."""
    paths = {name: Path(getattr(workspace, field)) for field, name in names.items()}
    for name, path in paths.items():
        for other_name, other in paths.items():
            if name != other_name and (path == other or path in other.parents):
                raise error(f"{other_name} lies in {name} ({other} in {path})", "give each its own folder")
