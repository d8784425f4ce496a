"""Measures on hand-computed cases, and on the labels themselves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_datasets import config_of

from hrn_stage.coco_ranking import Ranking
from hrn_stage.evaluation import (
    OKS_NAMES,
    PCK,
    PCK_EITHER_SIDE,
    PCKH,
    PCKH_STRICT,
    Measured,
    Predictions,
    coco_oks,
    coco_results,
    judge,
    read_predictions,
    score_predictions,
)
from hrn_stage.metrics import DERIVED, Correct, correct_within, interchangeable, torso_lengths, without_nan
from hrn_stage.training.datasets import read_samples
from hrn_stage.training.samples import Sample
from pose_contract.errors import ConfigError
from pose_contract.skeletons import COCO17, LSP14, MPII16

RANKING = Ranking(in_vis_thre=0.2, oks_thre=0.9, soft_nms=False)


def lsp_person() -> tuple[np.ndarray, np.ndarray]:
    joints = np.zeros((1, 14, 2))
    joints[0, LSP14.keypoints.index("left_shoulder")] = [0, 0]
    joints[0, LSP14.keypoints.index("right_hip")] = [30, 40]
    joints[0, LSP14.keypoints.index("right_shoulder")] = [0, 0]
    joints[0, LSP14.keypoints.index("left_hip")] = [0, 100]
    return joints, np.ones((1, 14), bool)


def test_the_torso_is_left_shoulder_to_right_hip_else_the_other_diagonal_else_none() -> None:
    joints, labelled = lsp_person()
    assert torso_lengths(joints, labelled, LSP14).tolist() == [50]
    labelled[0, LSP14.keypoints.index("right_hip")] = False
    assert torso_lengths(joints, labelled, LSP14).tolist() == [100]
    labelled[0, LSP14.keypoints.index("right_shoulder")] = False
    assert np.isnan(torso_lengths(joints, labelled, LSP14)).all()


def test_pck_counts_what_is_within_a_fifth_of_the_torso() -> None:
    joints, labelled = lsp_person()
    labelled[0, 0] = False
    predicted = joints.copy()
    predicted[0, 1] += [6, 8]  # exactly 10 = 0.2 x 50
    predicted[0, 2] += [0, 10.01]
    table = correct_within(predicted, joints, labelled, 0.2 * torso_lengths(joints, labelled, LSP14), LSP14.keypoints)
    assert table.labelled.sum() == 13 and table.correct.sum() == 12
    assert np.isnan(table.rates[0]) and table.rates[1] == 1 and table.rates[2] == 0
    assert table.mean == pytest.approx(12 / 13)


def test_a_person_without_a_torso_is_left_out() -> None:
    joints, labelled = lsp_person()
    table = correct_within(joints, joints, labelled, np.array([np.nan]), LSP14.keypoints)
    assert table.labelled.sum() == 0 and np.isnan(table.mean)


def test_interchangeable_sides_forgive_an_exchange_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    joints = rng.uniform(0, 100, (4, 16, 2))
    labelled = np.ones((4, 16), bool)
    crossed = joints[:, list(MPII16.mirror_index)]
    assert np.abs(interchangeable(crossed, joints, labelled, MPII16) - joints).max() == 0
    assert np.abs(interchangeable(joints, joints, labelled, MPII16) - joints).max() == 0
    wrong = joints + 50
    assert np.abs(interchangeable(wrong, joints, labelled, MPII16) - joints).max() > 20


def sample_at(joints: np.ndarray, labelled: np.ndarray, **fields: object) -> Sample:
    empty = np.zeros(2, np.float32)
    return Sample(Path("a.jpg"), empty, empty, joints.astype(np.float32), labelled, **fields)  # type: ignore[arg-type]


def test_the_labels_themselves_are_right() -> None:
    rng = np.random.default_rng(0)
    joints = rng.uniform(0, 200, (5, 16, 2)).astype(np.float32)
    samples = [sample_at(person, np.ones(16, bool)) for person in joints]
    measured = score_predictions(samples, Predictions(joints.astype(float), np.ones((5, 16))), MPII16)
    assert {name: table.mean for name, table in measured.tables.items()} == dict.fromkeys(
        (PCK, PCK_EITHER_SIDE, PCKH, PCKH_STRICT), 1.0
    )
    assert measured.score == 1 and "no head boxes" in measured.as_text()
    assert measured.as_json()["rates"][PCKH]["head_top"] == 1
    with_boxes = [sample_at(person, np.ones(16, bool), head_length=50.0) for person in joints]
    off = Predictions(joints + np.array([0, 25.0]), np.ones((5, 16)))
    table = score_predictions(with_boxes, off, MPII16)
    assert table.tables[PCKH].mean == 1 and table.tables[PCKH_STRICT].mean == 0
    assert "by head boxes" in table.as_text()


def test_cocos_labels_have_an_ap_of_one(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "valid.json").write_bytes((shared / "photos/coco-sample.json").read_bytes())
    samples = read_samples(config_of("coco", tmp_path, 17), "valid")
    truth = np.stack([sample.joints_xy for sample in samples]).astype(float)
    results = coco_results(samples, Predictions(truth, np.ones(truth.shape[:2])), RANKING)
    oks = coco_oks(tmp_path / "valid.json", results)
    assert tuple(oks) == OKS_NAMES and oks["AP"] == 1 and oks["AR"] == 1
    shifted = coco_results(samples, Predictions(truth + 1000, np.ones(truth.shape[:2])), RANKING)
    assert coco_oks(tmp_path / "valid.json", shifted)["AP"] == 0
    assert coco_oks(tmp_path / "valid.json", [])["AP"] == 0
    with pytest.raises(ConfigError, match="do not belong"):
        coco_oks(tmp_path / "valid.json", [{**results[0], "image_id": 123456}])


def test_mpiis_mean_is_the_published_one() -> None:
    """Weighted by how often a joint is labelled, without pelvis and thorax: those of 80 and 20 labels count 4 to 1."""
    names = ("head_top", "upper_neck", "pelvis", "thorax")
    correct, labelled = np.array([80, 0, 100, 100]), np.array([80, 20, 100, 100])
    assert Correct(names, correct, labelled, DERIVED, by_counts=True).mean == pytest.approx(0.8)
    assert Correct(names, correct, labelled, DERIVED).mean == pytest.approx(0.5)
    assert Correct(names, correct, labelled).mean == pytest.approx(0.75)
    assert np.isnan(Correct(names, 0 * correct, 0 * labelled, DERIVED, by_counts=True).mean)
    joints = np.random.default_rng(0).uniform(0, 200, (2, 16, 2)).astype(np.float32)
    labelled = np.ones((2, 16), bool)
    labelled[1, :6] = False  # the second's legs
    samples = [sample_at(person, own, head_length=50.0) for person, own in zip(joints, labelled, strict=True)]
    predicted = joints.astype(float)
    predicted[0, :6] += 400  # the first's are wrong: 6 of the 22 labels that count
    predicted[:, 6:8] += 400  # and pelvis and thorax, which do not
    table = score_predictions(samples, Predictions(predicted, np.ones((2, 16))), MPII16).tables[PCKH]
    assert table.mean == pytest.approx(16 / 22) and table.rates[6] == 0


def test_on_lsp_the_mean_is_over_the_fourteen_joints_that_are_labelled(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).uniform(0, 200, (2, 16, 2)).astype(np.float32)
    predicted = joints.astype(float)
    predicted[:, [MPII16.keypoints.index(name) for name in ("pelvis", "thorax")]] += 400
    samples = [sample_at(person, np.ones(16, bool)) for person in joints]
    for dataset, mean in (("lsp", 1.0), ("workspace", 14 / 16)):
        measured = judge(samples, Predictions(predicted, np.ones((2, 16))), config_of(dataset, tmp_path), MPII16)
        assert measured.tables[PCK].mean == pytest.approx(mean), dataset


def table_of(mean: float) -> Correct:
    return Correct(("a",), np.array([round(100 * mean)]), np.array([100]))


@pytest.mark.parametrize(
    ("oks", "tables", "score"),
    [
        ({}, {}, None),
        ({}, {PCK: Correct(("a",), np.zeros(1, int), np.zeros(1, int))}, None),
        ({"AP": -1.0}, {}, None),  # pycocotools' word for nobody labelled
        ({}, {PCK: table_of(0.3)}, 0.3),
        ({}, {PCK: table_of(0.3), PCKH: table_of(0.6)}, 0.6),
        ({}, {PCK: table_of(0.3), PCKH: Correct(("a",), np.zeros(1, int), np.zeros(1, int))}, 0.3),
        ({"AP": -1.0}, {PCK: table_of(0.3)}, 0.3),
        ({"AP": 0.0}, {PCK: table_of(0.3)}, 0.0),
    ],
)
def test_weights_are_chosen_by_ap_else_pckh_else_pck(
    oks: dict[str, float], tables: dict[str, Correct], score: float | None
) -> None:
    measured = Measured(1, tables, oks)
    assert measured.score == score
    assert "nan" not in measured.as_text()
    json.dumps(measured.as_json(), allow_nan=False)


def test_json_holds_no_nan() -> None:
    assert without_nan({}) == {} and without_nan([]) == []
    assert without_nan({"a": [1.5, float("nan")], "b": {"c": float("inf")}, "d": "x", "e": 3}) == {
        "a": [1.5, None], "b": {"c": None}, "d": "x", "e": 3,
    }  # fmt: skip


def test_what_was_measured_of_nobody_is_json_too() -> None:
    nobody = Correct(("knee", "ankle"), np.zeros(2, np.int64), np.array([0, 0]))
    written = Measured(0, {PCK: nobody}, {"AP": float("nan")}).as_json()
    assert json.loads(json.dumps(written, allow_nan=False)) == {
        "people": 0, "rates": {PCK: {"mean": None, "knee": None, "ankle": None}}, "oks": {"AP": None}, "notes": [],
    }  # fmt: skip


def test_predictions_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps([{"keypoints": [1, 2, 0.5] * 17}]))
    read = read_predictions(path, 1, len(COCO17.keypoints))
    assert read.keypoints_xy.shape == (1, 17, 2) and read.scores[0, 0] == 0.5
    for people, keypoints in ((2, 17), (1, 16)):
        with pytest.raises(ConfigError, match="the labels"):
            read_predictions(path, people, keypoints)
    path.write_text("[1]")
    with pytest.raises(ConfigError, match="no list of predictions"):
        read_predictions(path, 1, 17)
