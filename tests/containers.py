"""What tests/docker shares: an engine, the two images, the models they run, and a local run to compare with.

`make test-docker` brings an engine where there is none. What a test makes it removes: containers and images by the
names and ids that it got, never by a sweep.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

REPO = Path(__file__).parents[1]
FLAVOUR = os.environ.get("FLAVOUR") or "cpu"
BASE_IMAGE = os.environ.get("BASE_IMAGE") or "python:3.11-slim"
STAGES = ("yolo", "hrn")
EMBEDDED = all((REPO / f"{name}-stage/src/{name}_stage/models/lite").is_dir() for name in STAGES)


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """A Docker engine with Compose; without one, tests skip with the reason, or fail under REQUIRE_DOCKER=1."""
    import docker

    reason = os.environ.get("NO_DOCKER", "")
    client = None
    with contextlib.suppress(docker.errors.DockerException):
        client = docker.from_env(timeout=600)
    if client is None:
        reason = reason or "no Docker engine answers (make test-docker brings one where it can)"
    elif subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        reason = reason or "there is no docker compose"
    if reason:
        (pytest.fail if os.environ.get("REQUIRE_DOCKER") == "1" else pytest.skip)(reason)
    assert client is not None
    yield client
    client.close()


@dataclass(frozen=True)
class Images:
    """The two images under test, under a tag that is theirs alone."""

    tag: str
    seconds: float

    def name(self, stage: str) -> str:
        return f"pose/{stage}-stage:{self.tag}"


@pytest.fixture(scope="session")
def images(engine: DockerClient) -> Iterator[Images]:
    """Both images, built by Compose as a user builds them."""
    tag = f"test-{os.getpid()}"
    started = time.monotonic()
    environment = os.environ | {"POSE_TAG": tag, "FLAVOUR": FLAVOUR, "COMPOSE_FILE": "compose.yaml"}
    built = subprocess.run(
        ["docker", "compose", "build"], cwd=REPO, env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
    images = Images(tag, time.monotonic() - started)
    yield images
    for stage in STAGES:
        engine.images.remove(images.name(stage), force=True)


@dataclass(frozen=True)
class Finished:
    """How a container ended."""

    code: int
    output: str


@dataclass
class Containers:
    """Single containers of the images under test, through the engine's API."""

    engine: DockerClient
    images: Images
    weights: Path
    started: list[Container] = field(default_factory=list)

    def start(self, stage: str, flags: Sequence[str], workspace: Path | None, **options: Any) -> Container:
        volumes = [f"{self.weights}:/{stage}/weights:ro"]
        if workspace is not None:
            volumes.append(f"{workspace}:/{stage}/custom")
        container = self.engine.containers.run(
            self.images.name(stage), list(flags), volumes=volumes, detach=True, **options
        )
        self.started.append(container)
        return container

    def run(self, stage: str, flags: Sequence[str], workspace: Path | None = None, **options: Any) -> Finished:
        return ended(self.start(stage, flags, workspace, **options))


def ended(container: Container) -> Finished:
    code = container.wait(timeout=300)["StatusCode"]
    return Finished(code, container.logs().decode())


@pytest.fixture
def containers(engine: DockerClient, images: Images, models: Models) -> Iterator[Containers]:
    containers = Containers(engine, images, models.weights)
    yield containers
    for container in containers.started:
        container.remove(force=True)


@dataclass(frozen=True)
class Compose:
    """One project of Compose on one workspace."""

    environment: dict[str, str]

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "compose", *arguments],
            cwd=REPO,
            env=os.environ | self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def compose(images: Images, models: Models) -> Iterator[Callable[[Path], Compose]]:
    """A project on a workspace, run as its owner with the models under test; gone afterwards."""
    projects: list[Compose] = []

    def project(workspace: Path) -> Compose:
        owner = workspace.parent.stat() if not workspace.exists() else workspace.stat()
        environment = {
            "COMPOSE_PROJECT_NAME": f"{images.tag}-{len(projects)}",
            "COMPOSE_FILE": "compose.yaml",
            "POSE_TAG": images.tag,
            "POSE_WORKSPACE": str(workspace),
            "POSE_WEIGHTS": str(models.weights),
            "HOST_UID": str(owner.st_uid),
            "HOST_GID": str(owner.st_gid),
            "YOLO": " ".join(models.yolo),
            "HRN": " ".join(models.hrn),
        }
        projects.append(Compose(environment))
        return projects[-1]

    yield project
    for made in projects:
        made("down", "--volumes", "--timeout", "1")


@dataclass(frozen=True)
class Models:
    """The flags that choose the models inside a container, and the folder mounted as weights/."""

    weights: Path
    yolo: tuple[str, ...]
    hrn: tuple[str, ...]

    def locally(self, flags: Sequence[str]) -> list[str]:
        """The same flags for a run outside a container."""
        return [str(self.weights / flag[len("weights/") :]) if flag.startswith("weights/") else flag for flag in flags]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Models:
    """The embedded weights where the stages carry some, else the small ones in shared/."""
    if EMBEDDED:
        lite = ("--weights", "lite")
        weights = tmp_path_factory.mktemp("weights")
        weights.chmod(0o755)  # other users run containers too
        return Models(weights, lite, lite)
    shared: Path = request.getfixturevalue("shared")
    yolo = ("--model_def", "weights/yolo-fastest-1.1-xl.cfg")
    return Models(shared / "weights", yolo, ("--cfg", "weights/hrnet_lite_mpii16_128x128.yaml"))


@pytest.fixture(scope="session")
def local(models: Models, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which both stages ran over all photos, without containers."""
    workspace = tmp_path_factory.mktemp("local") / "workspace"
    shutil.copytree(REPO / "workspace-template", workspace)
    for photo in (shared / "photos").glob("*.jpg"):
        shutil.copy(photo, workspace / "images")
    for stage, flags in (("yolo", models.yolo), ("hrn", models.hrn)):
        command = [str(REPO / f".venv/bin/{stage}-stage"), "--workspace", str(workspace)]
        subprocess.run([*command, *models.locally(flags)], check=True, capture_output=True)
    return workspace


def give(workspace: Path, uid: int) -> Path:
    """Makes the workspace another user's, as on a machine where the caller is not root."""
    for path in (workspace, *workspace.rglob("*")):
        os.chown(path, uid, uid)
    return workspace


def owners(workspace: Path) -> set[tuple[int, int]]:
    """Whom the files of a workspace belong to."""
    return {(path.stat().st_uid, path.stat().st_gid) for path in workspace.rglob("*")}
