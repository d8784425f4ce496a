"""A correction into the records of its photo: atomically, as a person's own edit, and only if nobody was faster."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from pose_contract.errors import ImageError, WorkspaceError
from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.storage import record_bytes, write_bytes
from pose_contract.workspace import Workspace
from stage_kit.export.predictions import require_current
from stage_kit.imports.merging import Merged, merged
from stage_kit.pictures.images import read_image_bytes
from stage_kit.runs.containment import require_contained
from stage_kit.runs.found_records import FoundRecord
from stage_kit.runs.lock import locked
from stage_kit.runs.record_bounds import require_fits, require_image
from stage_kit.runs.seen import SeenFiles
from web_app.correct.document import Correction, PhotoRecords, read_records

APP = "web-app"
PATIENCE_SECONDS = 5.0
WRITTEN = ("annots", "output")


class ChangedMeanwhileError(ImageError):
    """Somebody, or a stage, has written one of the records since the browser got them."""


@dataclass(frozen=True)
class Saved:
    """What a correction has changed, marks included; whether boxes are other ones, for which cuts have to be made anew;
    what is to be told."""

    changed: bool
    boxes: bool
    keypoints: bool
    notes: tuple[str, ...]
    etag: str


def save(workspace: Workspace, name: str, correction: Correction, etag: str) -> Saved:
    """Writes what a person says of the people of the photo `name`.

    What nobody touched keeps its numbers. Both records are marked corrected where they change (docs/workspace.md), the
    annot first, as it is what the poses are made for. Cuts and pictures follow when the stages are called.

    Raises:
        ChangedMeanwhileError: a record is not what the `etag` was given for.
        ImageError: there is no record yet, it cannot be read, or the correction is none that a stage would read.
        WorkspaceError: the workspace cannot be written.
    """
    with _alone(workspace):
        records = read_records(workspace, name)
        if records.annot is None:
            raise ImageError("has no record yet", "run the stages first: make run")
        if records.etag != etag:
            raise ChangedMeanwhileError("has changed since you opened it", "load the page again and look at it anew")
        require_contained(workspace, WRITTEN)
        result = _merged(workspace, name, correction, records.annot, records.poses)
        for file, record in ((workspace.annot_file(name), result.annot), (workspace.poses_file(name), result.poses)):
            if record is not None:
                write_bytes(workspace.path(file), record_bytes(record))
        etag = read_records(workspace, name).etag
    return Saved(
        changed=result.annot is not None or result.poses is not None,
        boxes=result.annot is not None and result.annot.people != records.annot.record.people,
        keypoints=result.poses is not None,
        notes=result.notes,
        etag=etag,
    )


def _merged(
    workspace: Workspace,
    name: str,
    correction: Correction,
    annot: FoundRecord[ImageAnnot],
    poses: FoundRecord[ImagePoses] | None,
) -> Merged:
    """The records as they are to be. Raises ImageError where a stage would refuse them."""
    require_image(annot.record, annot.file, workspace.image_file(name))
    _require_same_picture(workspace, annot.record)
    require_current(annot, poses)
    size_wh = annot.record.width, annot.record.height
    result = merged(correction.annotated(name, size_wh), annot, poses, correction.checked)
    if result.annot is not None:
        require_fits(FoundRecord(annot.file, result.annot, b"", True), size_wh)
    if poses is not None and result.poses is not None:
        require_fits(FoundRecord(poses.file, result.poses, b"", True), size_wh)
    return result


def _require_same_picture(workspace: Workspace, record: ImageAnnot) -> None:
    seen = SeenFiles(workspace)
    sha256 = seen.known(record.image)
    if sha256 is None:
        sha256 = seen.sha256(record.image, read_image_bytes(workspace.path(record.image)))
    if sha256 != record.image_sha256:
        raise ImageError("has changed since its record was made", "run the stages again: make run")


@contextlib.contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """One correction at a time, of two threads or of two apps: reading, comparing and writing are one thing.

    The stages need not wait: they compare a record's bytes themselves before they replace it (docs/adr/0013).
    """
    with contextlib.ExitStack() as held:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                held.enter_context(locked(workspace, APP))
                break
            except WorkspaceError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
        yield


def etag_of(records: PhotoRecords) -> str:
    """As it stands in the header ETag."""
    return f'"{records.etag}"'
