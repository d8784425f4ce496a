"""What make asks of Docker, by a Docker that writes down what it is asked: no engine is needed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from conftest import REPO, run

# `run` lasts until its container is stopped, as a long run does; the container outlives SIGTERM to the command line.
FAKE = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$FAKE_DOCKER/asked"
case "$1 $2" in
"compose run")
    name=$(printf '%s\\n' "$@" | sed -n '/^--name$/{n;p}')
    [ -z "${FAKE_LASTS:-}" ] && exit 0
    touch "$FAKE_DOCKER/running-$name"
    trap 'exit 143' TERM
    while [ -e "$FAKE_DOCKER/running-$name" ]; do sleep 0.05; done
    exit 143 ;;
"stop --time") rm "$FAKE_DOCKER/running-$4" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What make needs of the repository for containers, with a fake Docker beside it and without .venv."""
    checkout = tmp_path / "checkout"
    for folder in ("tools", "workspace-template"):
        shutil.copytree(REPO / folder, checkout / folder)
    for stage in ("yolo", "hrn"):
        source = f"{stage}-stage/src/{stage}_stage/weights.toml"
        (checkout / source).parent.mkdir(parents=True)
        shutil.copy(REPO / source, checkout / source)
    for file in ("Makefile", "compose.yaml", "compose.gpu.yaml"):
        shutil.copy(REPO / file, checkout)
    (tmp_path / "bin").mkdir()
    for name, text in (("docker", FAKE), ("nvidia-smi", "#!/bin/sh\nexit 9\n")):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return checkout


def environment(checkout: Path, **more: str) -> dict[str, str]:
    left = {name: value for name, value in os.environ.items() if not name.startswith(("POSE_", "MAKE"))}
    path = f"{checkout.parent / 'bin'}:{left['PATH']}"
    return left | {"PATH": path, "FAKE_DOCKER": str(checkout.parent)} | more


def make(checkout: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "-C", str(checkout), *words]
    return run(command, env=environment(checkout, **more))


def asked(checkout: Path) -> list[str]:
    file = checkout.parent / "asked"
    return file.read_text().splitlines() if file.exists() else []


def test_without_a_gpu_the_cpu_flavour_is_built_and_the_users_own_lines_win(checkout: Path) -> None:
    assert make(checkout, "workspace").returncode == 0
    assert "FLAVOUR=cpu\n" in (checkout / ".env").read_text()
    (checkout / ".env").write_text((checkout / ".env").read_text() + "FLAVOUR=cuda\n")
    assert make(checkout, "workspace").returncode == 0
    lines = [line for line in (checkout / ".env").read_text().splitlines() if line.startswith("FLAVOUR")]
    assert lines == ["FLAVOUR=cpu", "FLAVOUR=cuda"]  # Compose takes the last


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_make_that_is_told_to_stop_leaves_no_container(checkout: Path, told: signal.Signals) -> None:
    assert make(checkout, "workspace").returncode == 0
    command = ["make", "-C", str(checkout), "up"]
    started = subprocess.Popen(
        command, env=environment(checkout, FAKE_LASTS="1"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(checkout.parent.glob("running-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    (running,) = checkout.parent.glob("running-*")
    if told is signal.SIGINT:
        os.killpg(started.pid, told)  # a terminal's Ctrl-C reaches all
    else:
        started.send_signal(told)
    assert started.wait(timeout=60) != 0
    while running.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running.exists() and any(line.startswith("stop --time") for line in asked(checkout))
    assert not any(" hrn " in line for line in asked(checkout))


def test_where_workspace_and_weights_lie_means_the_same_to_make_and_compose(checkout: Path) -> None:
    one, other = checkout.parent / "my photos", checkout.parent / "other"
    (checkout / ".env").write_text(f'POSE_WORKSPACE="{one}"\nPOSE_WEIGHTS={checkout.parent / "w"}\n')
    assert make(checkout, "workspace", f"WORKSPACE={one}").returncode == 0
    rule = "shown: ; @echo '$(POSE_WORKSPACE):$(POSE_WEIGHTS)'"
    for words, more, expected in (
        ((), {}, f"{one}:{checkout.parent / 'w'}"),
        ((), {"POSE_WORKSPACE": str(other)}, f"{other}:{checkout.parent / 'w'}"),
        ((f"WORKSPACE={other}",), {"POSE_WORKSPACE": "third"}, f"{other}:{checkout.parent / 'w'}"),
        ((), {"POSE_WEIGHTS": "elsewhere"}, f"{one}:elsewhere"),
    ):
        finished = make(checkout, "--eval", rule, "shown", *words, **more)
        assert finished.stdout.strip() == expected, finished.stderr
    (checkout / ".env").unlink()
    finished = make(checkout, "--eval", rule, "shown")
    assert finished.stdout.strip() == f"pose-estimation:{checkout}/weights"


def test_status_and_weights_need_no_virtual_environment(checkout: Path) -> None:
    assert make(checkout, "workspace").returncode == 0
    assert make(checkout, "status").returncode == 0
    assert make(checkout, "weights").returncode == 0
    assert make(checkout, "weights", "NAME=hrnet_w32_coco_256x192-c78dce93_20200708.pth", "TRUST=1").returncode == 0
    assert make(checkout, "weights", "NAME=yolov3-tiny.weights").returncode == 0
    ends = [line.split(" --name ")[1].split(" ", 1)[1] for line in asked(checkout)]
    assert ends[:4] == [
        "--entrypoint python yolo -m stage_kit.command.pose status custom",
        "--entrypoint python hrn -m stage_kit.command.pose status custom",
        "yolo-weights",
        "hrn-weights",
    ]
    assert ends[4].startswith("hrn-weights hrnet_w32_coco") and ends[4].endswith("--trust")
    assert ends[5] == "yolo-weights yolov3-tiny.weights"
    assert not (checkout / ".venv").exists()


def test_only_what_fetches_weights_has_a_network_and_may_write_them() -> None:
    services = yaml.safe_load((REPO / "compose.yaml").read_text())["services"]
    for name, service in services.items():
        fetches = name.endswith("-weights")
        mounts = [entry for entry in service["volumes"] if entry["target"].endswith("/weights")]
        assert len(mounts) == (name != "motion"), name  # which has no network, and so no weights
        assert (service["network_mode"] == "bridge") == (fetches or name == "app"), name  # a browser calls it
        assert all(fetches == (not mount.get("read_only", False)) for mount in mounts), name
        own = [name] if name in ("openpose", "app") else []
        assert service.get("profiles", []) == (["weights"] if fetches else own)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
