"""Disturbed on purpose, through the real commands: kills, signals, permissions, a full disk, two runs at once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Commands, run

from stage_kit.testing import workspace_bytes

KILLS_PER_STAGE = 6


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits until the condition holds or the process ends."""
    deadline = time.monotonic() + 60
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.parametrize("stage", ["yolo", "hrn"])
def test_kill_9_at_any_moment_and_the_rerun_completes(
    stage: str, commands: Commands, photos: Callable[[int], Path], tmp_path: Path
) -> None:
    """Killed six times in a row at seeded moments, then let run: the bytes of an undisturbed run."""
    workspace, undisturbed = photos(6), tmp_path / "undisturbed"
    command = commands.yolo if stage == "yolo" else commands.hrn
    if stage == "hrn":
        assert run(commands.yolo(workspace)).returncode == 0
    shutil.copytree(workspace, undisturbed)
    assert run(command(undisturbed)).returncode == 0
    wanted, rng, killed = workspace_bytes(undisturbed), random.Random(stage), 0
    done = workspace / ("annots" if stage == "yolo" else "output/poses")
    for _ in range(KILLS_PER_STAGE):
        process = subprocess.Popen(command(workspace, "--overwrite"), stderr=subprocess.DEVNULL, text=True)
        target = rng.randrange(6)
        first = {path: path.stat().st_mtime_ns for path in done.glob("*.json")}

        def rewritten(target: int = target, first: dict[Path, int] = first) -> bool:
            with contextlib.suppress(FileNotFoundError):
                now = {path: path.stat().st_mtime_ns for path in done.glob("*.json")}
                return sum(first.get(path) != mtime for path, mtime in now.items()) >= target
            return False

        wait_for(rewritten, process)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
    assert killed >= KILLS_PER_STAGE // 2
    finished = run(command(workspace))
    assert finished.returncode == 0, finished.stderr
    assert workspace_bytes(workspace) == wanted


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("stage", ["yolo", "hrn"])
def test_ctrl_c_and_sigterm_leave_a_clean_state_and_one_line(
    stage: str, number: int, code: int, commands: Commands, photos: Callable[[int], Path]
) -> None:
    workspace = photos(12)
    if stage == "hrn":
        assert run(commands.yolo(workspace)).returncode == 0
    command, done = (
        (commands.yolo(workspace, "--n_cpu", "1"), "annots")
        if stage == "yolo"
        else (commands.hrn(workspace), "output/poses")
    )
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any((workspace / done).glob("*.json")), process)
    process.send_signal(number)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == code, printed
    assert "Traceback" not in printed
    assert "the next run goes on from here" in printed.strip().splitlines()[-1]
    assert not list(workspace.rglob(".tmp-*"))
    report = json.loads((workspace / f"reports/{stage}-stage.json").read_text())
    assert report["state"] == "interrupted"
    finished = run(command)
    assert finished.returncode == 0 and "already done" in finished.stderr, finished.stderr


def test_an_unreadable_photo_fails_alone(
    commands: Commands, photos: Callable[[int], Path], unprivileged: list[str]
) -> None:
    workspace = photos(2)
    first = sorted((workspace / "images").glob("*.jpg"))[0]
    first.chmod(0)
    finished = run([*unprivileged, *commands.yolo(workspace)])
    assert finished.returncode == 3
    assert f"images/{first.name} may not be read\n  -> chmod u+r" in finished.stderr
    assert len(list((workspace / "annots").glob("*.json"))) == 1


def test_a_folder_that_may_not_be_looked_into_stops_the_run_before_anything_is_taken_for_gone(
    commands: Commands, photos: Callable[[int], Path], unprivileged: list[str]
) -> None:
    workspace = photos(2)
    inside = workspace / "images/inside"
    inside.mkdir()
    first = sorted((workspace / "images").glob("*.jpg"))[0]
    first.rename(inside / first.name)
    assert run(commands.yolo(workspace)).returncode == 0
    before = workspace_bytes(workspace)
    inside.chmod(0)
    finished = run([*unprivileged, *commands.yolo(workspace)])
    inside.chmod(0o755)
    assert finished.returncode == 2, finished.stderr
    assert f"cannot look into {inside}" in finished.stderr and "chmod u+rx" in finished.stderr
    assert workspace_bytes(workspace) == before


