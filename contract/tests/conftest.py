"""Workspaces for the tests of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose_contract.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "images").mkdir()
    return Workspace(tmp_path)
