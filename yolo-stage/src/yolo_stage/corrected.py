"""Labels from a workspace: the annots that a person corrected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_contract.storage import read_annot, record_paths
from pose_contract.workspace import Workspace

Corrected = tuple[Path, tuple[int, int], NDArray[np.float64]]


def is_workspace(source: Path) -> bool:
    """Whether a folder is a workspace: it has images/ and annots/."""
    workspace = Workspace(source)
    return workspace.path(workspace.images).is_dir() and workspace.path(workspace.annots).is_dir()


def read_corrected(source: Path) -> Iterator[Corrected]:
    """Picture, width and height, and boxes [K, 4] of each corrected annot; without people it says that nobody is there.

    Raises:
        WorkspaceError: an annot that cannot be read.
    """
    workspace = Workspace(source)
    for path in record_paths(workspace.path(workspace.annots)):
        annot = read_annot(path)
        if annot is not None and annot.corrected:
            boxes = np.array([person.box.xyxy for person in annot.people], np.float64).reshape(-1, 4)
            yield workspace.path(annot.image), (annot.width, annot.height), boxes
