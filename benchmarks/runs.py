"""Whole runs of the stages, as a user starts them, measured from outside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).parents[1]
STAGES = {"yolo": ("images", "inspect"), "hrn": ("crops", "final")}
PYTHON = REPO / ".venv/bin/python"
# yolo-torch's measures pytorchyolo beside the other engines, so it stands where the GPL does.
NETWORKS = {
    stage: REPO / folder / "benchmarks/networks.py" for stage, folder in (("yolo", "yolo-torch"), ("hrn", "hrn-stage"))
}
DEMO_PHOTOS = REPO / "tools/demo-photos"
# Installed packages are compiled once and for all, as they are on a user's machine.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class StageRun:
    """One run of a whole stage.

    Attributes:
        seconds: wall time from start to exit.
        cpu_seconds: user and system time of the process and its children.
        first_seconds: until the first picture was written.
        peak_mb: largest resident set.
        items: images, or people, that went through the network.
        precision: what the network ran in.
        rerun: whether all had been done before.
    """

    stage: str
    network: str
    photos: int
    items: int
    seconds: float
    cpu_seconds: float
    first_seconds: float
    peak_mb: float
    precision: str
    rerun: bool


def fill(images: Path, photos: Path | None, count: int) -> None:
    """`count` JPEGs with people, copies of a few under new names."""
    folder = photos or DEMO_PHOTOS
    sources = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    images.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        source = sources[number % len(sources)]
        shutil.copy(source, images / f"{number:05}{source.suffix}")


def run_stage(
    stage: str, workspace: Path, cache: Path, network: str, flags: Sequence[str], rerun: bool = False
) -> StageRun:
    """One run of a stage's command, measured from outside. `network` is the name of its row in the engines' table."""
    command = [str(PYTHON), "-m", f"{stage}_stage.cli", "--workspace", str(workspace), "--quiet", *flags]
    first: list[float] = []
    over = threading.Event()
    begun = time.perf_counter()

    def watch() -> None:
        folder = workspace / STAGES[stage][1]
        while not first and not over.is_set():
            if any(path.suffix == ".jpg" for path in folder.rglob("*.jpg")):
                first.append(time.perf_counter() - begun)
            time.sleep(0.02)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    process = subprocess.Popen(command, env=ENVIRONMENT | {"POSE_CACHE": str(cache)})
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    over.set()
    watcher.join()
    if status:
        sys.exit(f"{stage}-stage failed: {status}")
    report = json.loads((workspace / f"reports/{stage}-stage.json").read_text(encoding="utf-8"))
    counts = report["counts"]
    items = 0 if rerun else counts["images"] if stage == "yolo" else counts["people"]
    return StageRun(
        stage=stage,
        network=network,
        photos=counts["images"],
        items=items,
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        first_seconds=first[0] if first else seconds,
        peak_mb=usage.ru_maxrss / 1024,
        precision=report["options"]["precision"],
        rerun=rerun,
    )


def stage_runs(
    folder: Path, rows: list[dict[str, Any]], photos: Path | None, embedded_counts: list[int], large_counts: list[int]
) -> list[StageRun]:
    """Both stages with the embedded networks, and with YOLOv3 and HRNet-W32 of made-up parameters.

    A small run fills the caches; then the measured one, and a rerun.
    """
    embedded = {
        stage: next(row["network"] for row in rows if is_embedded(row) and stage_of(row) == stage) for stage in STAGES
    }
    large = {
        stage: next(row["network"] for row in rows if not is_embedded(row) and stage_of(row) == stage)
        for stage in STAGES
    }
    flags = {embedded[stage]: ["--weights", "lite"] for stage in STAGES} | large_flags(large, folder)
    runs = []
    for networks, counts in ((embedded, embedded_counts), (large, large_counts)):
        for count in (2, *counts) if counts else ():
            workspace = folder / f"w{count}"
            shutil.copytree(REPO / "workspace-template", workspace)
            fill(workspace / "images", photos, count)
            for stage, network in networks.items():
                if networks is large and stage == "hrn":  # made-up YOLOv3 finds nobody
                    run_stage("yolo", workspace, folder, embedded["yolo"], flags[embedded["yolo"]])
                chosen = flags[network]
                both = [run_stage(stage, workspace, folder, network, chosen, rerun) for rerun in (False, True)]
                runs += both if count != 2 else []
            shutil.rmtree(workspace)
    return runs


def large_flags(large: dict[str, str], folder: Path) -> dict[str, list[str]]:
    """Flags of the stages for networks of the published size; writes their made-up parameters."""
    yaml = REPO / "workspace-template/w32_256x256_adam_lr1e-3.yaml"
    files = {"yolo": folder / "made-up.weights", "hrn": folder / "w32.pth"}
    for stage, file in files.items():
        command = [str(PYTHON), str(NETWORKS[stage]), str(file)]
        environment = {**os.environ, "PYTHONPATH": str(REPO / "benchmarks")}
        subprocess.run([*command, str(yaml)], check=True, env=environment)
    return {
        large["yolo"]: ["--weights_path", str(files["yolo"])],
        large["hrn"]: ["--cfg", str(yaml), "TEST.MODEL_FILE", str(files["hrn"])],
    }


def is_embedded(row: dict[str, Any]) -> bool:
    """Whether the row is of a network that comes with the clone."""
    return "lite" in row["network"]


def stage_of(row: dict[str, Any]) -> str:
    """hrn's networks are named with width and height of their input, yolo's with one side."""
    return "hrn" if "x" in row["network"].rpartition("-")[2] else "yolo"
