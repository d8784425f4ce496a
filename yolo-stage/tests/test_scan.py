"""Recall and boxes on nothing at several scores, against cases worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yolo_stage.evaluation import judge
from yolo_stage.labels import LabelledPicture
from yolo_stage.scan import Matches, boxes_on_nothing, parts_within, scan, scan_table

PERSON, CROWD = [0.0, 0, 100, 200], [300.0, 0, 400, 400]


@pytest.mark.parametrize(
    ("box", "nothing"),
    [
        ([0, 0, 100, 200], False),
        ([0, 0, 100, 59], True),  # IoU 0.295 with the person
        ([0, 0, 100, 61], False),
        ([310, 10, 390, 390], False),  # in the crowd
        ([251, 0, 351, 100], False),  # 51 parts of 100 in the crowd
        ([249, 0, 349, 100], True),
        ([150, 300, 200, 390], True),
    ],
)
def test_a_box_on_nothing(box: list[float], nothing: bool) -> None:
    got = boxes_on_nothing(np.array([box], np.float64), np.array([PERSON]), np.array([CROWD]))
    assert got.tolist() == [nothing]


def test_without_labels_every_box_is_on_nothing() -> None:
    none = np.zeros((0, 4))
    assert boxes_on_nothing(np.array([PERSON, CROWD]), none, none).tolist() == [True, True]
    assert boxes_on_nothing(none, np.array([PERSON]), none).shape == (0,)


def test_parts_within() -> None:
    boxes, regions = np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 50, 50], [20.0, 20, 30, 30]])
    np.testing.assert_allclose(parts_within(boxes, regions), [[0.5, 0]])


def test_scan_counts_what_is_over_each_score() -> None:
    matches = Matches(
        scores=np.array([0.9, 0.7, 0.5, 0.3, 0.3]),
        at_50=np.array([True, True, False, False, True]),
        at_70=np.array([True, False, False, False, False]),
        ignored=np.array([False, False, False, True, False]),
        on_nothing=np.array([False, False, True, False, False]),
    )
    low, high = scan(matches, people=4, pictures=2, thresholds=(0.3, 0.6))
    assert (low.recall, low.recall_70, low.precision, low.on_nothing, low.boxes) == (0.75, 0.25, 0.75, 0.5, 2.5)
    assert (high.recall, high.recall_70, high.precision, high.on_nothing, high.boxes) == (0.5, 0.25, 1, 0, 1)
    assert "| 0.3 | 75.0 | 25.0 | 75.0 | 0.500 | 2.50 |" in scan_table((low, high))


def test_judge_tells_the_two_overlaps_and_boxes_on_nothing_apart() -> None:
    row = LabelledPicture(Path("a.jpg"), (500, 500), np.array([PERSON, CROWD]), np.array([False, True]))
    boxes = np.array([[0.0, 0, 100, 130], [320, 20, 380, 300], [150, 300, 200, 390]])  # IoU 0.65, in the crowd, nothing
    measured = judge([row], [(boxes, np.array([0.8, 0.9, 0.4]))], 0.35)
    assert (measured.recall, measured.recall_70, measured.on_nothing) == (1, 0, 1)
    by_score = {row.threshold: row for row in measured.scan}
    assert (by_score[0.4].on_nothing, by_score[0.45].on_nothing) == (1, 0)
    assert (by_score[0.8].recall, by_score[0.8].precision) == (1, 1)


def test_boxes_in_empty_pictures_are_counted_where_nobody_is_labelled_at_all() -> None:
    row = LabelledPicture(Path("a.jpg"), (500, 500), np.zeros((0, 4)), np.zeros(0, bool))
    measured = judge([row, row], [(np.array([PERSON]), np.array([0.6])), (np.zeros((0, 4)), np.zeros(0))], 0.5)
    assert (measured.on_nothing, measured.precision, measured.people) == (0.5, 0, 0)
