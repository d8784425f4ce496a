"""What the stages are doing, and did last: by their reports, their locks and the records that lie there."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pose_contract.names import printable
from pose_contract.records import Failure, RunReport
from pose_contract.workspace import Workspace
from stage_kit.regular_files import read_regular
from stage_kit.stages import installed_stages
from web_app.look.catalog import Catalog
from web_app.look.entries import Entry
from web_app.look.motion_files import has_motion

State = Literal["running", "finished", "interrupted", "stopped", "killed"]
HOLDER = re.compile(r"process (\d+) on (\S+), since")


@dataclass(frozen=True)
class StageRun:
    """The last run of a stage, or the one that goes on.

    Attributes:
        report: as it stands; of a running stage, as it was when the run began.
        state: `killed` where the report says running and its process is gone.
        total: the images and videos that it goes through.
        there: how many of them have the stage's record now.
    """

    report: RunReport
    state: State
    total: int
    there: int


def stage_runs(catalog: Catalog) -> list[StageRun]:
    """The runs of all stages that have a report, in the stages' order."""
    entries = catalog.entries()
    order = {stage.name: place for place, stage in enumerate(installed_stages())}
    reports = sorted(catalog.reports().items(), key=lambda item: (order.get(item[1].stage, len(order)), item[0].name))
    return [_run(catalog.workspace, path, report, entries) for path, report in reports]


def _run(workspace: Workspace, path: Path, report: RunReport, entries: Sequence[Entry]) -> StageRun:
    running = report.state == "running"
    state: State = "killed" if running and not _is_alive(path.with_name(f".{path.stem}.lock")) else report.state
    there = sum(map(_test_of(workspace, report), entries))
    return StageRun(report, state, report.counts.images, min(there, report.counts.images))


def _test_of(workspace: Workspace, report: RunReport) -> Callable[[Entry], bool]:
    """Whether an entry has what the report's stage makes; of a stage that only it knows, whether the run has ended."""
    stage = next((stage for stage in installed_stages() if stage.name == report.stage), None)
    if stage is not None and stage.status is not None:
        posed = stage.status.record == "poses"
        return lambda entry: entry.found.posed if posed else entry.found.people is not None
    if stage is not None and "motion" in stage.writes:
        return lambda entry: has_motion(workspace, entry)
    return lambda _: report.state == "finished"


def _is_alive(lock: Path) -> bool:
    """Whether the process that the lock names may still run; one of another machine may."""
    try:
        told = HOLDER.match(read_regular(lock, 1000).decode(errors="replace"))
    except OSError:
        return False
    if told is None:
        return False
    return told[2] != socket.gethostname() or Path("/proc", told[1]).exists()


def failures(
    workspace: Workspace, runs: Sequence[StageRun], entries: Sequence[Entry]
) -> list[tuple[Entry | None, Failure]]:
    """What failed and still stands: with its entry, or, where a failure is no picture's, without one."""
    found: list[tuple[Entry | None, Failure]] = [(entry, entry.failure) for entry in entries if entry.failure]
    files = {printable(workspace.image_file(entry.name)) for entry in entries}
    others = {failure.file: failure for run in runs for failure in run.report.failures if failure.file not in files}
    return [*found, *((None, failure) for failure in others.values())]
