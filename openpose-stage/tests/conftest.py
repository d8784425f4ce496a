"""Fixtures: what is not part of the repository (tests skip where it is not), and a workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pose_contract.workspace import Workspace

SHARED = Path(os.environ.get("POSE_SHARED", Path(__file__).parents[3] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"photos and weights are not here: POSE_SHARED={SHARED}")
    return SHARED


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty one; its folders are hrn-stage's, as a caller names them."""
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    root = tmp_path / "workspace"
    (root / "images").mkdir(parents=True)
    return Workspace(root)
