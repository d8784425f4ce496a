"""Links, pipes and folders where files belong: nothing is written outside of the workspace, nothing hangs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sample_stages import FIRST

from pose_contract.errors import WorkspaceError
from pose_contract.storage import read_annot, write_bytes
from pose_contract.workspace import Workspace
from stage_kit.regular_files import open_regular, read_regular
from stage_kit.runs.containment import held, require_contained
from stage_kit.runs.lock import locked
from stage_kit.runs.removal import sweep_temporaries
from stage_kit.runs.seen import SeenFiles

WRITTEN = ("annots", "cuts")


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "precious").write_text("precious")
    return folder


@dataclass(frozen=True)
class Run:
    workspace: Workspace
    follow_links: bool = False
    stage = FIRST


def linked(workspace: Workspace, name: str, target: Path | str) -> Path:
    link = workspace.root / name
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_dir() and not link.is_symlink():
        link.rmdir()
    link.symlink_to(target)
    return link


def test_a_workspace_without_links_is_fine(workspace: Workspace) -> None:
    require_contained(workspace, ())
    require_contained(workspace, WRITTEN)
    (workspace.root / "annots/sub/sub").mkdir(parents=True)
    require_contained(workspace, WRITTEN)


@pytest.mark.parametrize("name", ["annots", "annots/sub", "annots/a/b", "cuts", "reports"])
def test_a_folder_that_leads_out_is_refused_unless_wanted(workspace: Workspace, name: str, outside: Path) -> None:
    linked(workspace, name, outside)
    with pytest.raises(WorkspaceError, match=r"link out of the workspace, to .*outside") as caught:
        require_contained(workspace, WRITTEN)
    assert "--follow_links" in caught.value.remedy
    require_contained(workspace, WRITTEN, follow_links=True)


@pytest.mark.parametrize("follow", [False, True])
def test_never_into_the_photos_and_never_to_nothing(workspace: Workspace, follow: bool) -> None:
    (workspace.root / "images/sub").mkdir(parents=True, exist_ok=True)
    link = linked(workspace, "cuts", "images/sub")
    with pytest.raises(WorkspaceError, match="link into the photos"):
        require_contained(workspace, WRITTEN, follow)
    link.unlink()
    link = linked(workspace, "annots/sub", "nowhere")
    with pytest.raises(WorkspaceError, match="link to nowhere, where nothing is") as refused:
        require_contained(workspace, WRITTEN, follow)
    assert f"rm '{link}'" in refused.value.remedy
    assert "in a container, only what lies in the mounted workspace is there" in refused.value.remedy
    link.unlink()
    linked(workspace, "cuts", "cuts")
    with pytest.raises(WorkspaceError, match="where nothing is"):
        require_contained(workspace, WRITTEN, follow)


def test_photos_may_lie_elsewhere_and_so_may_the_workspace(
    workspace: Workspace, outside: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    linked(workspace, "images", outside)
    linked(workspace, "annots/inner", workspace.root / "cuts")
    (workspace.root / "cuts").mkdir(exist_ok=True)
    by_link = tmp_path_factory.mktemp("elsewhere") / "link"
    by_link.symlink_to(workspace.root)
    require_contained(Workspace(by_link), WRITTEN)


def test_a_run_looks_before_it_locks(workspace: Workspace, outside: Path) -> None:
    linked(workspace, "reports", outside)
    with pytest.raises(WorkspaceError, match="link out"), held(Run(workspace)):
        pass
    assert [path.name for path in outside.iterdir()] == ["precious"]
    with held(Run(workspace, follow_links=True)):
        assert len(list(outside.iterdir())) == 2


def _link(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "new")


def _link_to_a_file(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "precious")


def _second_name(path: Path, outside: Path) -> None:
    os.link(outside / "precious", path)


def _folder(path: Path, _: Path) -> None:
    path.mkdir()


def _pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("put", [_link, _link_to_a_file, _second_name, _folder, _pipe])
def test_something_else_where_the_lock_belongs(
    put: Callable[[Path, Path], None], workspace: Workspace, outside: Path
) -> None:
    path = workspace.lock_path("first-stage")
    path.parent.mkdir(exist_ok=True)
    put(path, outside)
    with pytest.raises(WorkspaceError) as caught, locked(workspace, "first-stage"):
        pass
    assert str(path) in caught.value.reason and f"'{path}'" in caught.value.remedy
    assert [(file.name, file.read_text()) for file in outside.iterdir()] == [("precious", "precious")]
    if caught.value.remedy.startswith("move it away: "):
        assert os.system(caught.value.remedy.removeprefix("move it away: ")) == 0  # the remedy works
        with locked(workspace, "first-stage"):
            pass


def test_a_temporary_is_never_written_through_a_link(
    workspace: Workspace, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose_contract.storage.own_name", lambda _: "guessed")
    folder = workspace.root / "annots"
    linked(workspace, "annots/.tmp-guessed", outside / "precious")
    write_bytes(folder / "a.json", b"new")
    assert (outside / "precious").read_text() == "precious" and (folder / "a.json").read_bytes() == b"new"
    linked(workspace, "annots/.tmp-guessed", outside / "made")
    write_bytes(folder / "a.json", b"newer")
    assert not (outside / "made").exists() and (folder / "a.json").read_bytes() == b"newer"


def test_the_sweep_removes_links_and_not_what_they_show(workspace: Workspace, outside: Path) -> None:
    linked(workspace, "annots/.tmp-1", outside / "precious")
    linked(workspace, "annots/.tmp-2", "nowhere")
    linked(workspace, "annots/.tmp-3", outside)
    os.mkfifo(workspace.root / "annots/.tmp-4")
    assert sweep_temporaries(workspace.root / "annots") == 4
    assert not list((workspace.root / "annots").iterdir()) and (outside / "precious").exists()


@pytest.mark.timeout(20)
def test_pipes_are_never_waited_for(workspace: Workspace) -> None:
    pipe = workspace.root / "annots/a.json"
    pipe.parent.mkdir(exist_ok=True)
    os.mkfifo(pipe)
    assert read_annot(pipe) is None
    for path in (pipe, Path("/dev/zero"), workspace.root):
        with pytest.raises(OSError, match="not a file"):
            read_regular(path)
    with pytest.raises(FileNotFoundError):
        open_regular(workspace.root / "nothing")
    workspace.seen_path().parent.mkdir(exist_ok=True)
    os.mkfifo(workspace.seen_path())
    assert SeenFiles(workspace).known("images/a.jpg") is None
