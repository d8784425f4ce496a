"""Readers of labelled people: every format on a hand-made set, and on the real samples."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import MarkerEstimator, config_with, workspace_in
from story import poses_of, run

from hrn_stage.config import HrnConfig
from hrn_stage.data_set_skeleton import skeleton_for
from hrn_stage.training.begin import fine_tuning, measured_network
from hrn_stage.training.datasets import read_samples
from hrn_stage.training.lsp_labels import mpii_from_lsp
from hrn_stage.training.refusals import require_known_labels, require_trainable
from hrn_stage.training.samples import Sample, extent_box
from hrn_stage.training.selection import well_centred
from hrn_stage.training.sets import read_measured, read_sets
from pose_contract.errors import ConfigError, WeightsError
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


def corrected_workspace(root: Path, photos: int) -> None:
    workspace = workspace_in(root)
    run(workspace, MarkerEstimator())
    poses = poses_of(workspace, "a.jpg")
    for number in range(photos):
        shutil.copy(root / "images/a.jpg", root / f"images/{number}.jpg")
        record = poses.model_copy(update={"corrected": True, "image": f"images/{number}.jpg"})
        write_record(workspace.path(workspace.poses_file(f"{number}.jpg")), record)


def test_a_workspace_is_split_by_photo(tmp_path: Path) -> None:
    corrected_workspace(tmp_path, 10)
    config = config_of("workspace", tmp_path)
    training, testing = read_sets(config)
    photos = [{sample.image.name for sample in part} for part in (training, testing)]
    assert not photos[0] & photos[1] and len(photos[0]) == 8 and len(photos[1]) == 2
    assert [sample.image for sample in read_measured(config)] == [sample.image for sample in testing]
    other = config.model_copy(update={"TRAIN": config.TRAIN.model_copy(update={"SEED": 7})})
    assert {sample.image.name for sample in read_measured(other)} != photos[1]


def test_one_corrected_photo_does_not_train_and_measure(tmp_path: Path) -> None:
    corrected_workspace(tmp_path, 1)
    with pytest.raises(ConfigError, match="one part has to train, another to measure"):
        read_sets(config_of("workspace", tmp_path))


def test_a_label_without_a_key_is_named(tmp_path: Path) -> None:
    person = {"center": [5, 5], "scale": 1, "joints": [[1, 1]] * 16, "joints_vis": [1] * 16, "image": "a.jpg"}
    lacking = {key: value for key, value in person.items() if key != "scale"}
    wrong = {"person 1 .*lacks scale": [person, lacking], "person 0": [person | {"joints": 3}], "person 0 ": [3]}
    for said, people in wrong.items():
        (tmp_path / "train.json").write_text(json.dumps(people))
        with pytest.raises(ConfigError, match=rf"train\.json, {said}"):
            read_samples(config_of("mpii", tmp_path), "train")
    coco = {"images": [{"id": 1, "width": 9, "height": 9, "file_name": "a.jpg"}], "annotations": [{"image_id": 2}]}
    for labels, said in (({}, "lacks images"), (coco, r"person 0 \(from 0\): lacks 2")):
        (tmp_path / "train.json").write_text(json.dumps(labels))
        with pytest.raises(ConfigError, match=rf"train\.json.*{said}"):
            read_samples(config_of("coco", tmp_path, 17), "train")


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.npz"
    np.savez(path, files=np.array(["a.jpg"]), joints=np.ones((1, 14, 3)))
    whole = path.read_bytes()
    for damaged in (b"", b"no zip", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ConfigError, match=r"train\.npz: cannot be read"):
            read_samples(config_of("lsp", tmp_path), "train")
    np.savez(path, files=np.array(["a.jpg"]))
    with pytest.raises(ConfigError, match="lacks joints"):
        read_samples(config_of("lsp", tmp_path), "train")


def test_a_missing_picture_is_named_before_training(tmp_path: Path) -> None:
    corrected_workspace(tmp_path, 2)
    (tmp_path / "images/1.jpg").unlink()
    with pytest.raises(ConfigError, match=r"1\.jpg is not there, the picture of labelled person"):
        read_sets(config_of("workspace", tmp_path))


def test_select_data_keeps_people_whose_joints_lie_in_their_middle() -> None:
    def sample(offset: float, labelled: int) -> Sample:
        joints = np.full((16, 2), 100 + offset, np.float32)
        seen = np.arange(16) < labelled
        return Sample(Path("a.jpg"), np.full(2, 100, np.float32), np.ones(2, np.float32), joints, seen)

    assert well_centred([]) == []
    near, far, nobody = sample(5, 16), sample(60, 16), sample(0, 0)
    assert well_centred([near, far, nobody]) == [near]


@pytest.mark.parametrize(("key", "value"), [("DATA_FORMAT", "zip"), ("HYBRID_JOINTS_TYPE", "mixed")])
def test_keys_that_labels_cannot_honour_are_refused(key: str, value: str, tmp_path: Path) -> None:
    config = config_of("mpii", tmp_path)
    require_trainable(config)
    dataset = config.DATASET.model_copy(update={key: value})
    with pytest.raises(ConfigError, match=f"DATASET.{key} {value}"):
        require_known_labels(config.model_copy(update={"DATASET": dataset}))


def test_too_many_hard_keypoints_are_refused(tmp_path: Path) -> None:
    config = config_of("mpii", tmp_path)
    loss = config.LOSS.model_copy(update={"TOPK": 17})
    require_trainable(config.model_copy(update={"LOSS": loss}))
    with pytest.raises(ConfigError, match=r"LOSS\.TOPK is 17, of 16"):
        require_trainable(config.model_copy(update={"LOSS": loss.model_copy(update={"USE_OHKM": True})}))


def test_embedded_weights_are_fine_tuned_from_a_low_rate(tmp_path: Path) -> None:
    config = config_of("mpii", tmp_path)
    begun = fine_tuning(config, tmp_path / "a.yaml", "lite", [])
    assert begun.TRAIN.LR == 0.0001 and Path(begun.MODEL.PRETRAINED).is_file() and begun.MODEL.INIT_WEIGHTS
    assert begun.DATASET.ROOT == config.DATASET.ROOT and begun.MODEL.EXTRA.PRETRAINED_LAYERS == ("*",)
    own = config.model_copy(update={"TRAIN": config.TRAIN.model_copy(update={"LR": 0.5})})
    assert fine_tuning(own, tmp_path / "a.yaml", "lite", ["TRAIN.LR", "0.5"]).TRAIN.LR == 0.5
    assert Path(measured_network(config, "lite").TEST.MODEL_FILE).is_file()
    assert measured_network(config, "published") == config
    with pytest.raises(WeightsError, match="no weights"):
        fine_tuning(config, tmp_path / "a.yaml", "published", [])
