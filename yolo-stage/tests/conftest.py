"""What the tests of yolo-stage share: the folder of real material, a small network, a workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from darknet_files import network_of, shared, small_cfg
from fakes import BLUE, RED, photo, save

from pose_contract.workspace import Workspace

__all__ = ["network_of", "shared", "small_cfg"]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two people in a.jpg, one in b c.png (a sub-folder with an accent), nobody in z.JPG; all a while old."""
    root = tmp_path / "workspace"
    save(root / "images/a.jpg", photo({RED: (150, 40, 200, 140), BLUE: (20, 30, 60, 120)}))
    save(root / "images/é/b c.png", photo({RED: (30, 10, 70, 110)}, (100, 120)))
    save(root / "images/z.JPG", photo({}))
    for path in (root / "images").rglob("*.*"):
        os.utime(path, (1e9, 1e9))
    return Workspace(root)
