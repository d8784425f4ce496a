"""Who is ranked where before COCO's AP: closed-form cases, pycocotools' own OKS, and a detector's boxes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import config_with

from hrn_stage.coco_ranking import (
    COCO_SIGMAS,
    MOST_PEOPLE,
    Found,
    Ranking,
    by_picture,
    oks,
    oks_nms,
    person_scores,
    ranked,
    soft_oks_nms,
)
from hrn_stage.config import HrnConfig
from hrn_stage.evaluation import Predictions, coco_results, judge
from hrn_stage.preprocess import PIXELS_PER_UNIT
from hrn_stage.training.detections import measured_people
from pose_contract.errors import ConfigError
from pose_contract.skeletons import COCO17

PUBLISHED = Ranking(in_vis_thre=0.2, oks_thre=0.9, soft_nms=False)


def people_at(*shifts_in_sigmas: float, area: float = 10_000.0) -> Found:
    """People whose keypoints all lie so many of each keypoint's own deviations right of the first's."""
    deviations = 2 * COCO_SIGMAS * math.sqrt(area)
    points = np.zeros((len(shifts_in_sigmas), 17, 2))
    points[:, :, 0] = np.array(shifts_in_sigmas)[:, None] * deviations
    count = len(shifts_in_sigmas)
    return Found(points, np.ones((count, 17)), np.ones(count), np.full(count, area))


def test_nobody_is_ranked_nowhere() -> None:
    kept, scores = ranked(people_at(), PUBLISHED)
    assert kept.shape == scores.shape == (0,)
    assert ranked(people_at(), Ranking(0.2, 0.9, soft_nms=True))[0].size == 0
    assert by_picture([]) == {}


def test_a_persons_score_is_the_boxs_times_the_mean_of_the_keypoints_over_the_threshold() -> None:
    keypoints = np.array([[0.9, 0.5, 0.2, 0.1], [0.1, 0.1, 0.1, 0.2], [1.2, 0.8, 0.0, 0.0]])
    found = person_scores(np.array([0.5, 1.0, 1.0]), keypoints, 0.2)
    assert found == pytest.approx([0.5 * 0.7, 0.0, 1.0])  # 0.2 itself does not count, and nothing is clipped
    assert person_scores(np.array([1.0]), keypoints[:1], 0.0) == pytest.approx([1.7 / 4])


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 3.0])
def test_oks_of_a_shift_by_deviations_is_a_gaussian(shift: float) -> None:
    found = people_at(0, shift)
    assert oks(found, 0, np.array([1])) == pytest.approx([math.exp(-(shift**2) / 2)])
    assert oks(found, 1, np.array([0])) == pytest.approx([math.exp(-(shift**2) / 2)])


def test_two_sizes_count_as_their_mean() -> None:
    one = people_at(0, 1)
    found = Found(one.keypoints_xy, one.keypoint_scores, one.box_scores, np.array([5_000.0, 15_000.0]))
    assert oks(found, 0, np.array([1])) == pytest.approx(oks(one, 0, np.array([1])))


def test_oks_is_that_of_pycocotools() -> None:
    """Its people are a label, whose size alone counts, and results; equal sizes make the two the same."""
    cocoeval = pytest.importorskip("pycocotools.cocoeval", reason="pycocotools is not installed")
    judged = cocoeval.COCOeval(iouType="keypoints")
    assert judged.params.kpt_oks_sigmas == pytest.approx(COCO_SIGMAS)
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 300, (1, 17, 2)) + rng.normal(0, 12, (6, 17, 2))
    found = Found(points, np.ones((6, 17)), np.ones(6), np.full(6, 7_000.0))
    flat = [[float(value) for x, y in person for value in (x, y, 2)] for person in points]
    label = {"keypoints": flat[0], "bbox": [0, 0, 300, 300], "area": 7_000.0, "ignore": 0, "id": 1}
    judged._gts[1, 1] = [label]
    judged._dts[1, 1] = [{"keypoints": person, "score": 1 - 0.1 * row} for row, person in enumerate(flat)]
    theirs = np.asarray(judged.computeOks(1, 1))[:, 0]
    ours = oks(found, 0, np.arange(6))
    assert ours == pytest.approx(theirs) and ours[1:].min() > 0.05 and ours[1:].max() < 0.95


def test_of_people_alike_the_best_stays_and_the_threshold_itself_is_not_alike() -> None:
    found = people_at(0, 1, 2)  # OKS of neighbours exp(-1/2) = 0.607, of the ends exp(-2) = 0.135
    scores = np.array([0.5, 0.9, 0.8])
    assert oks_nms(found, scores, 0.7).tolist() == [1, 2, 0]
    assert oks_nms(found, scores, 0.5).tolist() == [1]
    assert oks_nms(found, np.array([0.9, 0.8, 0.7]), 0.5).tolist() == [0, 2]
    alike = float(oks(found, 0, np.array([1]))[0])
    assert oks_nms(people_at(0, 1), np.array([0.9, 0.8]), alike).tolist() == [0, 1]


def test_softly_nobody_goes_but_who_is_like_a_better_one_falls_back() -> None:
    found = people_at(0, 0.1, 9)
    scores = np.array([0.9, 0.8, 0.5])
    kept = soft_oks_nms(found, scores, 0.9)
    assert kept.tolist() == [0, 2, 1]  # 0.8 x exp(-0.99 / 0.9) = 0.27
    _, written = ranked(found, Ranking(0.2, 0.9, soft_nms=True))
    assert written.tolist() == [1, 1, 1]
    crowd = people_at(*(10.0 * step for step in range(30)))
    assert len(soft_oks_nms(crowd, np.linspace(1, 0.1, 30), 0.9)) == MOST_PEOPLE


def coco_set(root: Path, people: int = 2) -> dict[str, Any]:
    """One picture with labelled people, and the labels as they lie on disk."""
    rng = np.random.default_rng(3)
    annotations = []
    for person in range(people):
        points = rng.uniform(20, 180, (17, 2)) + np.array([200.0 * person, 0])
        flat = [float(value) for x, y in points for value in (round(x, 2), round(y, 2), 2)]
        box = [200 * person + 10, 10, 180, 180]
        annotations.append(
            {"id": person + 1, "image_id": 7, "category_id": 1, "bbox": box, "area": 20_000.0, "iscrowd": 0,
             "num_keypoints": 17, "keypoints": flat}
        )  # fmt: skip
    labels = {
        "images": [{"id": 7, "file_name": "seven.jpg", "width": 200 * people, "height": 200}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    }
    (root / "valid.json").write_text(json.dumps(labels))
    return labels


def coco_config(root: Path, **test: Any) -> HrnConfig:
    return config_with(
        DATASET={"DATASET": "coco", "ROOT": str(root), "TEST_SET": "valid"},
        MODEL={"NUM_JOINTS": 17},
        TEST={"OKS_THRE": 0.9, "IN_VIS_THRE": 0.2, "NMS_THRE": 1.0, "IMAGE_THRE": 0.0} | test,
    )


def boxes_in(root: Path, *boxes: tuple[list[float], float], **changes: Any) -> str:
    path = root / "boxes.json"
    entries = [{"image_id": 7, "category_id": 1, "bbox": box, "score": score} | changes for box, score in boxes]
    path.write_text(json.dumps(entries))
    return str(path)


def test_a_wrong_person_of_a_doubtful_box_costs_no_ap(tmp_path: Path) -> None:
    """The mean of the keypoints alone, as before, would rank it first, and an AP of 0.5 come of it."""
    labels = coco_set(tmp_path, people=1)
    box = labels["annotations"][0]["bbox"]
    path = boxes_in(tmp_path, (box, 0.9), ([30.0, 30.0, 100.0, 100.0], 0.1))
    config = coco_config(tmp_path, COCO_BBOX_FILE=path)
    samples = measured_people(config)
    assert [sample.box_score for sample in samples] == [0.9, 0.1] and samples[0].image == tmp_path / "seven.jpg"
    truth = np.array(labels["annotations"][0]["keypoints"]).reshape(17, 3)[:, :2]
    predictions = Predictions(np.stack([truth, truth + 500]), np.stack([np.full(17, 0.8), np.full(17, 0.95)]))
    measured = judge(samples, predictions, config, COCO17)
    assert measured.oks["AP"] == pytest.approx(1) and measured.tables == {} and measured.score == pytest.approx(1)
    assert "people: the boxes of" in measured.as_text() and "AP 1.000" in measured.as_text()
    results = coco_results(samples, predictions, PUBLISHED)
    assert [result["score"] for result in results] == pytest.approx([0.9 * 0.8, 0.1 * 0.95])


def test_a_person_found_twice_counts_once(tmp_path: Path) -> None:
    labels = coco_set(tmp_path, people=1)
    box = labels["annotations"][0]["bbox"]
    config = coco_config(tmp_path, COCO_BBOX_FILE=boxes_in(tmp_path, (box, 0.8), (box, 0.9)))
    samples = measured_people(config)
    area = float(np.prod(samples[0].scale * PIXELS_PER_UNIT))
    assert len(samples) == 2 and area == pytest.approx((1.25 * 180) ** 2)  # what the network saw, as published
    truth = np.array(labels["annotations"][0]["keypoints"]).reshape(17, 3)[:, :2]
    predictions = Predictions(np.stack([truth, truth]), np.ones((2, 17)))
    (result,) = coco_results(samples, predictions, PUBLISHED)
    assert result["score"] == pytest.approx(0.9)
    assert len(coco_results(samples, predictions, Ranking(0.2, 1.0, soft_nms=False))) == 2


def test_whose_boxes_are_measured(tmp_path: Path) -> None:
    coco_set(tmp_path)
    path = boxes_in(tmp_path, ([10.0, 10.0, 100.0, 100.0], 0.9), ([12.0, 10.0, 100.0, 100.0], 0.8),
                    ([10.0, 10.0, 50.0, 50.0], 0.05))  # fmt: skip
    for changes, scores in (
        ({}, [0.9, 0.8, 0.05]),
        ({"IMAGE_THRE": 0.05}, [0.9, 0.8, 0.05]),
        ({"IMAGE_THRE": 0.1}, [0.9, 0.8]),
        ({"NMS_THRE": 0.6}, [0.9, 0.05]),
        ({"USE_GT_BBOX": True}, [1, 1]),
        ({"COCO_BBOX_FILE": ""}, [1, 1]),
    ):
        samples = measured_people(coco_config(tmp_path, **{"COCO_BBOX_FILE": path} | changes))
        assert [sample.box_score for sample in samples] == scores, changes


def test_detections_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    coco_set(tmp_path)
    gone = coco_config(tmp_path, COCO_BBOX_FILE=str(tmp_path / "gone.json"))
    with pytest.raises(ConfigError, match=r"no boxes .*gone\.json"):
        measured_people(gone)
    for text in ("{", "[1]", '[{"category_id": 1}]', '{"a": 1}'):
        (tmp_path / "boxes.json").write_text(text)
        with pytest.raises(ConfigError, match="no list of boxes"):
            measured_people(coco_config(tmp_path, COCO_BBOX_FILE=str(tmp_path / "boxes.json")))
    for changes in ({"image_id": 8}, {"category_id": 2}):
        path = boxes_in(tmp_path, ([0.0, 0.0, 9.0, 9.0], 0.9), **changes)
        with pytest.raises(ConfigError, match="no box of"):
            measured_people(coco_config(tmp_path, COCO_BBOX_FILE=path))
    with pytest.raises(ConfigError, match="no list of boxes"):
        measured_people(coco_config(tmp_path, COCO_BBOX_FILE=boxes_in(tmp_path, ([0.0, 0.0, math.nan, 9.0], 0.9))))
