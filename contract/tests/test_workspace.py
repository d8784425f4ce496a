from __future__ import annotations

import os
from pathlib import Path

import pytest

from pose_contract.workspace import Workspace, default_root


def test_every_output_has_its_name() -> None:
    workspace = Workspace(Path("w"))
    assert workspace.annot_file("sub/a.jpg") == "annots/sub/a.json"
    assert workspace.cut_file("b.png", 2) == "cuts/b.png-2.jpg"
    assert workspace.final_file("b.png") == "final/b.png.jpg"
    assert workspace.poses_file("a.jpg") == "output/poses/a.json"
    assert workspace.inspect_file("a.jpg") == "inspect/a.jpg"
    assert workspace.image_name("images/sub/a.jpg") == "sub/a.jpg"
    assert workspace.image_file("sub/a.jpg") == "images/sub/a.jpg"


def test_the_default_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    assert default_root() == Path("pose-estimation")
    (tmp_path / "custom").mkdir()
    assert default_root() == Path("custom")
    monkeypatch.setitem(os.environ, "POSE_WORKSPACE", "/elsewhere")
    assert default_root() == Path("/elsewhere")
