"""What the tests that cross the stages share: the commands, and real photos with small weights."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from stage_kit.pictures.images import read_image
from stage_kit.videos.writer import write_movie

pytest_plugins = ["containers"]

REPO = Path(__file__).parents[1]
SHARED = Path(os.environ.get("POSE_SHARED") or REPO.parent / "shared")

# A shell's background job, as CI may be one, starts with Ctrl-C ignored, and so would the commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Photos, weights and reference numbers that are not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there (POSE_SHARED names the folder with photos and weights)")
    return SHARED


@dataclass(frozen=True)
class Commands:
    """The stages' commands as they are run on real photos, with the small weights in shared/."""

    shared: Path

    def yolo(self, workspace: Path, *flags: str) -> list[str]:
        model = self.shared / "weights/yolo-fastest-1.1-xl.cfg"
        return [*stage("yolo"), "--workspace", str(workspace), "--model_def", str(model), *flags]

    def hrn(self, workspace: Path, *flags: str) -> list[str]:
        yaml = self.shared / "weights/hrnet_lite_mpii16_128x128.yaml"
        return [*stage("hrn"), "--workspace", str(workspace), "--cfg", str(yaml), *flags]


def stage(name: str) -> list[str]:
    return [str(REPO / f".venv/bin/{name}-stage")]


def run(command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; its output is in the failure message of whatever is asserted about it."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def commands(shared: Path) -> Commands:
    return Commands(shared)


@pytest.fixture
def photos(shared: Path, tmp_path: Path) -> Callable[[int], Path]:
    """A fresh workspace with the first `count` real photos."""

    def fill(count: int) -> Path:
        workspace = tmp_path / "workspace"
        shutil.copytree(REPO / "workspace-template", workspace)
        for photo in sorted((shared / "photos").glob("*.jpg"))[-count:]:
            shutil.copy(photo, workspace / "images")
        return workspace

    return fill


@pytest.fixture(scope="session")
def unprivileged() -> list[str]:
    """A prefix under which file permissions count, also for root."""
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if shutil.which("setpriv") is None or run([*prefix, "true"]).returncode:
        pytest.skip("root, and no setpriv to give up its rights with")
    return prefix


def write_moving_man(path: Path, frames: int) -> None:
    """A film of 30 frames a second: a part of a photo of a man with his camera, which moves by a pixel a frame."""
    photo = read_image(REPO / "tools/demo-photos/camera.jpg")
    side = min(photo.shape[:2]) - frames
    with write_movie(path, (side, side), 30) as movie:
        for number in range(frames):
            movie.add(photo[:side, number : number + side], number / 30)
