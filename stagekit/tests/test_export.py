"""Corrected poses in the formats of other tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pose_contract.errors import ConfigError
from pose_contract.records import Box, ImagePoses, Keypoint, MadeBy, PersonPose
from pose_contract.skeletons import MPII16
from pose_contract.storage import write_record
from pose_contract.workspace import Workspace
from stage_kit.command.pose import main
from stage_kit.export.command import export

JOINTS = len(MPII16.keypoints)


def write_poses(workspace: Workspace, name: str, corrected: bool, people: int) -> None:
    keypoints = tuple(Keypoint(name=joint, x=10, y=20, score=1) for joint in MPII16.keypoints[1:])
    box = Box(x1=5, y1=10, x2=25, y2=60)
    person = [PersonPose(index=index, score=1, box=box, keypoints=keypoints) for index in range(people)]
    made_by = MadeBy(stage="hrn-stage", results=1, model="m", weights_sha256="0" * 64, options={})
    poses = ImagePoses(
        image=f"images/{name}", image_sha256="0" * 64, width=100, height=50, corrected=corrected,
        skeleton=MPII16.name, people=tuple(person), made_by=made_by,
    )  # fmt: skip
    write_record(workspace.path(workspace.poses_file(name)), poses)


def test_nothing_corrected_is_nothing_to_export(workspace: Workspace) -> None:
    for people in (None, 1):
        if people:
            write_poses(workspace, "a.jpg", False, people)
        with pytest.raises(ConfigError, match="no corrected poses"):
            export(workspace, "coco", workspace.root / "out.json")


def test_coco(workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_poses(workspace, "a.jpg", True, 0)
    write_poses(workspace, "b/c.jpg", True, 2)
    write_poses(workspace, "d.jpg", False, 1)
    assert main(["export", "coco", str(tmp_path / "out.json"), str(workspace.root)]) == 0
    assert "2 photos with 2 people" in capsys.readouterr().out
    labels = json.loads((tmp_path / "out.json").read_text())
    assert [image["file_name"] for image in labels["images"]] == ["a.jpg", "b/c.jpg"]
    assert labels["categories"][0]["keypoints"] == list(MPII16.keypoints)
    first, second = labels["annotations"]
    assert (first["id"], second["id"], first["image_id"]) == (1, 2, 2)
    assert first["bbox"] == [5, 10, 20, 50] and first["num_keypoints"] == JOINTS - 1
    assert first["keypoints"][:6] == [0, 0, 0, 10, 20, 2]


def test_yolo_pose(workspace: Workspace, tmp_path: Path) -> None:
    write_poses(workspace, "a.jpg", True, 0)
    write_poses(workspace, "b/c.jpg", True, 1)
    export(workspace, "yolo", tmp_path / "out")
    assert (tmp_path / "out/labels/a.txt").read_text() == ""
    (line,) = (tmp_path / "out/labels/b/c.txt").read_text().splitlines()
    numbers = [float(part) for part in line.split()]
    assert len(numbers) == 5 + 3 * JOINTS
    assert numbers[:5] == pytest.approx([0, 0.15, 0.6, 0.2, 0.8]), "clipped to the photo"
    assert numbers[5:11] == pytest.approx([0, 0, 0, 0.1, 0.4, 2])
    facts = json.loads((tmp_path / "out/data.yaml").read_text())
    assert facts["kpt_shape"] == [JOINTS, 3] and len(facts["flip_idx"]) == JOINTS
