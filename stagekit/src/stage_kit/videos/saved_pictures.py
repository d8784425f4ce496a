"""Pictures of a video's frames on disk, for somebody who wants to look at them one by one.

They lie in `NAME.frames/` and are no result: no record names them, and no stage reads them. `made-of.txt` in that
folder is written last and says what they show, so that a killed run's are made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose_contract.storage import remove_file, write_bytes
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import Picture, write_jpeg

SUFFIX = ".frames"
MADE_OF = "made-of.txt"
Named = Iterable[tuple[str, Picture]]


@dataclass(frozen=True)
class SavedPictures:
    """What is to be written of every frame.

    Attributes:
        folder: in the workspace.
        pictures: a frame's picture and its line of the record -> file names and pictures.
        made_of: what they depend on; set by `made_of`.
    """

    folder: str
    pictures: Callable[[Picture, Any], Named]
    made_of: str = ""

    def are_there(self, workspace: Workspace) -> bool:
        """Whether all of them lie there."""
        return made_of_in(workspace.path(self.folder)) == self.made_of

    def begin(self, workspace: Workspace) -> None:
        """Removes what lies there. Raises WorkspaceError."""
        remove_saved(workspace.path(self.folder))

    def write(self, workspace: Workspace, picture: Picture, line: Any) -> None:
        """Writes those of one frame. Raises WorkspaceError."""
        for name, saved in self.pictures(picture, line):
            write_jpeg(workspace.path(self.folder) / name, saved)

    def finish(self, workspace: Workspace) -> None:
        """Says that they are all there. Raises WorkspaceError."""
        write_bytes(workspace.path(self.folder) / MADE_OF, self.made_of.encode())


def saved_folder(folder: str, name: str) -> str:
    """Where the pictures of a video's frames lie.

    Example: saved_folder("cuts", "sub/erg.mp4") -> "cuts/sub/erg.mp4.frames"
    """
    return f"{folder}/{name}{SUFFIX}"


def made_of(shown: object) -> str:
    """A name for all that pictures depend on."""
    return hashlib.sha256(repr(shown).encode()).hexdigest()


def made_of_in(folder: Path) -> str:
    """What the pictures in a folder were made of; empty where a run was stopped, or nothing is there."""
    try:
        return (folder / MADE_OF).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def remove_saved(folder: Path) -> None:
    """Removes such a folder: only what a run wrote, and the folder only if nothing else lies in it.

    Raises WorkspaceError.
    """
    if not folder.is_dir() or folder.is_symlink():
        return
    remove_file(folder / MADE_OF)  # first: what is half removed is not whole
    for picture in folder.glob("[0-9]*.jpg"):
        remove_file(picture)
    with contextlib.suppress(OSError):  # a person's files lie there too
        folder.rmdir()
