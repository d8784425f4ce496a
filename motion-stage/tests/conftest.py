"""A workspace of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose_contract.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    root = tmp_path / "workspace"
    root.mkdir()
    return Workspace(root)
