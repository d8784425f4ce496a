"""AP50, recall and precision against cases worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose_contract.errors import ConfigError
from yolo_stage.evaluation import Found, judge, measure
from yolo_stage.labels import LabelledPicture

BOX, OTHER, FAR = [0, 0, 10, 20], [30, 0, 40, 20], [60, 60, 70, 80]


def labelled(boxes: list[list[float]], crowd: list[bool] | None = None) -> LabelledPicture:
    array = np.array(boxes, np.float64).reshape(-1, 4)
    return LabelledPicture(Path("a.jpg"), (100, 100), array, np.array(crowd or [False] * len(boxes), bool))


def found(*rows: tuple[list[float], float]) -> Found:
    return np.array([box for box, _ in rows], np.float64).reshape(-1, 4), np.array([score for _, score in rows])


@pytest.mark.parametrize(
    ("labels", "boxes", "ap50", "recall", "precision"),
    [
        ([], [], -1, 0, 1),
        ([], [(BOX, 0.9)], -1, 0, 0),
        ([BOX], [], 0, 0, 1),
        ([BOX], [(FAR, 0.9)], 0, 0, 0),
        ([BOX], [(BOX, 0.9)], 1, 1, 1),
        ([BOX], [(BOX, 0.4)], 1, 0, 1),  # found, but not with the threshold's score
        ([BOX], [([0, 0, 10, 9], 0.9)], 0, 0, 0),  # IoU 0.45
        ([BOX], [([0, 0, 10, 11], 0.9)], 1, 1, 1),  # IoU 0.55
        ([BOX], [(BOX, 0.9), (BOX, 0.8)], 1, 1, 0.5),  # twice: the second is wrong, but after full recall
        ([BOX], [(FAR, 0.9), (BOX, 0.8)], 0.5, 1, 0.5),  # the wrong one is the surer
        # 51 of COCO's 101 recall points lie at or under 0.5.
        ([BOX, OTHER], [(BOX, 0.9)], 51 / 101, 0.5, 1),
    ],
)
def test_one_picture(
    labels: list[list[float]], boxes: list[tuple[list[float], float]], ap50: float, recall: float, precision: float
) -> None:
    measured = judge([labelled(labels)], [found(*boxes)], threshold=0.5)
    assert measured.ap50 == pytest.approx(ap50)
    assert measured.recall == pytest.approx(recall)
    assert measured.precision == pytest.approx(precision)
    assert (measured.pictures, measured.people) == (1, len(labels))


def test_boxes_count_for_their_own_picture_only() -> None:
    pictures = [labelled([BOX]), labelled([OTHER]), labelled([])]
    right = judge(pictures, [found((BOX, 0.9)), found((OTHER, 0.9)), found()], 0.5)
    swapped = judge(pictures, [found((OTHER, 0.9)), found((BOX, 0.9)), found()], 0.5)
    assert right.ap50 == pytest.approx(1)
    assert (right.recall, right.people) == (1, 2)
    assert (swapped.ap50, swapped.recall, swapped.precision) == (0, 0, 0)


def test_a_crowd_takes_any_number_of_boxes_and_counts_for_nothing() -> None:
    pictures = [labelled([BOX, [40, 40, 100, 100]], [False, True])]
    boxes = found((BOX, 0.6), ([41, 41, 60, 60], 0.9), ([61, 61, 90, 90], 0.8))
    measured = judge(pictures, [boxes], 0.5)
    assert measured.ap50 == pytest.approx(1)
    assert (measured.recall, measured.precision, measured.people) == (1, 1, 1)


def test_nobody_labelled_has_no_table() -> None:
    assert judge([labelled([])], [found()], 0.5).as_text() == "nobody is labelled in 1 pictures"


def test_without_pycocotools_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stage_kit.training.coco.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="pycocotools"):
        measure([labelled([BOX])], None)  # type: ignore[arg-type]


def test_the_labels_themselves_are_perfect() -> None:
    rng = np.random.default_rng(0)
    pictures, boxes = [], []
    for _ in range(20):
        corners = rng.uniform(0, 80, (rng.integers(0, 5), 2))
        rows = np.concatenate([corners, corners + rng.uniform(5, 20, corners.shape)], axis=1)
        pictures.append(LabelledPicture(Path("a.jpg"), (100, 100), rows, np.zeros(len(rows), bool)))
        boxes.append((rows, np.ones(len(rows))))
    measured = judge(pictures, boxes, 0.5)
    assert measured.ap50 == pytest.approx(1)
    assert (measured.recall, measured.precision) == (1, 1)
