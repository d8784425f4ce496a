"""Both stages by `--shard`, several processes beside each other, one of them killed: the bytes of one run."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import REPO, run, stage
from PIL import Image

from pose_contract.storage import read_report
from stage_kit.testing import workspace_bytes

PHOTOS = 9
FLAGS = ("--weights", "lite", "--quiet", "--keep_going")
DEADLINE_SECONDS = 60


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a few photos, one of them in a folder, and one that is damaged; nothing is done yet."""
    workspace = tmp_path_factory.mktemp("shards") / "fresh"
    shutil.copytree(REPO / "workspace-template", workspace)
    (workspace / "images/more").mkdir()
    pictures = [Image.open(path) for path in sorted((REPO / "tools/demo-photos").glob("*.jpg"))]
    for index in range(PHOTOS):
        picture = pictures[index % len(pictures)]
        folder = workspace / ("images/more" if index == 3 else "images")
        picture.resize((200 + 40 * index, 200 + 30 * index)).save(folder / f"{index}.jpg")
    (workspace / "images/damaged.jpg").write_bytes(b"no picture")
    return workspace


@pytest.fixture(scope="module")
def wanted(fresh: Path) -> dict[str, bytes]:
    """What one process each makes of it."""
    workspace = fresh.with_name("wanted")
    shutil.copytree(fresh, workspace)
    for name in ("yolo", "hrn"):
        finished = run([*stage(name), "--workspace", str(workspace), *FLAGS])
        assert finished.returncode == 0, finished.stderr
    return workspace_bytes(workspace)


def started(name: str, workspace: Path, shard: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*stage(name), "--workspace", str(workspace), *FLAGS, "--shard", shard])


def killed_when_busy(process: subprocess.Popen[bytes], folder: Path) -> None:
    """As soon as its first file is there; a process that was quicker has ended by itself."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while process.poll() is None and not any(path.is_file() for path in folder.rglob("*")):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    assert process.wait() in (-signal.SIGKILL, 0)


def test_shards_beside_each_other_one_killed_give_the_bytes_of_one_run(
    fresh: Path, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    order = (3, 1, 2)  # the first of them is killed
    workspace = tmp_path / "workspace"
    shutil.copytree(fresh, workspace)
    for name, writes in (("yolo", "cuts"), ("hrn", "final")):
        first, *others = (f"{index}/{len(order)}" for index in order)
        killed_when_busy(started(name, workspace, first), workspace / writes)
        processes = [started(name, workspace, shard) for shard in (*others, first)]
        assert [process.wait(DEADLINE_SECONDS) for process in processes] == [0] * len(order)
        failed = read_report(workspace / f"reports/{name}-stage.1of{len(order)}.json")
        assert failed is not None and failed.state == "finished"
        finished = run([*stage(name), "--workspace", str(workspace), *FLAGS])
        assert finished.returncode == 0, finished.stderr
        report = read_report(workspace / f"reports/{name}-stage.json")
        assert report is not None
        assert report.counts.processed == 0 and report.counts.skipped == PHOTOS, report
    assert workspace_bytes(workspace) == wanted


@pytest.mark.parametrize("name", ["yolo", "hrn"])
def test_a_shard_that_makes_no_sense_is_refused(fresh: Path, name: str) -> None:
    finished = run([*stage(name), "--workspace", str(fresh), "--shard", "4/3"])
    assert finished.returncode == 2
    assert finished.stderr.startswith(f"{name}-stage: --shard: expected I/N, from 1/N to N/N, got 4/3\n")
