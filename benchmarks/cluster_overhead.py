"""What Ray costs on one machine: `pose-cluster run --workers 2` beside two plain processes by `--shard`.

    .venv/bin/python benchmarks/cluster_overhead.py --photos 2000 --rounds 3

Both ways take turns on copies of one workspace, so that the machine's moods strike both; medians count. Plain: from the
start of both processes to the end of the slower one, and the run without `--shard` that follows. Ray: the stage's wall
time as reports/pose-cluster.json has it, prologue and tables included, and what the command takes beyond that, which
is Ray's start and end. Work alone is without the start of processes: the longest shard's own report, and by Ray the
time from the first shard's beginning to the last one's end.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runs import ENVIRONMENT, PYTHON, REPO, fill

WORKERS = 2


@dataclass(frozen=True)
class Plain:
    """Seconds of the shards' processes beside each other, and of the run without `--shard` that follows.

    `work`: of the slower shard by its own report, which begins when all is imported.
    """

    shards: float
    last: float
    work: float


@dataclass(frozen=True)
class ByRay:
    """Seconds of the stage, of the whole command, and from the first shard's beginning to the last one's end."""

    stage: float
    command: float
    work: float


def copied(fresh: Path, folder: Path) -> Path:
    """A workspace of its own; the photos' bytes are shared."""
    shutil.copytree(fresh, folder, copy_function=os.link)
    return folder


def timed(commands: Sequence[Sequence[str]], cache: Path) -> float:
    """Seconds until all have ended; they run beside each other."""
    begun = time.perf_counter()
    running = [subprocess.Popen(command, env=ENVIRONMENT | {"POSE_CACHE": str(cache)}) for command in commands]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(f"{commands[0]} ended with {codes}")
    return time.perf_counter() - begun


def plain(stage: str, workspace: Path, cache: Path, flags: Sequence[str]) -> Plain:
    """Two processes, and the run that ends them."""
    command = [str(PYTHON), "-m", f"{stage}_stage.cli", "--workspace", str(workspace), "--quiet", *flags]
    shards = [[*command, "--shard", f"{index}/{WORKERS}"] for index in range(1, WORKERS + 1)]
    seconds = timed(shards, cache)
    reports = (workspace / f"reports/{stage}-stage.{index}of{WORKERS}.json" for index in range(1, WORKERS + 1))
    work = max(json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in reports)
    return Plain(seconds, timed([command], cache), work)


def by_ray(stage: str, workspace: Path, cache: Path, flags: Sequence[str], shard_size: int) -> ByRay:
    """The same by pose-cluster, which starts Ray."""
    command = [str(PYTHON), "-m", "pose_cluster.cli", "run", "--workspace", str(workspace), "--stages", stage]
    command += ["--workers", str(WORKERS), "--cpus-per-task", "1", "--shard-size", str(shard_size), "--quiet"]
    seconds = timed([[*command, f"--{stage}-stage={' '.join(flags)}"]], cache)
    (share,) = json.loads((workspace / "reports/pose-cluster.json").read_text(encoding="utf-8"))["stages"]
    return ByRay(share["seconds"], seconds, share["nodes"][0]["seconds"])


def main() -> None:
    """Prints every round, and the medians' ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shard-size", type=int, default=500)
    parser.add_argument("--flags", default="--weights lite --engine openvino --precision fp32")
    parser.add_argument("--stages", nargs="+", choices=("yolo", "hrn"), default=["yolo", "hrn"], help="hrn needs yolo")
    parser.add_argument("--folder", type=Path, help="take photos from here")
    args = parser.parse_args()
    flags = args.flags.split()
    with tempfile.TemporaryDirectory(prefix="pose-overhead-") as name:
        folder, cache = Path(name), Path(name) / "cache"
        fresh = folder / "fresh"
        shutil.copytree(REPO / "workspace-template", fresh)
        fill(fresh / "images", args.folder, args.photos)
        for stage in args.stages:
            plains, rays = [], []
            for number in range(args.rounds + 1):  # the first fills the caches, and does not count
                one, two = (copied(fresh, folder / f"{stage}{number}{way}") for way in "ab")
                plains.append(plain(stage, one, cache, flags))
                rays.append(by_ray(stage, two, cache, flags, args.shard_size))
                print(stage, number, plains[-1], rays[-1], flush=True)
                if number == args.rounds and stage == "yolo":
                    shutil.rmtree(fresh)
                    one.rename(fresh)
                    shutil.rmtree(fresh / "reports")
                else:
                    shutil.rmtree(one)
                shutil.rmtree(two)
            report(stage, plains[1:], rays[1:])


def report(stage: str, plains: Sequence[Plain], rays: Sequence[ByRay]) -> None:
    """Medians."""
    shards = statistics.median(one.shards for one in plains)
    last = statistics.median(one.last for one in plains)
    by_ray_seconds = statistics.median(one.stage for one in rays)
    start = statistics.median(one.command - one.stage for one in rays)
    ratios = [ray.stage / one.shards for one, ray in zip(plains, rays, strict=True)]
    works = statistics.median(ray.work / one.work for one, ray in zip(plains, rays, strict=True))
    print(
        f"{stage}-stage: two shards {shards:.1f} s, the run after them {last:.1f} s; by Ray {by_ray_seconds:.1f} s, "
        f"and {start:.1f} s of start and end; by Ray to shards {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}), to both {by_ray_seconds / (shards + last):.2f}; "
        f"work alone {works:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
