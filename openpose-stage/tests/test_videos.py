"""The stage on videos, with a network that sees a person about each black square."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fakes import TIMES, CrashingNetwork, SquareNetwork, run, write_video
from synthetic import person_at

from openpose_stage.options import DecodeOptions, own_folders
from pose_contract.video_records import FramePoses, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.testing import workspace_bytes
from stage_kit.videos.reader import open_video
from stage_kit.videos.record_files import VideoRecord

FRAMES = 9


def squares(number: int) -> list[tuple[int, int, int]]:
    """One person who walks, a second one from frame 4 on, and nobody in frame 6."""
    walking = (90 + 6 * number, 150, 40)
    return [] if number == 6 else [walking, (390, 150, 36)] if number >= 4 else [walking]


@pytest.fixture
def film(workspace: Workspace) -> Workspace:
    write_video(workspace, "a.mp4", [squares(number) for number in range(FRAMES)])
    return workspace


def record_of(workspace: Workspace) -> VideoRecord[VideoPoses, FramePoses]:
    own = own_folders(workspace)
    return VideoRecord(own.path(own.video_poses_file("a.mp4")), VideoPoses, FramePoses)


def test_the_people_of_every_frame_are_in_its_pixels(film: Workspace) -> None:
    network = SquareNetwork()
    report = run(film, network)
    assert (report.counts.images, report.counts.processed, report.counts.people) == (1, 1, 2)
    assert sum(shape[0] for shape in network.asked) == FRAMES and len({shape[1:] for shape in network.asked}) == 1
    record = record_of(film)
    assert (record.header.frames, record.header.most_people, record.header.skeleton) == (FRAMES, 2, "coco18")
    for number, line in enumerate(record.frames()):
        assert line.frame == number and line.t_seconds == pytest.approx(number / 25)
        assert len(line.people) == len(squares(number))
        for person, (x, y, side) in zip(line.people, squares(number), strict=True):
            found = np.array([(x, y) for x, y, score in person.keypoints])
            assert np.abs(found - person_at(x - 0.5, y - 0.5, TIMES * side)).max() < 6


def test_table_movie_and_rerun(film: Workspace) -> None:
    run(film)
    rows = list(csv.DictReader((film.root / "openpose/keypoints.csv").open()))
    assert len(rows) == 18 * sum(len(squares(number)) for number in range(FRAMES))
    assert {row["image"] for row in rows} == {"a.mp4"} and not [row for row in rows if row["frame"] == "6"]
    with open_video(film.root / "images/a.mp4") as plain, open_video(film.root / "openpose/final/a.mp4") as drawn:
        changes = [
            np.abs(one.picture.astype(int) - other.picture).max()
            for one, other in zip(plain.frames(), drawn.frames(), strict=True)
        ]
    assert [change > 100 for change in changes] == [number != 6 for number in range(FRAMES)]
    before = workspace_bytes(film.root)
    network = SquareNetwork()
    assert run(film, network).counts.skipped == 1 and network.asked == []
    assert workspace_bytes(film.root) == before
    assert run(film, network, style=DrawStyle(line_thickness=9)).counts.redrawn == 1 and network.asked == []
    assert run(film, decode=DecodeOptions(upsample=1)).counts.processed == 1


def test_without_the_movie_there_is_the_record_alone(film: Workspace) -> None:
    run(film, movies=False)
    assert record_of(film).header.frames == FRAMES and not list((film.root / "openpose/final").rglob("*"))
    network = SquareNetwork()
    assert run(film, network).counts.redrawn == 1 and network.asked == []


def test_a_video_that_is_gone_takes_its_outputs_along(film: Workspace) -> None:
    run(film)
    write_video(film, "b.mp4", [squares(0)])
    (film.root / "images/a.mp4").unlink()
    run(film)
    assert {path.name for path in (film.root / "openpose").rglob("*.mp4*")} == {"b.mp4", "b.mp4.jsonl"}


def test_a_run_that_crashes_in_a_video_goes_on_where_it_stopped(film: Workspace, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the device is gone"):
        run(film, CrashingNetwork(at_once=(1, 1)))
    network = SquareNetwork()
    run(film, network)
    crashed = workspace_bytes(film.root)
    other = Workspace(tmp_path / "other")
    (other.root / "images").mkdir(parents=True)
    (other.root / "images/a.mp4").write_bytes((film.root / "images/a.mp4").read_bytes())
    run(other)
    assert workspace_bytes(other.root) == crashed


def test_a_real_video(shared: Path, workspace: Workspace) -> None:
    """A street of many people: every frame has some, and none is a fragment."""
    from openpose_stage.cli import main

    (workspace.root / "images/street.mp4").write_bytes((shared / "videos/street-5frames.mp4").read_bytes())
    weights = shared / "weights/human-pose-estimation-0001.xml"
    assert main(["--workspace", str(workspace.root), "--weights_path", str(weights), "--quiet"]) == 0
    own = own_folders(workspace)
    record = VideoRecord(own.path(own.video_poses_file("street.mp4")), VideoPoses, FramePoses)
    lines = list(record.frames())
    assert len(lines) == 5 and all(2 <= len(line.people) <= 8 for line in lines)
    joints = [sum(score > 0 for _, _, score in person.keypoints) for line in lines for person in line.people]
    assert min(joints) >= 4 and np.mean(joints) > 9


def test_killed_at_any_time_a_run_goes_on_and_gives_the_same_bytes(
    shared: Path, film: Workspace, tmp_path: Path
) -> None:
    weights = str(shared / "weights/human-pose-estimation-0001.xml")

    def command(root: Path) -> list[str]:
        return [sys.executable, "-m", "openpose_stage.cli", "--workspace", str(root), "--weights_path", weights]

    assert subprocess.run(command(film.root), capture_output=True, check=False).returncode == 0
    killed = tmp_path / "killed"
    (killed / "images").mkdir(parents=True)
    (killed / "images/a.mp4").write_bytes((film.root / "images/a.mp4").read_bytes())
    for _ in range(2):
        process = subprocess.Popen(command(killed), stderr=subprocess.DEVNULL)
        while process.poll() is None and not any((killed / "openpose").rglob("*.mp4*")):
            time.sleep(0.01)
        process.kill()
        process.wait(60)
    finished = subprocess.run(command(killed), capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert workspace_bytes(killed) == workspace_bytes(film.root)
