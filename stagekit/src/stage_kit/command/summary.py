"""What a run says when it ends."""

from __future__ import annotations

from pathlib import Path

from pose_contract.errors import DONE, SOME_IMAGES_FAILED
from pose_contract.records import RunReport
from pose_contract.workspace import Workspace
from stage_kit.command.progress import tell
from stage_kit.command.run_options import RunOptions

SHOWN_FAILURES = 10


def conclude(report: RunReport, workspace: Workspace, options: RunOptions) -> int:
    """Prints the summary; the exit code is 3 where images failed, unless the options say `keep_going`."""
    shard = options.shard.name if options.shard else ""
    print_summary(report, workspace.report_path(report.stage, shard), options.quiet)
    return SOME_IMAGES_FAILED if report.failures and not options.keep_going else DONE


def print_summary(report: RunReport, path: Path | str, quiet: bool) -> None:
    """One line of counts and the path where the failures stand; `quiet` leaves only these, which nobody has seen."""
    if not quiet:
        tell(summary_line(report))
        if report.failures:
            tell(f"  failures, with what helps: {path}")
        return
    for failure in report.failures[:SHOWN_FAILURES]:
        tell(f"  failed: {failure.file}: {failure.reason} -> {failure.remedy}")
    if len(report.failures) > SHOWN_FAILURES:
        rest = len(report.failures) - SHOWN_FAILURES
        tell(f"  and {rest} more: see {path}")


def summary_line(report: RunReport) -> str:
    """`yolo-stage: 13 images: 12 processed, 1 failed; 27 people, nobody in 2; 8.1 s, 1.5 images/s`."""
    counts = report.counts
    parts = [
        f"{getattr(counts, what)} {word}"
        for what, word in (
            ("processed", "processed"),
            ("redrawn", "redrawn"),
            ("skipped", "already done"),
            ("failed", "failed"),
        )
        if getattr(counts, what)
    ]
    rate = f", {report.images_per_second:.1f} images/s" if counts.processed else ""
    return (
        f"{report.stage}: {counts.images} images: {', '.join(parts)}; {counts.people} people, "
        f"nobody in {counts.nobody}; {report.seconds:.1f} s{rate}"
    )
