"""Whole runs on videos, with the embedded networks and the commands as users run them."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import REPO, run, stage, write_moving_man

from pose_contract.storage import read_report
from pose_contract.video_records import FramePoses, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import read_image
from stage_kit.testing import workspace_bytes
from stage_kit.videos.reader import open_video
from stage_kit.videos.record_files import VideoRecord
from stage_kit.videos.writer import write_movie

FRAMES = 45
STAGES = [[*stage(name), "--weights", "lite"] for name in ("yolo", "hrn")]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a film of 1.5 seconds: a part of a photo of a man with his camera, which moves."""
    root = tmp_path_factory.mktemp("film")
    write_moving_man(root / "images/man.mp4", FRAMES)
    return root


def done(workspace: Path) -> None:
    for command in STAGES:
        finished = run([*command, "--workspace", str(workspace)])
        assert finished.returncode == 0, finished.stderr


@pytest.fixture(scope="module")
def whole(film: Path) -> dict[str, bytes]:
    done(film)
    return workspace_bytes(film)


def test_a_video_gives_poses_a_movie_and_a_table(film: Path, whole: dict[str, bytes]) -> None:
    assert set(whole) == {
        "images/man.mp4", "annots/man.mp4.jsonl", "output/poses/man.mp4.jsonl", "final/man.mp4",
        "output/keypoints.csv", "output/keypoints.coco.json", "output/images.coco.json",
    }  # fmt: skip
    record: VideoRecord[VideoPoses, FramePoses] = VideoRecord(
        film / "output/poses/man.mp4.jsonl", VideoPoses, FramePoses
    )
    lines = list(record.frames())
    assert len(lines) == record.header.frames == FRAMES
    assert sum(bool(line.people) for line in lines) > 0.9 * FRAMES, "he is seen in nearly every frame"
    with open_video(film / "final/man.mp4") as movie:
        assert len(list(movie.frames())) == FRAMES
    rows = list(csv.DictReader((film / "output/keypoints.csv").open()))
    assert {int(row["frame"]) for row in rows} == {line.frame for line in lines if line.people}
    if find_spec("pandas") is None:
        table = Workspace(film).keypoints()
        assert rows == [{name: str(value) for name, value in row.items()} for row in table]  # type: ignore[union-attr]
    assert run([str(REPO / ".venv/bin/pose"), "found", str(film)]).stdout.startswith(f"man.mp4: {FRAMES} frames, up to")


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_time_it_goes_on_and_gives_the_same_bytes(
    film: Path, whole: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    workspace = tmp_path / "workspace"
    shutil.copytree(film / "images", workspace / "images")
    for command in STAGES:
        words = [*command, "--workspace", str(workspace)]
        for _ in range(2):
            word = chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
            report = workspace / f"reports/{Path(command[0]).name}.json"
            report.unlink(missing_ok=True)
            process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
            begun = time.monotonic()
            while process.poll() is None and not report.is_file() and time.monotonic() - begun < 60:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 1.2))
            process.send_signal(word)
            assert process.wait(60) in (0, -word, 130, 143)  # -word: it had just ended
        finished = run(words)
        assert finished.returncode == 0, finished.stderr
    assert workspace_bytes(workspace) == whole


def test_bad_videos_fail_alone(film: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    shutil.copytree(film / "images", workspace.root / "images")
    good = (film / "images/man.mp4").read_bytes()
    images = workspace.root / "images"
    (images / "text.mp4").write_text("frames, they say")
    (images / "empty.mov").write_bytes(b"")
    (images / "half.mp4").write_bytes(good[: len(good) // 2])
    (images / "noise.webm").write_bytes(random.Random(0).randbytes(100_000))
    os.mkfifo(images / "pipe.mkv")
    spoilt = bytearray(good)
    for place in random.Random(1).sample(range(3000, len(good) - 10), 60):
        spoilt[place] ^= 0xFF
    (images / "spoilt.mp4").write_bytes(spoilt)
    for command in STAGES:
        finished = run([*command, "--workspace", str(workspace.root)], timeout=200)
        assert finished.returncode in (0, 3) and "Traceback" not in finished.stderr, finished.stderr
    report = read_report(workspace.report_path("yolo-stage"))
    assert report is not None
    failed = {failure.file.removeprefix("images/"): failure for failure in report.failures}
    assert {"text.mp4", "empty.mov", "noise.webm", "pipe.mkv"} <= set(failed)
    assert not {"man.mp4"} & set(failed) and all(failure.remedy for failure in failed.values())
    assert (workspace.root / "final/man.mp4").is_file()


MEMORY = """
import resource, sys
from hrn_stage.cli import main as hrn
from yolo_stage.cli import main as yolo
for main in (yolo, hrn):
    assert main(["--workspace", sys.argv[1], "--weights", "lite", "--quiet"]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_a_videos_length(tmp_path: Path) -> None:
    photo = read_image(REPO / "tools/demo-photos/camera.jpg")[:320, :320]
    peak = []
    for times in (1, 8):
        root = tmp_path / f"{times}"
        with write_movie(root / "images/a.mp4", (320, 320), 30) as movie:
            for number in range(40 * times):
                movie.add(photo, number / 30)
        finished = run([sys.executable, "-c", MEMORY, str(root)])
        assert finished.returncode == 0, finished.stderr
        peak.append(int(finished.stdout))
    assert peak[1] <= 1.15 * peak[0], peak
