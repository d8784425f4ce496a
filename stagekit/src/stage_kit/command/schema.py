"""`pose schema`: the records' JSON schemas."""

from __future__ import annotations

import json
from pathlib import Path

from pose_contract.records import ImageAnnot, ImagePoses, RunReport
from pose_contract.storage import write_bytes
from pose_contract.video_records import FrameAnnot, FramePoses, VideoAnnot, VideoPoses

RECORDS = (ImageAnnot, ImagePoses, RunReport, VideoAnnot, FrameAnnot, VideoPoses, FramePoses)


def write_schemas(folder: Path) -> None:
    """Writes one JSON schema per record, or line of a record, that lies in a workspace."""
    for kind in RECORDS:
        text = json.dumps(kind.model_json_schema(), indent=1, ensure_ascii=False) + "\n"
        write_bytes(folder / f"{kind.__name__}.json", text.encode())
