"""Readers of labelled people: every format on a hand-made set, and on the real samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import MarkerEstimator, config_with, workspace_in
from story import poses_of, run

from hrn_stage.config import HrnConfig
from hrn_stage.data_set_skeleton import skeleton_for
from hrn_stage.training.datasets import mpii_from_lsp, read_samples
from hrn_stage.training.samples import extent_box
from pose_contract.errors import ConfigError
from pose_contract.skeletons import COCO17, LSP14, MPII16
from pose_contract.storage import write_record


def write_mat(path: Path, content: dict[str, Any]) -> None:
    pytest.importorskip("scipy", reason="SciPy is not installed: make setup TORCH=1").io.savemat(path, content)


def config_of(dataset: str, root: Path, joints: int = 16, **changes: Any) -> HrnConfig:
    return config_with(DATASET={"DATASET": dataset, "ROOT": str(root), **changes}, MODEL={"NUM_JOINTS": joints})


def test_nobody_and_nothing_are_refused(tmp_path: Path) -> None:
    for dataset, message in (("lsp", "no label file"), ("mpii", "no label file"), ("coco", "no label file"),
                             ("workspace", "nobody is labelled"), ("custom", "known: mpii, coco")):  # fmt: skip
        with pytest.raises(ConfigError, match=message):
            read_samples(config_of(dataset, tmp_path), "train")
    (tmp_path / "train.json").write_text("{")
    with pytest.raises(ConfigError, match="no JSON"):
        read_samples(config_of("mpii", tmp_path), "train")


def test_lsp_arrays(tmp_path: Path) -> None:
    joints = np.zeros((3, 14, 3), np.float32)
    joints[0] = [[10 + 2 * row, 20 + 3 * row, 1] for row in range(14)]
    joints[1, :5] = [[5, 5 + row, 1] for row in range(5)]
    joints[2, 0] = [1, 1, 1]
    np.savez(tmp_path / "train.npz", files=np.array(["a.jpg", "b.jpg", "c.jpg"]), joints=joints)
    fourteen = read_samples(config_of("lsp", tmp_path, 14), "train")
    assert [sample.image.name for sample in fourteen] == ["a.jpg", "b.jpg"]
    assert fourteen[0].joints_xy.tolist() == joints[0, :, :2].tolist() and fourteen[0].labelled.all()
    sixteen = read_samples(config_of("lsp", tmp_path), "train")[0]
    named = dict(zip(MPII16.keypoints, sixteen.joints_xy.tolist(), strict=True))
    old = dict(zip(LSP14.keypoints, joints[0, :, :2].tolist(), strict=True))
    assert named["upper_neck"] == old["neck"] and named["left_knee"] == old["left_knee"]
    assert named["pelvis"] == [(old["right_hip"][axis] + old["left_hip"][axis]) / 2 for axis in (0, 1)]


def test_a_midpoint_needs_both_ends() -> None:
    joints = np.ones((1, 14, 3), np.float32)
    joints[0, LSP14.keypoints.index("left_hip"), 2] = 0
    result = mpii_from_lsp(joints)[0]
    assert result[MPII16.keypoints.index("pelvis")].tolist() == [0, 0, 0]
    assert result[MPII16.keypoints.index("thorax")].tolist() == [1, 1, 1]


def test_lsp_labels_train_both_skeletons() -> None:
    assert skeleton_for("lsp", 14) == LSP14 and skeleton_for("lsp", 16) == MPII16


def test_the_box_of_joints_has_15_percent_a_side() -> None:
    joints = np.array([[10, 20], [110, 220], [0, 0]], np.float32)
    assert extent_box(joints, np.array([True, True, False])) == pytest.approx((-5, -10, 125, 250))


def test_mpii_json(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "annot").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "annot/valid.json").write_bytes((shared / "photos/mpii-sample.json").read_bytes())
    first, second, _ = read_samples(config_of("mpii", tmp_path), "valid")
    assert first.image == tmp_path / "images/005808361.jpg"
    assert first.joints_xy[0].tolist() == [803.0, 710.0]
    assert first.scale == pytest.approx([4.718488 * 1.25] * 2)
    assert first.center == pytest.approx([966 - 1, 340 + 15 * 4.718488 - 1], abs=1e-3)
    assert not second.labelled[0] and second.joints_xy[0].tolist() == [0, 0]
    assert first.head_length is None


def test_mpii_head_boxes(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "valid.json").write_bytes((shared / "photos/mpii-sample.json").read_bytes())
    boxes = np.zeros((2, 2, 3))
    boxes[1] = [[30, 60, 0], [40, 80, 10]]
    write_mat(tmp_path / "gt_valid.mat", {"headboxes_src": boxes})
    lengths = [sample.head_length for sample in read_samples(config_of("mpii", tmp_path), "valid")]
    assert lengths == pytest.approx([30, 60, 6])
    write_mat(tmp_path / "gt_valid.mat", {"headboxes_src": boxes[:, :, :2]})
    with pytest.raises(ConfigError, match="2 heads for 3 people"):
        read_samples(config_of("mpii", tmp_path), "valid")


def test_coco_json(shared: Path, tmp_path: Path) -> None:
    labels = json.loads((shared / "photos/coco-sample.json").read_text())
    labels["annotations"].append({**labels["annotations"][0], "iscrowd": 1})
    labels["annotations"].append({**labels["annotations"][0], "num_keypoints": 0})
    (tmp_path / "valid.json").write_text(json.dumps(labels))
    samples = read_samples(config_of("coco", tmp_path, 17), "valid")
    assert len(samples) == sum(bool(row["num_keypoints"]) for row in labels["annotations"][:-2])
    person = samples[0]
    assert person.image.name == "000000000785.jpg" and person.image_id == 785 and person.area == 27789.11055
    assert person.joints_xy[COCO17.keypoints.index("nose")].tolist() == [367, 81]
    assert person.center == pytest.approx([280.79 + (218.7 - 1) / 2, 44.73 + (346.68 - 1) / 2], abs=0.01)


def test_corrected_records_of_a_workspace(tmp_path: Path) -> None:
    workspace = workspace_in(tmp_path)
    run(workspace, MarkerEstimator())
    assert len(read_samples(config_of("workspace", tmp_path), "all")) == 3
    with pytest.raises(ConfigError, match="nobody"):
        read_samples(config_of("workspace", tmp_path), "train")
    poses = poses_of(workspace, "a.jpg")
    person = poses.people[1].model_copy(update={"keypoints": poses.people[1].keypoints[4:]})
    path = workspace.path(workspace.poses_file("a.jpg"))
    write_record(path, poses.model_copy(update={"corrected": True, "people": (person,)}))
    (sample,) = read_samples(config_of("workspace", tmp_path), "train")
    assert sample.image == tmp_path / "images/a.jpg"
    assert sample.labelled.tolist() == [False] * 4 + [True] * 12
    assert sample.joints_xy[4].tolist() == pytest.approx([person.keypoints[0].x, person.keypoints[0].y])
