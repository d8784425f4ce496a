"""The story of `pose-cluster run`: stage by stage, prologue, shards on all nodes, epilogue, report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pose_cluster.dispatch import Lost, work_through
from pose_cluster.merged_report import ClusterReport, StageShare, merged, stage_share
from pose_cluster.plan import Plan, segment_seconds
from pose_cluster.ray_connection import connected
from pose_cluster.ray_pool import Place, RayPool
from pose_cluster.storage.depot import Depot
from pose_cluster.worker import Done, Job
from pose_contract.errors import DONE, SOME_IMAGES_FAILED
from pose_contract.names import printable
from pose_contract.records import RunReport
from pose_contract.storage import write_record
from pose_contract.workspace import Workspace
from stage_kit.command.progress import Progress, tell
from stage_kit.command.summary import print_summary
from stage_kit.networks.calibration import spread
from stage_kit.runs.passed_over import passed_over_line
from stage_kit.runs.steps import Listing
from stage_kit.stages import StageFacts

FILE = "pose-cluster.json"
AMONG = 1600  # names that a worker is told of the whole run; no stage calibrates on more


@dataclass(frozen=True)
class ClusterOptions:
    """What one run is asked to do.

    Attributes:
        workspace: a folder that all nodes see at the same path; of an object store the driver's part of it.
        stages: in their order.
        words: of each stage's own command, by its name.
        address: of Ray; `local` starts it.
        shard_size: pictures that a worker does at a time.
        place: what a worker takes.
        keep_going, quiet, verbose: as the stages have them.
        depot: the object store, where the workspace lies in one.
        segment_seconds: of a long video that several workers look at; 0 is the whole video.
    """

    workspace: Workspace
    stages: tuple[StageFacts, ...]
    words: Mapping[str, tuple[str, ...]]
    address: str = "local"
    shard_size: int = 500
    place: Place = field(default_factory=Place)
    keep_going: bool = False
    quiet: bool = False
    verbose: bool = False
    depot: Depot | None = None
    segment_seconds: float = 60.0

    def job(self, stage: StageFacts) -> Job:
        """What the workers of a stage are told."""
        depot, words = self.depot, self.words[stage.name]
        if depot is None:
            return Job(stage.name, words, str(Path.cwd()))
        return Job(stage.name, words, str(Path.cwd()), depot.store.uri, depot.for_workers)

    def shown(self, path: Path) -> Path | str:
        """Where a report lies for the user."""
        return self.depot.shown(path) if self.depot else path


def run(options: ClusterOptions) -> int:
    """Runs the stages; returns 0, or 3 where pictures failed. Raises StageError."""
    shares: list[StageShare] = []
    failed = False
    with connected(options.address, options.verbose) as dashboard:
        if dashboard and not options.quiet:
            tell(f"Ray's dashboard: http://{dashboard}")
        for stage in options.stages:
            report, share = run_stage(stage, options)
            shares.append(share)
            failed = failed or bool(report.failures)
            _keep(ClusterReport(stages=tuple(shares)), options)
            _conclude(report, share, options)
    return SOME_IMAGES_FAILED if failed and not options.keep_going else DONE


def run_stage(stage: StageFacts, options: ClusterOptions) -> tuple[RunReport, StageShare]:
    """One stage on all nodes. Raises StageError."""
    started, begun = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    pool = RayPool(options.job(stage), options.place)
    try:
        listing = pool.begin()
        seconds = segment_seconds(options.segment_seconds, len(listing.videos), pool.idle)
        plan = Plan(listing, options.shard_size, seconds)
        workers = pool.open(plan.most_at_once, spread(listing.names, AMONG))
        images = len(listing.names) + len(listing.videos) + len(listing.failures)
        if not options.quiet:
            tell(f"{stage.name}: {images} images in {len(plan.shards)} shards; workers: {workers}")
        with Progress(stage.name, images, options.quiet) as progress:
            _tell_listing(progress, stage.name, listing)
            outcome = work_through(plan, pool, lambda ended: _step(progress, ended))
        report = merged(stage, options.workspace, listing, outcome, (started, time.monotonic() - begun))
        report = pool.end(report)
    finally:
        pool.close()
    return report, stage_share(report, outcome)


def _tell_listing(progress: Progress, stage: str, listing: Listing) -> None:
    if listing.ignored:
        progress.say(f"{stage}: {passed_over_line(listing.ignored)}")
    for name, error in listing.failures.items():
        progress.say(f"{stage}: {printable(name)} {error}")
        progress.step(worked=False)


def _step(progress: Progress, ended: Done | Lost) -> None:
    if isinstance(ended, Lost):
        progress.say(f"{ended.shard.names[0]} stopped every worker that worked on it: {ended.reason}")
        progress.step(worked=False)
        return
    counts = ended.report.counts
    for index in range(counts.images):
        progress.step(worked=index < counts.processed)
    for failure in ended.report.failures:
        progress.say(f"{failure.file} {failure.reason}\n  -> {failure.remedy}")


def _conclude(report: RunReport, share: StageShare, options: ClusterOptions) -> None:
    print_summary(report, options.shown(options.workspace.report_path(report.stage)), options.quiet)
    if options.quiet:
        return
    for node in share.nodes:
        tell(f"  {node.node}: {node.processed} images, {node.images_per_second:.1f} images/s")
    if share.stragglers:
        tell(f"  {len(share.stragglers)} slow shards: {options.shown(_report_path(options.workspace))}")


def _keep(report: ClusterReport, options: ClusterOptions) -> None:
    path = _report_path(options.workspace)
    write_record(path, report)
    if options.depot:
        options.depot.keep(path)


def _report_path(workspace: Workspace) -> Path:
    return workspace.path(f"{workspace.reports}/{FILE}")
