"""What `pose doctor` finds of the machine: its GPU, Docker, and what packages ask for."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from pose_contract.errors import USAGE

OK, NOTE, BAD = "ok", "note", "bad"
ANSWERS_WITHIN_SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """One line: `kind` is ok, note (something that a run can do without) or bad."""

    kind: str
    text: str
    remedy: str = ""
    exit_code: int = USAGE

    def line(self) -> str:
        """`bad   no stage is installed -> make setup`."""
        remedy = " ".join(self.remedy.split())
        helps = f" -> {remedy}" if remedy and self.kind != OK else ""
        return f"{self.kind:5} {self.text}{helps}"


def gpu_findings() -> Iterator[Finding]:
    """NVIDIA's GPUs, and whether PyTorch, the engine that takes them, is there."""
    names = _answer("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    if names is None:
        there = shutil.which("nvidia-smi") is not None
        if there:
            yield Finding(NOTE, "nvidia-smi finds no GPU; the CPU computes", "look at what nvidia-smi says")
        else:
            yield Finding(OK, "no NVIDIA GPU: the CPU computes")
        return
    gpu = ", ".join(names.splitlines())
    if find_spec("torch") is None:
        yield Finding(NOTE, f"GPU: {gpu}; nothing here uses it", "make setup TORCH=1 installs PyTorch")
        return
    from stage_kit.networks.device import sees_cuda

    if sees_cuda():
        yield Finding(OK, f"GPU: {gpu}")
    else:
        yield Finding(NOTE, f"GPU: {gpu}; PyTorch does not see it", "look at CUDA_VISIBLE_DEVICES and at the driver")


def docker_findings() -> Iterator[Finding]:
    """Docker, Compose and the engine; containers are the other way to run, so nothing of this is wrong."""
    if shutil.which("docker") is None:
        yield Finding(NOTE, "Docker is not installed: no containers", "only `make up` and `make build` need it")
        return
    compose = _answer("docker", "compose", "version", "--short")
    if compose is None:
        yield Finding(NOTE, "Docker has no Compose", "install its plug-in, docker-compose-plugin: `make up` needs it")
        return
    engine = _answer("docker", "info", "--format", "{{.ServerVersion}}")
    if engine is None:
        remedy = "start it, or join the group docker: sudo usermod -aG docker $USER"
        yield Finding(NOTE, f"Docker with Compose {compose}, but its engine does not answer", remedy)
        return
    yield Finding(OK, f"Docker {engine} with Compose {compose}")


def _answer(*command: str) -> str | None:
    """What a program prints; None where it is not there, fails, prints nothing, or takes too long."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=ANSWERS_WITHIN_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def name_of_requirement(requirement: str) -> str | None:
    """`numpy>=2` -> `numpy`; None for one that an extra asks for, or that a marker limits."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    return name[0] if name and ";" not in requirement else None
