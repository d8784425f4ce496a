"""Which file is which picture of an entry. Everything is named by the workspace itself, never by a request."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pose_contract.workspace import Workspace
from web_app.look.entries import Entry

Kind = Literal["original", "inspect", "final"]
KINDS: tuple[Kind, ...] = ("original", "inspect", "final")


def picture_path(workspace: Workspace, entry: Entry, kind: Kind) -> Path:
    """Where a picture, or a movie, of an entry lies; it need not be there."""
    name = entry.name
    if kind == "original":
        return workspace.path(workspace.image_file(name))
    folder = workspace.final if kind == "final" else workspace.inspect
    if entry.video:
        return workspace.path(workspace.movie_file(folder, name))
    return workspace.path(workspace.final_file(name) if kind == "final" else workspace.inspect_file(name))


def kinds_there(workspace: Workspace, entry: Entry) -> list[Kind]:
    """The pictures that there are of an entry."""
    return [kind for kind in KINDS if picture_path(workspace, entry, kind).is_file()]


def best_kind(workspace: Workspace, entry: Entry) -> Kind:
    """What tells most: final, else inspect, else the photo itself."""
    return (kinds_there(workspace, entry) or ["original"])[-1]


def sheet_path(workspace: Workspace, entry: Entry, index: int) -> Path:
    """The heatmap sheet of one person of a photo; it need not be there."""
    return workspace.path(workspace.heatmap_file(entry.name, index))


def sheets_there(workspace: Workspace, entry: Entry) -> list[int]:
    """The people of a photo of whom there are heatmap sheets."""
    if entry.video:
        return []
    return [index for index in range(entry.found.people or 0) if sheet_path(workspace, entry, index).is_file()]


def is_inside(workspace: Workspace, path: Path) -> bool:
    """Whether a file is a regular one that no link leads to from outside of the workspace."""
    try:
        return path.is_file() and path.resolve(strict=True).is_relative_to(workspace.root.resolve())
    except OSError:
        return False
