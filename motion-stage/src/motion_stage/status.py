"""What `pose status` says of motion-stage: of how many videos' poses the motion is there and was made of them."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from motion_stage import STAGE, facts
from motion_stage.report import FILE as REPORT
from motion_stage.report import MotionReport
from motion_stage.sources import sources_in
from pose_contract.errors import ImageError
from pose_contract.names import printable
from pose_contract.storage import read_record, read_report
from pose_contract.workspace import Workspace


def counted(workspace: Workspace) -> Counter[str]:
    """Videos by `done`, `nobody` among these, `failed` and `to do`; nothing at all where no video has poses.

    Sequences of photos are left out: without `--fps` nobody knows which folders are one.
    """
    report = read_report(workspace.report_path(STAGE))
    failed = {failure.file for failure in report.failures} if report else set()
    counts: Counter[str] = Counter()
    for source in sources_in(workspace):
        motion = read_record(workspace.path(workspace.motion) / source.name / REPORT, MotionReport)
        sha256 = None
        with suppress(ImageError):
            sha256 = source.facts().sha256
        current = (
            motion is not None and motion.made_by.poses_sha256 == sha256 and motion.made_by.results == facts().results
        )
        if motion is not None and current:
            counts["done"] += 1
            counts["nobody"] += not motion.people
        elif printable(workspace.image_file(source.name)) in failed:
            counts["failed"] += 1
        else:
            counts["to do"] += 1
    return counts
