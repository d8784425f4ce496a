"""Whether a record in scratch holds a person's work, so that it stays until another takes its place."""

from __future__ import annotations

from pathlib import Path

from pose_cluster.storage.layout import Layout
from pose_contract.errors import ImageError
from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.video_records import Frame, VideoAnnot, VideoHeader, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.runs.found_records import found_record
from stage_kit.videos.record_files import VideoRecord


def holds_a_persons_work(layout: Layout, root: Path, file: str) -> bool:
    """Also where it cannot be read: then it may be."""
    of_annots = file.startswith(f"{layout.names.annots}/")
    try:
        if file.endswith(".jsonl"):
            kind: type[VideoHeader] = VideoAnnot if of_annots else VideoPoses
            video: VideoRecord[VideoHeader, Frame] = VideoRecord(root / file, kind, Frame)
            return not video.is_as_written()
        workspace = Workspace(root)
        found = found_record(workspace, file, ImageAnnot) if of_annots else found_record(workspace, file, ImagePoses)
    except ImageError:
        return True
    return found is not None and found.edited