@pytest.mark.parametrize("stage", ["yolo", "hrn"])
def test_records_that_may_not_be_replaced_stop_the_run(
    stage: str, commands: Commands, photos: Callable[[int], Path], unprivileged: list[str]
) -> None:
    workspace = photos(1)
    assert run(commands.yolo(workspace)).returncode == 0
    command, folder = (commands.yolo, "annots") if stage == "yolo" else (commands.hrn, "output/poses")
    assert run(command(workspace)).returncode == 0
    before = workspace_bytes(workspace)
    (workspace / folder).chmod(0o555)
    finished = run([*unprivileged, *command(workspace, "--overwrite")])
    (workspace / folder).chmod(0o755)
    assert finished.returncode == 5, finished.stderr
    assert "Permission denied" in finished.stderr and "chown" in finished.stderr and "Traceback" not in finished.stderr
    assert workspace_bytes(workspace) == before


@pytest.mark.parametrize("folder", ["annots", "cuts", "inspect", "reports", "final", "output"])
def test_a_read_only_folder_is_named_with_the_command_that_mends_it(
    folder: str, commands: Commands, photos: Callable[[int], Path], unprivileged: list[str]
) -> None:
    workspace = photos(2)
    stage = commands.hrn if folder in ("final", "output") else commands.yolo
    if stage == commands.hrn:
        assert run(commands.yolo(workspace)).returncode == 0
    (workspace / folder).chmod(0o555)
    finished = run([*unprivileged, *stage(workspace)])
    (workspace / folder).chmod(0o755)
    assert finished.returncode == 5, finished.stderr
    assert (
        "Permission denied" in finished.stderr
        and "chown" in finished.stderr
        and str(workspace / folder) in finished.stderr
    )
    assert run(stage(workspace)).returncode == 0


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of its own, of a size that can be changed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "pose-test", str(folder)]
    if os.geteuid() != 0 or run(mount).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield lambda larger: subprocess.run(["mount", "-o", f"remount,size={larger}", str(folder)], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("stage", ["yolo", "hrn"])
def test_a_full_disk_stops_with_5_and_the_rerun_goes_on(
    stage: str, commands: Commands, photos: Callable[[int], Path], tmp_path: Path
) -> None:
    source = photos(12)
    if stage == "hrn":
        assert run(commands.yolo(source)).returncode == 0
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(source, undisturbed)
    command, done = (commands.yolo, "annots") if stage == "yolo" else (commands.hrn, "output/poses")
    assert run(command(undisturbed)).returncode == 0
    used = sum(path.stat().st_size for path in source.rglob("*") if path.is_file()) // 1024
    with small_disk(tmp_path / "disk", f"{used + 1000}k") as resize:
        workspace = tmp_path / "disk/workspace"
        shutil.copytree(source, workspace)
        finished = run(command(workspace))
        assert finished.returncode == 5, finished.stderr
        assert "No space left on device" in finished.stderr and "free some disk space" in finished.stderr
        assert not list(workspace.rglob(".tmp-*"))
        assert 0 < len(list((workspace / done).glob("*.json"))) < 12
        resize("100m")
        finished = run(command(workspace))
        assert finished.returncode == 0 and "already done" in finished.stderr, finished.stderr
        assert workspace_bytes(workspace) == workspace_bytes(undisturbed)


def test_two_runs_at_once(commands: Commands, photos: Callable[[int], Path]) -> None:
    workspace = photos(12)
    first = subprocess.Popen(commands.yolo(workspace), stderr=subprocess.DEVNULL, text=True)
    lock = workspace / "reports/.yolo-stage.lock"
    wait_for(lambda: lock.exists() and "process" in lock.read_text(), first)
    first.send_signal(signal.SIGSTOP)
    second = run(commands.yolo(workspace))
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 5
    assert f"already running on {workspace}: process {first.pid} on" in second.stderr
    assert first.wait() == 0


def test_no_images_no_annots(commands: Commands, photos: Callable[[int], Path]) -> None:
    workspace = photos(1)
    finished = run(commands.hrn(workspace))
    assert finished.returncode == 2 and "run yolo-stage first: make yolo" in finished.stderr
    shutil.rmtree(workspace / "images")
    assert run(commands.yolo(workspace)).returncode == 2
