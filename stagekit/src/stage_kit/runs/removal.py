"""Removing what belongs to images that are gone, and what killed runs left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from pose_contract.names import TEMPORARY_PREFIX
from pose_contract.storage import remove_file


def remove_outputs(paths: Iterable[Path], folder: Path) -> None:
    """Removes files and the sub-folders of `folder` that become empty thereby. Raises WorkspaceError."""
    for path in paths:
        remove_file(path)
        for parent in path.parents:
            if parent == folder or not parent.is_relative_to(folder):
                break
            with contextlib.suppress(OSError):  # not empty: other images' outputs lie there
                parent.rmdir()


def sweep_temporaries(folder: Path) -> int:
    """Removes what killed runs left behind below one folder of the workspace; returns how many files."""
    strays = [path for path in folder.rglob(TEMPORARY_PREFIX + "*") if path.is_symlink() or not path.is_dir()]
    for path in strays:
        remove_file(path)
    return len(strays)
