"""A workspace that a stranger made: nothing is written outside of it, whatever links lie in it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from pose_contract.errors import WorkspaceError
from pose_contract.names import printable
from pose_contract.workspace import Workspace
from stage_kit.runs.lock import locked
from stage_kit.stages import StageFacts


class Run(Protocol):
    """What must be known of a run before it may write: see `batch_run.RunFacts`."""

    @property
    def stage(self) -> StageFacts:
        """Who writes, and where."""

    @property
    def workspace(self) -> Workspace:
        """The workspace."""

    @property
    def follow_links(self) -> bool:
        """Whether results may be written through links out of the workspace."""


@contextlib.contextmanager
def held(run: Run, shard: str = "", looked_over: bool = False) -> Iterator[None]:
    """The workspace, looked over and locked for one run. Raises what `require_contained` and `locked` raise.

    `looked_over`: this process has done so for an earlier shard; it takes the longer the more folders there are.
    """
    if not looked_over:
        require_contained(run.workspace, run.stage.writes, run.follow_links)
    with locked(run.workspace, run.stage.name, shard):
        yield


def require_contained(workspace: Workspace, written: Iterable[str], follow_links: bool = False) -> None:
    """Refuses folders that a stage writes to where they are links out of the workspace, into images/, or to nothing.

    Args:
        workspace: it may be reached by a link itself, and so may images/ and any folder in it: photos often lie
            elsewhere.
        written: fields of `Workspace` that name the folders; reports/ is added.
        follow_links: links out of the workspace are what the user wants.

    Raises:
        WorkspaceError: names the link, where it leads, and what helps.
    """
    root, images = workspace.root.resolve(), workspace.path(workspace.images).resolve()
    for folder in dict.fromkeys((*written, "reports")):
        for link in _links(workspace, str(getattr(workspace, folder))):
            _check(link, root, images, follow_links)


def _links(workspace: Workspace, folder: str) -> Iterator[Path]:
    """The links among a folder, those above it in the workspace, and the folders in it; a link's own are not seen."""
    path = workspace.root
    for part in Path(folder).parts:
        path = path / part
        if path.is_symlink():
            yield path
            return
    folders = [path]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_symlink() and (entry.is_dir() or _in_the_way(Path(entry))):
                    yield Path(entry)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry))


def _in_the_way(link: Path) -> bool:
    """Whether a link to nothing has a folder's name. One of a file's name is replaced, not followed, or swept."""
    return link.suffix not in {".json", ".jpg"} and not link.name.startswith(".") and not link.exists()


def _check(link: Path, root: Path, images: Path, follow_links: bool) -> None:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # a link to itself is a RuntimeError until Python 3.13
        there = printable(str(link.readlink()))
        raise WorkspaceError(
            f"{link} is a link to {there}, where nothing is",
            f"remove it: rm '{link}'; in a container, only what lies in the mounted workspace is there",
        ) from None
    if target == images or images in target.parents:
        raise WorkspaceError(f"{link} is a link into the photos, {target}", f"remove it: rm '{link}'")
    if target != root and root not in target.parents and not follow_links:
        raise WorkspaceError(
            f"{link} is a link out of the workspace, to {target}",
            "if results belong there, say --follow_links; else remove it: " + f"rm '{link}'",
        )
