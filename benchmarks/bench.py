"""`make bench`: how fast the engines and the stages are on this machine; prints tables, writes them and the numbers.

Engines take turns within one run, so that ratios hold on a machine whose speed varies. Workloads are made on the spot
from the photos of a folder (default: scikit-image's two with people), copied under new names.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).parents[1]
STAGES = {"yolo": ("images", "inspect"), "hrn": ("crops", "final")}


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


def python_of(stage: str) -> Path:
    """The interpreter of a stage's environment."""
    return REPO / f"{stage}-stage/.venv/bin/python"


def engine_rows(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """The networks of both stages by all engines."""
    yamls = [REPO / "workspace-template/w32_256x256_adam_lr1e-3.yaml"]
    yamls += sorted((REPO / "hrn-stage/src/hrn_stage/models/lite").glob("*.yaml"))
    rows = []
    for stage, last in (("yolo", []), ("hrn", [str(path) for path in yamls])):
        out = folder / f"{stage}.json"
        script = REPO / f"{stage}-stage/benchmarks/networks.py"
        command = [str(python_of(stage)), str(script), str(out), str(args.rounds), str(args.seconds), *last]
        environment = {**os.environ, "PYTHONPATH": str(REPO / "benchmarks"), "POSE_CACHE": str(folder)}
        subprocess.run(command, check=True, env=environment)
        rows += json.loads(out.read_text(encoding="utf-8"))["rows"]
    return rows


def fill(images: Path, photos: Path | None, count: int) -> None:
    """`count` photos with people, copies of a few under new names."""
    if photos is None:
        ask = "import importlib.util as u; print(u.find_spec('skimage').submodule_search_locations[0])"
        place = subprocess.run([python_of("yolo"), "-c", ask], check=True, capture_output=True, text=True).stdout
        sources = [Path(place.strip(), "data", name) for name in ("astronaut.png", "camera.png")]
    else:
        sources = sorted(path for path in photos.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    images.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        source = sources[number % len(sources)]
        shutil.copy(source, images / f"{number:05}{source.suffix}")


def run_stage(stage: str, workspace: Path, network: str, flags: Sequence[str], rerun: bool = False) -> StageRun:
    """One run of a stage's command, measured from outside. `network` is the name of its row in the engines' table."""
    command = [str(python_of(stage)), "-m", f"{stage}_stage.cli", "--workspace", str(workspace), "--quiet", *flags]
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
    process = subprocess.Popen(command)
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


def stage_runs(args: argparse.Namespace, folder: Path, rows: list[dict[str, Any]]) -> list[StageRun]:
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
    for networks, counts in ((embedded, args.photos), (large, args.large)):
        for count in (2, *counts) if counts else ():
            workspace = folder / f"w{count}"
            shutil.copytree(REPO / "workspace-template", workspace)
            fill(workspace / "images", args.folder, count)
            for stage, network in networks.items():
                if networks is large and stage == "hrn":  # made-up YOLOv3 finds nobody
                    run_stage("yolo", workspace, embedded["yolo"], flags[embedded["yolo"]])
                both = [run_stage(stage, workspace, network, flags[network], rerun) for rerun in (False, True)]
                runs += both if count != 2 else []
            shutil.rmtree(workspace)
    return runs


def large_flags(large: dict[str, str], folder: Path) -> dict[str, list[str]]:
    """Flags of the stages for networks of the published size; writes their made-up parameters."""
    yaml = REPO / "workspace-template/w32_256x256_adam_lr1e-3.yaml"
    files = {"yolo": folder / "yolov3.weights", "hrn": folder / "w32.pth"}
    for stage, file in files.items():
        command = [str(python_of(stage)), str(REPO / f"{stage}-stage/benchmarks/networks.py"), str(file)]
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


def engine_table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| network | engine | precision | batch | per second | to eager PyTorch | of the matmul peak |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['network']} | {row['engine']} | {row['precision']} | {row['batch']} | {row['per_second']:.1f} "
            f"± {100 * row['spread']:.0f} % | {row['ratio']:.2f} | {100 * row['roofline']:.0f} % |"
        )
    return "\n".join(lines)


def stage_table(runs: list[StageRun], rows: list[dict[str, Any]]) -> str:
    """Markdown: beside the wall time the network's own, from its row in the engines' table."""
    cores = len(os.sched_getaffinity(0))
    lines = [
        "| stage, network | photos | images or people | wall s | over the network's own time | cores busy "
        "| CPU ms per item outside the network | first picture s | peak MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        if run.rerun:
            continue
        key = (run.network, "openvino", run.precision)
        rates = [row["per_second"] for row in rows if (row["network"], row["engine"], row["precision"]) == key]
        passes = 2 if run.stage == "hrn" else 1  # the flip test
        network = passes * run.items / rates[0]
        outside = 1000 * (run.cpu_seconds - network * cores) / max(1, run.items)
        lines.append(
            f"| {run.stage}, {run.network} {run.precision} | {run.photos} | {run.items} | {run.seconds:.1f} "
            f"| {run.seconds / network:.2f} | {100 * run.cpu_seconds / run.seconds / cores:.0f} % | {outside:.1f} "
            f"| {run.first_seconds:.2f} "
            f"| {run.peak_mb:.0f} |"
        )
    again = [f"{run.network} {run.photos} photos {run.seconds:.1f} s" for run in runs if run.rerun]
    return "\n".join(lines) + f"\n\nReruns of what is done: {', '.join(again)}."


def machine() -> str:
    """The processor, its cores, and what matters of its instructions."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), "unknown")
    known = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16") if f" {flag}" in text]
    return f"{name}, {len(os.sched_getaffinity(0))} cores, {', '.join(known)}; Python {platform.python_version()}"


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="per engine and round")
    parser.add_argument("--photos", type=int, nargs="*", default=[200], help="photos of the whole runs")
    parser.add_argument("--large", type=int, nargs="*", default=[100], help="likewise with YOLOv3 and HRNet-W32")
    parser.add_argument("--folder", type=Path, help="take photos from here")
    parser.add_argument("--out", type=Path, default=REPO / "benchmarks/results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pose-bench-") as folder:
        rows = engine_rows(args, Path(folder))
        os.environ["POSE_CACHE"] = folder
        runs = stage_runs(args, Path(folder), rows)
    text = f"{machine()}\n\n{engine_table(rows)}\n\n{stage_table(runs, rows)}\n"
    print(text)
    numbers = {"machine": machine(), "engines": rows, "stages": [asdict(run) for run in runs]}
    (args.out / "table.md").write_text(text, encoding="utf-8")
    (args.out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
