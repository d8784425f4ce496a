from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stage_kit.command.container import own_caches

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """Where a container starts: custom/ is mounted; the stage is one that says who runs it with which flags."""
    (tmp_path / "custom/annots").mkdir(parents=True)
    (tmp_path / "probe_stage").mkdir()
    (tmp_path / "probe_stage/cli.py").write_text("import os, sys; print(os.getuid(), os.getgid(), *sys.argv[1:])")
    return tmp_path


def run(workdir: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # pytest's folders are closed to others: whoever the stage becomes must get at them all the same.
    for folder in (workdir, *list(workdir.parents)[:2]):
        folder.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "POSE_WORKSPACE"}
    return subprocess.run(command, cwd=workdir, env=environment, capture_output=True, text=True, check=False)


def start(workdir: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return run(workdir, sys.executable, "-m", "stage_kit.command.container", "probe-stage", *flags)


def start_as(uid: int, workdir: Path) -> subprocess.CompletedProcess[str]:
    """The start by another user, short of becoming the stage: the interpreter may lie where that user cannot look."""
    code = (
        "import os; from stage_kit.command.container import *; os.execvp = lambda *_: print(os.getuid(), os.getgid());"
        f"os.setgroups([]) or os.setgid({uid}) or os.setuid({uid}); main(['probe-stage'])"
    )
    return run(workdir, sys.executable, "-c", code)


def test_it_becomes_the_stage_with_its_flags(workdir: Path) -> None:
    started = start(workdir, "--label", "a b")
    assert started.stdout == f"{os.getuid()} {os.getgid()} --label a b\n"


@pytest.mark.parametrize("flag", ["--help", "-h", "--version"])
def test_without_a_workspace_it_answers_questions(workdir: Path, flag: str) -> None:
    (workdir / "custom").rename(workdir / "elsewhere")
    assert start(workdir, flag).returncode == 0


@pytest.mark.parametrize(
    ("flags", "mount"),
    [
        ((), "pose-estimation"),
        (("--workspace", "there"), "there"),
        (("--workspace=there",), "there"),
        (("--image_folder", "there/images"), "there"),
    ],
)
def test_a_workspace_that_is_not_mounted(workdir: Path, flags: tuple[str, ...], mount: str) -> None:
    (workdir / "custom").rename(workdir / "elsewhere")
    started = start(workdir, *flags)
    assert started.returncode == 2
    assert f"no workspace is mounted at {workdir / mount}" in started.stderr
    assert "docker run -v" in started.stderr and "Traceback" not in started.stderr


def test_the_empty_folder_that_docker_makes(workdir: Path) -> None:
    (workdir / "custom/annots").rmdir()
    started = start(workdir)
    assert started.returncode == 2 and "is empty" in started.stderr and "make workspace" in started.stderr


@ROOT_ONLY
def test_root_becomes_the_workspaces_owner(workdir: Path) -> None:
    for folder in (workdir / "custom", workdir / "custom/annots"):
        os.chown(folder, 1234, 2345)
    assert start_as(0, workdir).stdout == "1234 2345\n"


@ROOT_ONLY
def test_root_that_may_not_change_its_user_says_so(workdir: Path) -> None:
    os.chown(workdir / "custom", 1234, 2345)
    without_right = ("setpriv", "--bounding-set=-setuid,-setgid")
    started = run(workdir, *without_right, sys.executable, "-m", "stage_kit.command.container", "probe-stage")
    assert started.returncode == 5 and "docker run --user 1234:2345" in started.stderr


@ROOT_ONLY
@pytest.mark.parametrize("folder", ["custom", "custom/annots"])
def test_what_belongs_to_someone_else_is_told_before_the_run(workdir: Path, folder: str) -> None:
    for part in ("custom", "custom/annots"):
        os.chown(workdir / part, 1234, 1234)
    os.chown(workdir / folder, 0, 0)
    started = start_as(1234, workdir)
    assert started.returncode == 5
    assert f"{folder} belongs to 0:0 and cannot be written by 1234:1234" in started.stderr
    assert "HOST_UID=0 HOST_GID=0" in started.stderr and "sudo chown -R 1234:1234" in started.stderr


@ROOT_ONLY
def test_photos_may_belong_to_anyone(workdir: Path) -> None:
    for part in ("custom", "custom/annots"):
        os.chown(workdir / part, 1234, 1234)
    (workdir / "custom/images").mkdir(mode=0o555)
    assert start_as(1234, workdir).stdout == "1234 1234\n"


def test_each_user_has_caches_of_their_own() -> None:
    """So that one volume works for whoever comes second."""
    assert own_caches({}, 7) == {}
    environment = {"HOME": "/tmp", "XDG_CACHE_HOME": "/tmp/cache", "TORCH_HOME": "/tmp/cache/torch", "X": "/tmp/cached"}
    assert own_caches(environment, 7) == {"XDG_CACHE_HOME": "/tmp/cache/7", "TORCH_HOME": "/tmp/cache/7/torch"}
