"""pose-cluster on very many tiny photos: planned, run and merged by its own code, in processes without Ray.

    .venv/bin/python benchmarks/cluster_scale.py --photos 2000 20000 200000

The photos are JPEGs of 16 x 16; the records, tables, reports, locks and hashes are the kit's; the network is fake
(scale_stage/). What Ray does is played by a pool of two processes that talk through pipes: `pose_cluster.run.run_stage`
takes it in place of the actors'. So the driver's memory lacks Ray's own share. Every count is run twice: all photos
are done, then all are skipped.
"""

from __future__ import annotations

import argparse
import io
import itertools
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from PIL import Image

import pose_cluster.run as cluster_run
from pose_cluster.dispatch import Lost
from pose_cluster.plan import Shard
from pose_cluster.worker import Done, Job, StageWorker
from pose_contract.errors import StageError
from pose_contract.records import RunReport
from pose_contract.workspace import Workspace
from stage_kit.runs.steps import Listing
from stage_kit.stages import installed_stages, stage_facts

HERE = Path(__file__).parent
SPAWN = multiprocessing.get_context("spawn")
FOLDER = 1000  # photos
WORKERS = 2
BYTES_OF_A_MB = 1024


def serve(pipe: Connection, job: Job, node: str) -> None:
    """A worker's process: answers calls of `StageWorker` until it is told to end."""
    worker = StageWorker(job, node)
    while (call := pipe.recv()) is not None:
        method, *words = call
        begun = time.process_time()
        answer = getattr(worker, method)(*words)
        pipe.send((answer, time.process_time() - begun))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / BYTES_OF_A_MB)


class ProcessPool:
    """Stands for `ray_pool.RayPool`; notes when what began."""

    last: ProcessPool

    def __init__(self, job: Job, place: object) -> None:  # noqa: ARG002 - Ray's
        self.pipes: dict[Connection, Any] = {}
        self.shards: dict[Connection, Shard] = {}
        self.idlers: list[Connection] = []
        self.among: Sequence[str] = ()
        self.times = [time.perf_counter()]
        self.cpu = dict.fromkeys(("begin", "shard", "end"), 0.0)
        self.peaks: list[float] = []
        for number in range(WORKERS):
            ours, theirs = SPAWN.Pipe()
            process = SPAWN.Process(target=serve, args=(theirs, job, str(number)))
            process.start()
            self.pipes[ours] = process
            self.idlers.append(ours)
        ProcessPool.last = self

    def note(self) -> None:
        """One more moment."""
        self.times.append(time.perf_counter())

    def ask(self, *call: object) -> Any:
        """The first worker's answer. Raises the StageError that it answers."""
        pipe = self.idlers[0]
        pipe.send(call)
        answer, seconds = pipe.recv()
        self.cpu[str(call[0])] += seconds
        if isinstance(answer, StageError):
            raise answer
        return answer

    @property
    def idle(self) -> int:
        """See `dispatch.Pool`."""
        return len(self.idlers)

    @property
    def busy(self) -> int:
        """See `dispatch.Pool`."""
        return len(self.shards)

    def begin(self) -> Listing:
        """The prologue."""
        listing: Listing = self.ask("begin")
        self.note()
        return listing

    def open(self, shards: int, among: Sequence[str]) -> int:  # noqa: ARG002 - all have been started
        """The plan is made."""
        self.among = among
        self.note()
        return WORKERS

    def give(self, shard: Shard) -> None:
        """See `dispatch.Pool`."""
        pipe = self.idlers.pop()
        pipe.send(("shard", shard, self.among))
        self.shards[pipe] = shard

    def next(self) -> Done | StageError | Lost:
        """See `dispatch.Pool`."""
        pipe = wait(list(self.shards))[0]
        answer, seconds = pipe.recv()  # type: ignore[union-attr]
        self.cpu["shard"] += seconds
        del self.shards[pipe]  # type: ignore[arg-type]
        self.idlers.append(pipe)  # type: ignore[arg-type]
        return answer  # type: ignore[no-any-return]

    def dismiss_idle(self) -> None:
        """All stay."""

    def end(self, of_shards: RunReport) -> RunReport:
        """The epilogue."""
        self.note()
        report: RunReport = self.ask("end", of_shards)
        self.note()
        return report

    def close(self) -> None:
        """Ends all processes."""
        for pipe, process in self.pipes.items():
            pipe.send(None)
            self.peaks.append(pipe.recv())
            process.join()


def fill(workspace: Workspace, photos: int) -> None:
    """JPEGs of 16 x 16 in folders of 1,000, each with its number in a comment."""
    plain = io.BytesIO()
    Image.new("RGB", (16, 16), (90, 120, 60)).save(plain, "JPEG")
    start, rest = plain.getvalue()[:2], plain.getvalue()[2:]
    for first in range(0, photos, FOLDER):
        place = workspace.path(workspace.images) / f"{first // FOLDER:05}"
        place.mkdir(parents=True)
        for index in range(first, min(first + FOLDER, photos)):
            (place / f"{index:07}.jpg").write_bytes(start + b"\xff\xfe\x00\x0a%08d" % index + rest)


def measure(workspace: Workspace, photos: int, tables: str, what: str) -> str:
    """One line of the table."""
    stage = stage_facts("scale_stage")
    words = ("--workspace", str(workspace.root), "--quiet", "--tables", tables)
    options = cluster_run.ClusterOptions(workspace, (stage,), {stage.name: words}, quiet=True)
    report, share = cluster_run.run_stage(stage, options)
    counts, pool = report.counts, ProcessPool.last
    assert (counts.images, counts.failed, len(report.failures)) == (photos, 0, 0), report
    assert counts.processed == (photos if what == "done" else 0) and share.shards == -(-photos // 500)
    listed, planned, worked, ended = (b - a for a, b in itertools.pairwise(pool.times))
    driver = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / BYTES_OF_A_MB
    each = [f"{1000 * seconds / photos:.2f}" for seconds in pool.cpu.values()]
    return (
        f"| {photos} | {what} | {listed:.1f} | {planned:.2f} | {worked:.1f} | {ended:.1f} | {' | '.join(each)} "
        f"| {driver:.0f} | {max(pool.peaks):.0f} |"
    )


def install(folder: Path) -> None:
    """scale-stage as an installer would have written it, for this process and all that it starts."""
    info = folder / "scale_stage-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scale-stage\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pose.stages]\nscale-stage = scale_stage\n")
    sys.path += [str(folder), str(HERE)]
    os.environ["PYTHONPATH"] = os.pathsep.join((str(folder), str(HERE), os.environ.get("PYTHONPATH", "")))
    installed_stages.cache_clear()


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[2000, 20_000, 200_000])
    parser.add_argument("--tables", default="both", help="csv, parquet or both (default: both)")
    parser.add_argument("--folder", type=Path, help="where the workspaces are made for a while (default: /tmp)")
    args = parser.parse_args()
    cluster_run.RayPool = ProcessPool  # type: ignore[misc, assignment]
    print("| photos | all are | listing s | planning s | working s | tables s ", end="")
    print("| CPU ms a photo: listing | working | tables | driver MB | worker MB |")
    print("|---" * 11 + "|", flush=True)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages are compiled once, as on a user's machine
    with tempfile.TemporaryDirectory() as installed:
        install(Path(installed))
        for photos in sorted(args.photos):
            with tempfile.TemporaryDirectory(dir=args.folder) as folder:
                fill(Workspace(Path(folder)), photos)
                for what in ("done", "skipped"):
                    print(measure(Workspace(Path(folder)), photos, args.tables, what), flush=True)


if __name__ == "__main__":
    main()
