from __future__ import annotations

import os
from pathlib import Path

import pytest

from pose_contract.errors import WorkspaceError
from pose_contract.workspace import Workspace
from stage_kit.runs.numbered_files import NumberedFiles


def test_numbered_files_belong_to_one_image_only(workspace: Workspace) -> None:
    folder = workspace.root / "cuts"
    assert NumberedFiles(folder).of("a.jpg") == {}
    (folder / "sub").mkdir(parents=True)
    names = ("a-0.jpg", "a-12.jpg", "a-0-0.jpg", "a.png-0.jpg", "ba-0.jpg", "a-x.jpg", "a-0.jpg-1.jpg", "axpng-3.jpg")
    for name in (*names, "a\nb-0.jpg", "sub/a-4.jpg"):
        (folder / name).write_bytes(b"x")
    files = NumberedFiles(folder)
    assert files.of("a.jpg") == {0: folder / "a-0.jpg", 12: folder / "a-12.jpg"}
    assert files.of("a.png") == {0: folder / "a.png-0.jpg"}
    assert files.of("a-0.jpg") == {0: folder / "a-0-0.jpg"}
    assert files.of("sub/a.jpg") == {4: folder / "sub/a-4.jpg"}
    assert files.of("a\nb.jpg") == {0: folder / "a\nb-0.jpg"}
    assert files.of("nobody.jpg") == files.of("nowhere/a.jpg") == {}


def test_a_folder_of_numbered_files_is_listed_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[Path] = []
    plain = os.listdir
    monkeypatch.setattr("os.listdir", lambda folder: listed.append(folder) or plain(folder))
    (workspace.root / "cuts").mkdir(parents=True)
    files = NumberedFiles(workspace.root / "cuts")
    for number in range(50):
        files.of(f"{number}.jpg")
    assert listed == [workspace.root / "cuts"]
    (workspace.root / "cuts/7-0.jpg").write_bytes(b"x")
    assert files.of("7.jpg") == {}
    files.forget()
    assert files.of("7.jpg") == {0: workspace.root / "cuts/7-0.jpg"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_listed_is_the_workspaces_fault(workspace: Workspace) -> None:
    folder = workspace.root / "cuts"
    folder.mkdir(parents=True, mode=0o300)
    with pytest.raises(WorkspaceError, match="cuts"):
        NumberedFiles(folder).of("a.jpg")
