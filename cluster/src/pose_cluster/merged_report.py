"""One report in place of many: of the stage as if one process had run it, and of the cluster."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Literal

from pose_cluster.dispatch import Outcome
from pose_cluster.worker import Done
from pose_contract.errors import ImageError
from pose_contract.names import printable
from pose_contract.records import Counts, Failure, Record, RunReport
from pose_contract.workspace import Workspace
from stage_kit.runs.steps import Listing
from stage_kit.stages import StageFacts

SLOW = 3.0  # times the median of all shards, per image
MOST_SLOW = 20


class NodeShare(Record):
    """What one node did of a stage; `images_per_second` from its first shard's beginning to its last one's end."""

    node: str
    shards: int
    images: int
    processed: int
    seconds: float
    images_per_second: float


class Straggler(Record):
    """A shard that took over three times as long per image as the median shard of its stage."""

    shard: str
    node: str
    first: str
    images: int
    seconds: float


class StageShare(Record):
    """One stage on all nodes. `lost` counts shards that were given out again after Ray had given up."""

    stage: str
    seconds: float
    images_per_second: float
    shards: int
    lost: int
    failed: int
    nodes: tuple[NodeShare, ...]
    stragglers: tuple[Straggler, ...] = ()


class ClusterReport(Record):
    """reports/pose-cluster.json: how the last run of pose-cluster went. It holds times, as all reports do."""

    schema_version: Literal[1] = 1
    stages: tuple[StageShare, ...]


def merged(
    stage: StageFacts, workspace: Workspace, listing: Listing, outcome: Outcome, began: tuple[str, float]
) -> RunReport:
    """The stage's report. `began`: when, as text, and how many seconds ago."""
    reports = [done.report for done in outcome.done]
    alone = [_failure(workspace.image_file(name), error) for name, error in listing.failures.items()]
    alone += [_failure(file_of(stage, workspace, name), _stopped(reason)) for name, reason in outcome.poisonous.items()]
    failures = [failure for report in reports for failure in report.failures] + alone
    counts = {field: sum(getattr(report.counts, field) for report in reports) for field in Counts.model_fields}
    counts["images"] += len(alone)
    counts["failed"] += len(alone)
    first = reports[0] if reports else None
    return RunReport(
        stage=stage.name,
        version=stage.version,
        state="finished",
        started=began[0],
        seconds=round(began[1], 3),
        images_per_second=_rate(counts["processed"], began[1]),
        engine=first.engine if first else "",
        device=next((report.device for report in reports if report.device), ""),
        model=first.model if first else "",
        counts=Counts(**counts),
        failures=tuple(sorted(failures, key=lambda failure: failure.file)),
        ignored_files=listing.ignored,
        options=first.options if first else {},
    )


def stage_share(report: RunReport, outcome: Outcome) -> StageShare:
    """How the stage's shards were spread."""
    by_node: dict[str, list[Done]] = {}
    for done in outcome.done:
        by_node.setdefault(done.node, []).append(done)
    return StageShare(
        stage=report.stage,
        seconds=report.seconds,
        images_per_second=report.images_per_second,
        shards=len(outcome.done),
        lost=outcome.lost,
        failed=report.counts.failed,
        nodes=tuple(_node_share(node, done) for node, done in sorted(by_node.items())),
        stragglers=tuple(stragglers(outcome.done)),
    )


def stragglers(done: Sequence[Done]) -> list[Straggler]:
    """The slowest first. Only shards whose images went through the network are compared."""
    paces = {one.shard.name: one.seconds / one.report.counts.images for one in done if one.report.counts.processed}
    usual = statistics.median(paces.values()) if paces else 0.0
    slow = [one for one in done if paces.get(one.shard.name, 0.0) > SLOW * usual]
    return [
        Straggler(
            shard=one.shard.name,
            node=one.node,
            first=printable(one.shard.names[0]),
            images=one.report.counts.images,
            seconds=round(one.seconds, 3),
        )
        for one in sorted(slow, key=lambda one: -paces[one.shard.name])[:MOST_SLOW]
    ]


def _node_share(node: str, done: Sequence[Done]) -> NodeShare:
    seconds = max(one.began + one.seconds for one in done) - min(one.began for one in done)
    processed = sum(one.report.counts.processed for one in done)
    return NodeShare(
        node=node,
        shards=len(done),
        images=sum(one.report.counts.images for one in done),
        processed=processed,
        seconds=round(seconds, 3),
        images_per_second=_rate(processed, seconds),
    )


def _rate(images: int, seconds: float) -> float:
    return round(images / seconds, 3) if seconds > 0 else 0.0


def _stopped(reason: str) -> ImageError:
    return ImageError(f"stopped every worker that worked on it: {reason}", "look at it; the next run tries it again")


def file_of(stage: StageFacts, workspace: Workspace, name: str) -> str:
    """A listed name as a file of the workspace: a stage that follows annots lists those, and videos by their own."""
    of_annots = stage.status is not None and stage.status.of == "annots" and name.endswith(".json")
    return f"{workspace.annots}/{name}" if of_annots else workspace.image_file(name)


def _failure(file: str, error: ImageError) -> Failure:
    return Failure(file=printable(file), reason=printable(error.reason), remedy=printable(error.remedy))
