"""What openpose-stage keeps on disk: when a final picture is current, and what is stale. Paths are of `own_folders`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from openpose_stage import facts
from pose_contract.errors import ImageError
from pose_contract.names import printable, stem_of
from pose_contract.records import ImagePoses
from pose_contract.storage import record_paths
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.runs.found_records import FoundRecord, found_record, picture_of
from stage_kit.runs.removal import remove_outputs

SHEETS = (
    "1-confidence.jpg",
    "2-regions.jpg",
    "3-points.jpg",
    "4-fields.jpg",
    "5-links.jpg",
    "5-links.csv",
    "6-persons.jpg",
)
"""The files of one photo that `--explain` writes."""


def maps_folder(workspace: Workspace) -> str:
    """Of the sheets."""
    return f"{workspace.output}/maps"


def sheet_files(workspace: Workspace, name: str) -> dict[str, str]:
    """Each sheet's file in the workspace: `openpose/maps/a/1-confidence.jpg` of `a.jpg`."""
    folder = PurePosixPath(maps_folder(workspace), stem_of(name))
    return {sheet: str(folder / sheet) for sheet in SHEETS}


def final_comment(record: bytes, style: DrawStyle) -> str:
    """What the JPEG comment of a final picture says: drawn from this record in this style. Otherwise it is redrawn."""
    drawn = repr((facts().drawing, style)).encode()
    return f"{facts().name} {hashlib.sha256(record + drawn).hexdigest()[:32]}"


def found_poses(workspace: Workspace, name: str) -> FoundRecord[ImagePoses] | None:
    """The record of one photo. Raises ImageError where it cannot be read."""
    return found_record(workspace, workspace.poses_file(name), ImagePoses)


def remove_sheets(workspace: Workspace, name: str) -> None:
    """Removes what `--explain` drew of one photo."""
    sheets: Iterable[Path] = map(workspace.path, sheet_files(workspace, name).values())
    remove_outputs(sheets, workspace.path(maps_folder(workspace)))


def remove_results(workspace: Workspace, name: str) -> None:
    """Removes one photo's pictures, its record last: until then a rerun finds what is left."""
    remove_sheets(workspace, name)
    remove_outputs([workspace.path(workspace.final_file(name))], workspace.path(workspace.final))
    remove_outputs([workspace.path(workspace.poses_file(name))], workspace.path(workspace.output) / "poses")


def remove_stale(workspace: Workspace) -> list[str]:
    """Removes records whose photo is gone, with their pictures; returns a line for each that is kept, as edited."""
    lines = []
    folder = workspace.path(workspace.output) / "poses"
    for path in record_paths(folder):
        stem = path.relative_to(folder).as_posix().removesuffix(".json")
        photos = [workspace.path(workspace.image_file(name)) for name in {f"{stem}.jpg", picture_of(workspace, stem)}]
        if any(photo.exists() or photo.is_symlink() for photo in photos):
            continue
        file = path.relative_to(workspace.root).as_posix()
        try:
            found = found_record(workspace, file, ImagePoses)
        except ImageError as error:
            lines.append(f"{printable(file)} {error.reason}; its photo is gone, it is kept")
            continue
        if found is not None and found.edited:
            lines.append(f"{printable(found.record.image[:200])} is gone, its poses, edited by hand, are kept")
        elif found is not None:
            remove_results(workspace, f"{stem}.jpg")
    return lines
