"""`pose export`: corrected poses of a workspace -> files for other tools."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from pose_contract.storage import write_bytes
from pose_contract.workspace import Workspace
from stage_kit.export.coco_json import coco_json
from stage_kit.export.corrected import corrected_poses
from stage_kit.export.yolo_pose import yolo_pose_text

FORMATS = ("coco", "yolo")


def export(workspace: Workspace, kind: str, output: Path) -> str:
    """Writes a .json (coco), or a folder of .txt and data.yaml (yolo); returns what was written, in words.

    Raises:
        ConfigError: nothing is corrected.
        WorkspaceError: it cannot be written.
    """
    chosen, skeleton = corrected_poses(workspace)
    if kind == "coco":
        write_bytes(output, json.dumps(coco_json(chosen, skeleton), indent=1).encode())
    else:
        for poses in chosen:
            name = PurePosixPath(poses.image.partition("/")[2]).with_suffix(".txt")
            write_bytes(output / "labels" / name, yolo_pose_text(poses, skeleton).encode())
        facts = {"names": {0: "person"}, "kpt_shape": [len(skeleton.keypoints), 3], "flip_idx": skeleton.mirror_index}
        # JSON is YAML too.
        write_bytes(output / "data.yaml", json.dumps(facts, indent=1).encode())
    people = sum(len(poses.people) for poses in chosen)
    return f"{len(chosen)} photos with {people} people: {output}"
