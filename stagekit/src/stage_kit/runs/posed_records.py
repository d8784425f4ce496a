"""What all stages that write poses do with their records: which go into the tables, whose picture is drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pose_contract.errors import ImageError
from pose_contract.records import ImagePoses
from pose_contract.workspace import Workspace
from stage_kit.runs.found_records import found_record
from stage_kit.runs.record_bounds import require_fits


@dataclass(frozen=True)
class Redraw:
    """An image whose record is current and whose final picture is not; the network is not asked."""

    name: str
    poses: ImagePoses
    record: bytes
    note: str = ""
    rows: int = 0
    pixels: int = 0


def sound_poses(workspace: Workspace, path: Path) -> ImagePoses | None:
    """The poses of a record for the tables; None where the record has a mistake, which its picture's failure tells."""
    file = path.relative_to(workspace.root).as_posix()
    try:
        found = found_record(workspace, file, ImagePoses)
        if found is None or not found.record.image.startswith(f"{workspace.images}/"):
            return None
        if found.edited:
            require_fits(found, None)
    except ImageError:
        return None
    return found.record
