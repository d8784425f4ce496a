"""What pose-cluster's driver costs for very many photos: listing, planning, giving out, merging; without a network.

    .venv/bin/python benchmarks/cluster_scale.py --photos 2000 200000

Workers are played by a pool that answers at once with the report of a shard that is done, so what is measured is the
driver alone. Photos are empty files in folders of 1,000.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from pose_cluster.dispatch import work_through
from pose_cluster.merged_report import merged, stage_share
from pose_cluster.plan import Plan, Shard
from pose_cluster.worker import Done
from pose_contract.records import Counts, RunReport
from pose_contract.workspace import Workspace
from stage_kit.runs.listing import list_images
from stage_kit.runs.steps import Listing
from stage_kit.stages import StageFacts

STAGE = StageFacts(name="fake-stage", package="fake_stage", order=1, results=1, writes=("annots",), version="1")
SHARD = 500
FOLDER = 1000


@dataclass
class InstantPool:
    """Sixteen workers that are done at once."""

    under_way: list[Shard] = field(default_factory=list)

    @property
    def idle(self) -> int:
        """See `dispatch.Pool`."""
        return 16 - len(self.under_way)

    @property
    def busy(self) -> int:
        """See `dispatch.Pool`."""
        return len(self.under_way)

    def give(self, shard: Shard) -> None:
        """See `dispatch.Pool`."""
        self.under_way.append(shard)

    def next(self) -> Done:
        """See `dispatch.Pool`."""
        shard = self.under_way.pop(0)
        images = len(shard.names)
        report = RunReport(
            stage=STAGE.name, version="1", state="finished", started="", seconds=1, images_per_second=images,
            engine="fake", device="cpu", model="m", counts=Counts(images=images, processed=images), options={"a": 1},
        )  # fmt: skip
        return Done(shard, f"node {len(self.under_way)}", time.time(), 1.0, report)

    def dismiss_idle(self) -> None:
        """See `dispatch.Pool`."""


def measure(photos: int, folder: Path) -> str:
    """One line of the table."""
    workspace = Workspace(folder)
    for first in range(0, photos, FOLDER):
        place = workspace.path(workspace.images) / f"{first // FOLDER:05}"
        place.mkdir(parents=True)
        for index in range(first, min(first + FOLDER, photos)):
            (place / f"{index:07}.jpg").touch()
    times = [time.perf_counter()]
    names = list_images(workspace).names
    times.append(time.perf_counter())
    plan = Plan(Listing(names), SHARD)
    times.append(time.perf_counter())
    outcome = work_through(plan, InstantPool(), lambda _: None)
    times.append(time.perf_counter())
    report = merged(STAGE, workspace, Listing(names), outcome, ("", 1.0))
    share = stage_share(report, outcome)
    times.append(time.perf_counter())
    assert report.counts.processed == photos and share.shards == len(plan.shards)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    listing, planning, giving, merging = (b - a for a, b in itertools.pairwise(times))
    return f"| {photos} | {listing:.2f} | {planning:.3f} | {giving:.2f} | {merging:.3f} | {peak:.0f} |"


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=[2000, 200_000], help="(default: 2000 200000)")
    print("| photos | listing s | planning s | giving out s | merging s | peak MB |\n|---|---|---|---|---|---|")
    for photos in sorted(parser.parse_args().photos):
        with tempfile.TemporaryDirectory() as folder:
            print(measure(photos, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
