"""`pose export`: records of a workspace -> files for other tools."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from pose_contract.storage import write_bytes, write_chunks
from pose_contract.workspace import Workspace
from stage_kit.export.coco_json import coco_json
from stage_kit.export.corrected import corrected_poses
from stage_kit.export.cvat import cvat_labels, cvat_xml, has_xml_name, unnameable
from stage_kit.export.label_studio import label_studio_config, label_studio_tasks
from stage_kit.export.predictions import predictions
from stage_kit.export.yolo_pose import yolo_pose_text

FORMATS = ("coco", "yolo")
TOOLS = ("cvat", "label-studio")


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


def export_to_tool(workspace: Workspace, tool: str, output: Path) -> tuple[str, tuple[str, ...]]:
    """Writes all records, corrected or not, for people to correct; returns what was written and what was left out.

    For `cvat` a folder of annotations.xml and labels.json, for `label-studio` one of tasks.json and config.xml.

    Raises:
        ConfigError: there is no record, or two kinds of skeletons.
        WorkspaceError: it cannot be written.
    """
    found = predictions(workspace)
    photos, left_out = found.photos, found.left_out
    if tool == "cvat":
        left_out += tuple(unnameable(photo) for photo in photos if not has_xml_name(photo))
        photos = tuple(filter(has_xml_name, photos))
        write_chunks(output / "annotations.xml", cvat_xml(photos, found.skeleton))
        write_bytes(output / "labels.json", json.dumps(cvat_labels(found.skeleton), indent=1).encode())
    else:
        write_chunks(output / "tasks.json", label_studio_tasks(photos))
        write_bytes(output / "config.xml", label_studio_config(found.skeleton).encode())
    people = sum(len(photo.people) for photo in photos)
    return f"{len(photos)} photos with {people} people: {output}", left_out
