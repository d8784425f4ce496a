"""A workspace is whatever has images/; what it lacks comes from the template."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from pose_contract.errors import UsageError, WorkspaceError
from pose_contract.workspace import DEFAULT_CONFIG, Workspace
from stage_kit.command.template import TEMPLATE, existing_workspace, fill_workspace, template_file, workspace_to_run

KIT = Path(__file__).parents[1]
FOLDERS = ("images", "annots", "cuts", "inspect", "final", "output", "reports")


def test_a_new_workspace_has_all_that_the_template_has(tmp_path: Path) -> None:
    root = fill_workspace(tmp_path / "deep/new").root
    assert {path.name for path in root.iterdir()} == {*FOLDERS, DEFAULT_CONFIG, "pose.toml"}
    assert (root / DEFAULT_CONFIG).read_bytes() == template_file(DEFAULT_CONFIG).read_bytes()
    assert not any(path.is_file() for folder in FOLDERS for path in (root / folder).iterdir())


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").write_text("photo")
    (tmp_path / "pose.toml").write_text("mine")
    fill_workspace(tmp_path)
    assert (tmp_path / "pose.toml").read_text() == "mine" and (tmp_path / "images/a.jpg").read_text() == "photo"
    assert (tmp_path / "annots").is_dir() and (tmp_path / DEFAULT_CONFIG).is_file()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "cuts").write_text("mine")
    with pytest.raises(WorkspaceError, match="cuts is in the way"):
        fill_workspace(tmp_path)


def test_the_folders_are_those_of_a_workspace() -> None:
    assert {path.name for path in TEMPLATE.iterdir() if path.is_dir()} == set(FOLDERS)
    assert all(getattr(Workspace(Path()), name) == name for name in FOLDERS)


def test_which_workspace_a_run_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)
    assert workspace_to_run(None).root == Path("pose-estimation")  # the default name is created
    assert workspace_to_run(Path("new")).root == Path("new")  # and what was asked for by -o
    monkeypatch.setenv("POSE_WORKSPACE", "serves")
    with pytest.raises(UsageError, match="no workspace serves") as caught:
        workspace_to_run(None)
    assert "make workspace WORKSPACE='serves'" in caught.value.remedy
    (tmp_path / "serves").mkdir()
    assert workspace_to_run(None).root == Path("serves")  # empty
    (tmp_path / "serves/holiday.txt").touch()
    with pytest.raises(UsageError, match="is no workspace: it has no folder images/"):
        workspace_to_run(None)
    (tmp_path / "serves/images").mkdir()
    assert workspace_to_run(None).root == Path("serves")
    with pytest.raises(UsageError, match="is a file"):
        workspace_to_run(Path("serves/holiday.txt"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["serves"]


def test_other_commands_create_none(tmp_path: Path) -> None:
    assert existing_workspace(tmp_path).root == tmp_path
    with pytest.raises(UsageError, match="no workspace"):
        existing_workspace(tmp_path / "new")


def test_the_wheel_holds_the_template(tmp_path: Path) -> None:
    if find_spec("hatchling") is None:
        pytest.skip("hatchling, which builds wheels, is not installed")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=KIT, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    expected = {path.relative_to(TEMPLATE).as_posix() for path in TEMPLATE.rglob("*") if path.is_file()}
    assert {f"stage_kit/template/{name}" for name in expected} <= set(names)
