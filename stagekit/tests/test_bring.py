"""Photos from anywhere: copied, named without a clash, and found again by the next call."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pose_contract.errors import UsageError
from pose_contract.workspace import Workspace
from stage_kit.command.bring import bring, photos_in
from stage_kit.command.template import fill_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return fill_workspace(tmp_path / "workspace")


def save(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, ns=(10**18 + 123, 10**18 + 456))
    return path


def brought(workspace: Workspace, *sources: Path) -> list[str]:
    result = bring(photos_in(sources, workspace), workspace)
    assert not result.failures
    return result.names


def contents(workspace: Workspace) -> dict[str, str]:
    images = workspace.path(workspace.images)
    return {path.relative_to(images).as_posix(): path.read_text() for path in images.rglob("*") if path.is_file()}


def test_photos_and_folders_are_copied_and_stay_where_they_were(tmp_path: Path, workspace: Workspace) -> None:
    photo = save(tmp_path / "a.jpg", "a")
    save(tmp_path / "serves/b.PNG", "b")
    save(tmp_path / "serves/2024/é/c.jpeg", "c")
    save(tmp_path / "serves/notes.txt", "-")
    save(tmp_path / "serves/.hidden.jpg", "-")
    assert brought(workspace, photo, tmp_path / "serves") == ["a.jpg", "2024/é/c.jpeg", "b.PNG"]
    assert contents(workspace) == {"a.jpg": "a", "b.PNG": "b", "2024/é/c.jpeg": "c"}
    assert photo.read_text() == "a"
    assert (workspace.root / "images/a.jpg").stat().st_mtime_ns == 10**18 + 456


def test_photos_of_one_name_do_not_take_each_others_place(tmp_path: Path, workspace: Workspace) -> None:
    sources = [save(tmp_path / folder / "1.jpg", folder) for folder in ("x/left", "y/right", "z/right", "z/.right")]
    names = ["1.jpg", "right-1.jpg", "right-2-1.jpg", "right-3-1.jpg"]
    assert brought(workspace, *sources) == names
    assert list(contents(workspace).values()).count("x/left") == 1
    before = {path: path.stat() for path in (workspace.root / "images").iterdir()}
    assert brought(workspace, *reversed(sources)) == names[::-1]  # a rerun, in whatever order
    assert {path: path.stat() for path in (workspace.root / "images").iterdir()} == before


def test_folders_with_the_same_names_in_them(tmp_path: Path, workspace: Workspace) -> None:
    for folder in ("left", "right"):
        save(tmp_path / folder / "sub/a.jpg", folder)
    assert brought(workspace, tmp_path / "left", tmp_path / "right") == ["sub/a.jpg", "sub/right-a.jpg"]
    assert brought(workspace, tmp_path / "right") == ["sub/right-a.jpg"]


def test_names_that_would_share_outputs_are_a_clash_too(tmp_path: Path, workspace: Workspace) -> None:
    sources = [save(tmp_path / "x" / name, name) for name in ("a.jpg", "a.JPG", "b.png", "b.png.jpg")]
    assert brought(workspace, *sources) == ["a.jpg", "x-a.JPG", "b.png", "x-b.png.jpg"]


def test_a_photo_given_twice_is_one(tmp_path: Path, workspace: Workspace) -> None:
    photo = save(tmp_path / "x/a.jpg", "a")
    assert brought(workspace, photo, tmp_path / "x", save(tmp_path / "copy/a.jpg", "a")) == ["a.jpg"]


def test_a_photo_that_was_changed_takes_no_ones_place(tmp_path: Path, workspace: Workspace) -> None:
    photo = save(tmp_path / "x/a.jpg", "old")
    brought(workspace, photo)
    photo.write_text("new")
    assert brought(workspace, photo) == ["x-a.jpg"]
    assert contents(workspace) == {"a.jpg": "old", "x-a.jpg": "new"}


def test_what_lies_in_the_workspace_is_taken_where_it_is(tmp_path: Path, workspace: Workspace) -> None:
    photo = save(workspace.root / "images/sub/a.jpg", "a")
    assert brought(workspace, photo, workspace.root / "images", workspace.root / "images/sub") == ["sub/a.jpg"]
    assert contents(workspace) == {"sub/a.jpg": "a"}


def test_workspaces_are_no_folders_of_photos(
    tmp_path: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    save(workspace.root / "final/a.jpg", "drawn")
    save(tmp_path / "a.jpg", "a")
    other = fill_workspace(tmp_path / "deep/other").root
    save(other / "images/b.jpg", "b")
    assert brought(workspace, tmp_path) == ["a.jpg"]
    assert f"passed over: {other} is a workspace" in capsys.readouterr().err
    with pytest.raises(UsageError, match="is a workspace") as caught:
        photos_in([other], workspace)
    assert caught.value.remedy == f"run it: pose run -o '{other}'"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("gone.jpg", "no photo and no folder"), ("text.txt", "is no picture"), ("empty", "no picture in")],
)
def test_what_is_refused(tmp_path: Path, workspace: Workspace, name: str, reason: str) -> None:
    save(tmp_path / "text.txt", "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=reason):
        photos_in([save(tmp_path / "a.jpg", "a"), tmp_path / name], workspace)
    assert not contents(workspace)


def test_a_photo_that_cannot_be_read_stops_no_other(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "x/dir.jpg").mkdir(parents=True)
    (tmp_path / "x/nowhere.jpg").symlink_to("gone")
    save(tmp_path / "x/a.jpg", "a")
    result = bring(photos_in([tmp_path / "x"], workspace), workspace)
    assert result.names == ["a.jpg"]
    assert sorted(path.name for path in result.failures) == ["dir.jpg", "nowhere.jpg"]
    assert all("cannot be read" in error.reason for error in result.failures.values())


def test_what_a_killed_copy_left_is_swept(tmp_path: Path, workspace: Workspace) -> None:
    save(workspace.root / "images/.tmp-1", "half")
    assert brought(workspace, save(tmp_path / "a.jpg", "a")) == ["a.jpg"]
    assert contents(workspace) == {"a.jpg": "a"}
