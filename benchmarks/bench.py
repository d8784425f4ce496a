"""`make bench`: how fast the engines and the stages are on this machine; prints tables, writes them and the numbers.

Engines take turns within one run, so that ratios hold on a machine whose speed varies. Workloads are made on the spot
from the photos of a folder (default: scikit-image's two with people), copied under new names.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runs import NETWORKS, PYTHON, REPO, StageRun, stage_runs


def engine_rows(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """The networks of both stages by all engines."""
    yamls = [REPO / "workspace-template/w32_256x256_adam_lr1e-3.yaml"]
    yamls += sorted((REPO / "hrn-stage/src/hrn_stage/models/lite").glob("*.yaml"))
    rows = []
    for stage, last in (("yolo", []), ("hrn", [str(path) for path in yamls])):
        out = folder / f"{stage}.json"
        script = NETWORKS[stage]
        command = [str(PYTHON), str(script), str(out), str(args.rounds), str(args.seconds)]
        command += [",".join(args.precisions), *last]
        environment = {**os.environ, "PYTHONPATH": str(REPO / "benchmarks"), "POSE_CACHE": str(folder)}
        subprocess.run(command, check=True, env=environment)
        rows += json.loads(out.read_text(encoding="utf-8"))["rows"]
    return rows


def engine_table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| network | engine | precision | batch | per second | to eager | of the peak |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['network']} | {row['engine']} | {row['precision']} | {row['batch']} | {row['per_second']:.1f} "
            f"± {100 * row['spread']:.0f} % | {row['ratio']:.2f} | {percent(row['roofline'])} |"
        )
    return "\n".join(lines)


def percent(part: float | None) -> str:
    """As text; nothing for what was not measured."""
    return "" if part is None else f"{100 * part:.0f} %"


def stage_table(runs: list[StageRun], rows: list[dict[str, Any]]) -> str:
    """Markdown: beside the wall time the network's own, from its row in the engines' table."""
    cores = len(os.sched_getaffinity(0))
    lines = [
        "| stage, network | photos | items | wall s | over network | cores busy | CPU ms outside | first s | peak MB |",
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
    parser.add_argument("--precisions", nargs="+", choices=("fp32", "bf16", "int8"), default=["fp32", "bf16"])
    parser.add_argument("--photos", type=int, nargs="*", default=[200], help="photos of the whole runs")
    parser.add_argument("--large", type=int, nargs="*", default=[100], help="likewise with YOLOv3 and HRNet-W32")
    parser.add_argument("--folder", type=Path, help="take photos from here")
    parser.add_argument("--out", type=Path, default=REPO / "benchmarks/results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pose-bench-") as folder:
        rows = engine_rows(args, Path(folder))
        print(engine_table(rows), flush=True)  # the whole runs take longer still
        runs = stage_runs(Path(folder), rows, args.folder, args.photos, args.large)
    text = f"{machine()}\n\n{engine_table(rows)}\n\n{stage_table(runs, rows)}\n"
    print(text)
    numbers = {"machine": machine(), "engines": rows, "stages": [asdict(run) for run in runs]}
    (args.out / "table.md").write_text(text, encoding="utf-8")
    (args.out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
