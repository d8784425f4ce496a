"""Deaths, full disks, links and other runs: the next run goes on, and nothing half is left (A14)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from people import times, walker, write_video

import motion_stage.make
import motion_stage.part_file
from motion_stage.cli import main
from motion_stage.part_file import PartFile
from pose_contract.errors import INTERRUPTED, WORKSPACE
from pose_contract.workspace import Workspace
from stage_kit.runs.lock import locked


@pytest.fixture
def walking(workspace: Workspace) -> Workspace:
    write_video(workspace, "walk.mp4", times(30, 2), walker)
    return workspace


def run(workspace: Workspace, *flags: str) -> int:
    return main(["--workspace", str(workspace.root), "--quiet", "--plots", "0", *flags])


def files(workspace: Workspace) -> dict[str, bytes]:
    folder = workspace.root / "motion/walk.mp4"
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_death_at_any_file_is_mended_by_the_next_run(walking: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(walking) == 0
    whole = files(walking)
    keep = PartFile.keep
    for deadly in range(len(whole) - 2):  # all but tracks.json and report.json are written by parts
        left = [deadly]

        def die(part: PartFile, left: list[int] = left) -> None:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            keep(part)

        with monkeypatch.context() as patch:
            patch.setattr(PartFile, "keep", die)
            assert run(walking, "--overwrite") == INTERRUPTED
        assert "report.json" not in files(walking) and not any(name.startswith(".tmp") for name in files(walking))
        assert run(walking) == 0 and files(walking) == whole


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(
    walking: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(motion_stage.part_file.os, "fsync", full)
        assert run(walking) == WORKSPACE
    assert "No space left on device" in capsys.readouterr().err
    assert not (walking.root / "motion/walk.mp4/report.json").exists()
    assert run(walking) == 0


def test_what_a_killed_run_left_is_swept(walking: Workspace) -> None:
    left = walking.root / "motion/walk.mp4/.tmp-1-angles.csv"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    assert run(walking) == 0 and not left.exists()


def test_nothing_is_written_through_a_link_out_of_the_workspace(walking: Workspace, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (walking.root / "motion").symlink_to(tmp_path / "elsewhere")
    assert run(walking) == WORKSPACE and not list((tmp_path / "elsewhere").iterdir())
    assert run(walking, "--follow_links") == 0 and (tmp_path / "elsewhere/walk.mp4/report.json").is_file()


def test_one_run_at_a_time(walking: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(walking, "motion-stage"):
        assert run(walking) == WORKSPACE
    assert "motion-stage is already running" in capsys.readouterr().err
