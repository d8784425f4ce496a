"""What `pose status` says: per stage, how many images are done, failed, without anybody, still to do."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from pose_contract.errors import ImageError, UsageError
from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.storage import read_annot, read_poses, read_report, record_paths
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import read_image_bytes
from stage_kit.regular_files import read_regular
from stage_kit.runs.listing import list_images
from stage_kit.runs.seen import SeenFiles
from stage_kit.stages import StageFacts, installed_stages

COLUMNS = ("done", "nobody", "failed", "to do")
Named = tuple[str, ImageAnnot | ImagePoses | None]


def workspace_status(workspace: Workspace) -> dict[str, Counter[str]]:
    """Counts per stage over `COLUMNS`; `nobody` are those of the done ones in which nobody is.

    What counts is the pictures and records as they lie there; options that a next run may change do not.
    """
    seen = SeenFiles(workspace)
    return {stage.name: _tally(workspace, stage, _named(workspace, seen, stage)) for stage in installed_stages()}


def _named(workspace: Workspace, seen: SeenFiles, stage: StageFacts) -> Iterable[Named]:
    if stage.status.of == "images":
        try:
            names = list_images(workspace).names
        except UsageError:
            names = ()
        return ((name, _found(workspace, seen, name)) for name in names)
    folder = workspace.path(workspace.annots)
    annots = (path.relative_to(folder).as_posix() for path in record_paths(folder))
    return (_posed(workspace, seen, annot) for annot in annots)


def _tally(workspace: Workspace, stage: StageFacts, images: Iterable[Named]) -> Counter[str]:
    report = read_report(workspace.report_path(stage.name))
    failed = {failure.file for failure in report.failures} if report else set()
    counts: Counter[str] = Counter()
    for name, record in images:
        if record is not None:
            counts["done"] += 1
            counts["nobody"] += not record.people
        else:
            counts["failed" if workspace.image_file(name) in failed else "to do"] += 1
    return counts


def _found(workspace: Workspace, seen: SeenFiles, name: str) -> ImageAnnot | None:
    annot = read_annot(workspace.path(workspace.annot_file(name)))
    return annot if annot and (annot.corrected or _same_image(workspace, seen, annot)) else None


def _posed(workspace: Workspace, seen: SeenFiles, annot_name: str) -> tuple[str, ImagePoses | None]:
    path = workspace.path(workspace.annots) / annot_name
    annot = read_annot(path)
    if annot is None:
        return annot_name.removesuffix(".json"), None
    name = annot.image.removeprefix(f"{workspace.images}/")
    poses = read_poses(workspace.path(workspace.poses_file(name)))
    current = (
        poses is not None
        and workspace.path(workspace.final_file(name)).is_file()
        and _same_image(workspace, seen, annot)
        and (poses.corrected or poses.made_by.annot_sha256 == hashlib.sha256(read_regular(path)).hexdigest())
    )
    return name, poses if current else None


def _same_image(workspace: Workspace, seen: SeenFiles, annot: ImageAnnot) -> bool:
    known = seen.known(annot.image)
    if known is None:
        try:
            known = hashlib.sha256(read_image_bytes(workspace.path(annot.image))).hexdigest()
        except ImageError:
            return False
    return known == annot.image_sha256


def status_table(status: dict[str, Counter[str]]) -> str:
    """The counts as lines of text."""
    header = f"{'':12}" + "".join(f"{column:>8}" for column in COLUMNS)
    rows = [f"{stage:12}" + "".join(f"{counts[column]:8}" for column in COLUMNS) for stage, counts in status.items()]
    return "\n".join([header, *rows])
