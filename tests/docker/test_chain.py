"""Both stages by Compose on real photos: what a user does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from containers import FLAVOUR, REPO, Compose, Images, Models, give, owners
from PIL import Image

from pose_contract.storage import read_report

if TYPE_CHECKING:
    from docker import DockerClient

USER = 4321
Project = Callable[[Path], Compose]


def copy_of(workspace: Path, to: Path) -> Path:
    """A fresh workspace with the same photos."""
    shutil.copytree(REPO / "workspace-template", to)
    shutil.copytree(workspace / "images", to / "images", dirs_exist_ok=True)
    return to


def test_up_gives_the_records_of_the_local_run(compose: Project, local: Path, tmp_path: Path) -> None:
    workspace = give(copy_of(local, tmp_path / "workspace"), USER)
    finished = compose(workspace)("up")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert owners(workspace) == {(USER, USER)}
    records = [*(local / "annots").glob("*.json"), *(local / "output/poses").glob("*.json")]
    assert len(records) == 2 * len(list((local / "images").glob("*.jpg"))) > 0
    for record in records:
        name = record.relative_to(local)
        assert (workspace / name).read_bytes() == record.read_bytes(), name
    for photo in (workspace / "images").glob("*.jpg"):
        assert Image.open(workspace / "final" / photo.name).size == Image.open(photo).size


def test_after_a_bad_photo_hrn_still_runs(compose: Project, photos: Callable[[int], Path]) -> None:
    workspace = photos(2)
    (workspace / "images/empty.jpg").write_bytes(b"")
    finished = compose(workspace)("run", "--rm", "-T", "hrn")
    assert finished.returncode == 0, finished.stderr
    report = read_report(workspace / "reports/yolo-stage.json")
    assert report is not None and report.counts.failed == 1
    assert len(list((workspace / "final").glob("*.jpg"))) == 2


def test_where_yolo_has_no_weights_hrn_does_not_run(compose: Project, photos: Callable[[int], Path]) -> None:
    workspace, flags = photos(1), "--weights_path weights/none.weights"
    project = compose(workspace)
    finished = project("run", "--rm", "-T", "hrn", YOLO=flags)
    assert finished.returncode != 0
    assert project("ps", "--all", "--format", "{{.Service}} {{.ExitCode}}").stdout.split() == ["yolo", "4"]
    assert not (workspace / "reports/hrn-stage.json").exists()


def test_on_a_workspace_of_someone_else_neither_runs(compose: Project, photos: Callable[[int], Path]) -> None:
    workspace = photos(1)
    project = compose(workspace)
    finished = project("run", "--rm", "-T", "hrn", HOST_UID=str(USER), HOST_GID=str(USER))
    assert finished.returncode != 0
    assert project("ps", "--all", "--format", "{{.Service}} {{.ExitCode}}").stdout.split() == ["yolo", "5"]
    told = project("logs", "--no-log-prefix", "yolo").stdout
    assert f"custom belongs to {os.geteuid()}:{os.getegid()} and cannot be written by {USER}:{USER}" in told
    assert f"sudo chown -R {USER}:{USER}" in told


def test_a_missing_workspace_is_told_and_not_made(compose: Project, tmp_path: Path) -> None:
    finished = compose(tmp_path / "nowhere")("up")
    assert finished.returncode != 0 and "bind source path does not exist" in finished.stderr
    assert not (tmp_path / "nowhere").exists()


def test_the_containers_are_closed(compose: Project, photos: Callable[[int], Path]) -> None:
    """Nothing to write but the workspace, /tmp and the caches; no network; no rights."""
    script = (
        "touch /opt/x 2>/dev/null || touch weights/x 2>/dev/null || echo closed;"
        "touch /tmp/x /tmp/cache/x && echo open;"
        "grep CapEff /proc/self/status; ls /sys/class/net"
    )
    project = compose(give(photos(1), USER))
    for stage in ("yolo", "hrn"):
        finished = project("run", "--rm", "-T", "--no-deps", "--entrypoint", "sh", stage, "-c", script)
        assert finished.stdout.split() == ["closed", "open", "CapEff:", "0" * 16, "lo"], (
            finished.stdout + finished.stderr
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What make needs of the repository to run containers, without a virtual environment or a .env of the user's."""
    checkout = tmp_path / "checkout"
    for folder in ("tools", "workspace-template"):
        shutil.copytree(REPO / folder, checkout / folder)
    for file in ("Makefile", "compose.yaml", "compose.gpu.yaml"):
        shutil.copy(REPO / file, checkout)
    return checkout


def test_make_up_fails_when_a_stage_fails(
    compose: Project, checkout: Path, images: Images, models: Models, photos: Callable[[int], Path]
) -> None:
    workspace = photos(1)
    project = compose(workspace)

    def up(**variables: str) -> subprocess.CompletedProcess[str]:
        named = {"WORKSPACE": str(workspace), "YOLO": " ".join(models.yolo), "HRN": " ".join(models.hrn)} | variables
        command = ["make", "--no-print-directory", "-C", str(checkout), "up", *(f"{n}={v}" for n, v in named.items())]
        environment = os.environ | project.environment | {"MAKEFLAGS": "", "FLAVOUR": FLAVOUR}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    finished = up()
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert f"HOST_UID={os.getuid()}\n" in (checkout / ".env").read_text()
    finished = up(YOLO="--weights_path weights/none.weights")
    assert finished.returncode != 0 and "Error 4" in finished.stderr, finished.stderr
    finished = up(HRN="TEST.FLIP_TESTS true")
    assert finished.returncode != 0 and "Error 4" in finished.stderr, finished.stderr
    (workspace / "images/empty.jpg").write_bytes(b"")
    finished = up()
    assert finished.returncode != 0 and "yolo-stage: 1 failed" in finished.stderr, finished.stderr


@pytest.mark.parametrize("by", ["SIGTERM to make", "timeout"])
def test_make_up_that_is_told_to_stop_leaves_no_container(
    by: str, compose: Project, checkout: Path, engine: DockerClient, models: Models, photos: Callable[[int], Path]
) -> None:
    workspace = photos(1)
    (photo,) = (workspace / "images").glob("*.jpg")
    for number in range(3000):  # links: more than any machine does in the time given
        (workspace / f"images/again-{number:04}.jpg").hardlink_to(photo)
    project = compose(workspace)
    named = {"WORKSPACE": str(workspace), "YOLO": " ".join(models.yolo), "HRN": " ".join(models.hrn)}
    make = ["make", "--no-print-directory", "-C", str(checkout), "up", *(f"{n}={v}" for n, v in named.items())]
    until = ["timeout", "12"] if by == "timeout" else []
    environment = os.environ | project.environment | {"MAKEFLAGS": "", "FLAVOUR": FLAVOUR}
    started = subprocess.Popen([*until, *make], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not until:
        deadline = time.monotonic() + 120
        while not list((workspace / "annots").glob("*.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        started.send_signal(signal.SIGTERM)
    assert started.wait(timeout=120) != 0, "there was something to stop"
    label = {"label": f"com.docker.compose.project={project.environment['COMPOSE_PROJECT_NAME']}"}
    deadline = time.monotonic() + 60
    while engine.containers.list(all=True, filters=label) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not engine.containers.list(all=True, filters=label)
    report = read_report(workspace / "reports/yolo-stage.json")
    assert report is not None and report.state == "interrupted" and not list(workspace.rglob(".tmp-*"))
