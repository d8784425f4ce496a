"""What a network gets wrong, with a detector whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from yolo_stage.labels import LabelledPicture
from yolo_torch.training import mining
from yolo_torch.training.mining import mine, missed_people

PEOPLE = [[0.0, 0, 50, 100], [100.0, 0, 150, 100], [180.0, 0, 182, 4]]
CROWD = [100.0, 100, 200, 200]


@dataclass(frozen=True)
class Input:
    """All that mining asks of a detector whose answers are patched."""

    input_size: int = 200
    rectangular: bool = False


def test_boxes_on_nothing_and_missed_people(monkeypatch: pytest.MonkeyPatch) -> None:
    row = LabelledPicture(Path("a.jpg"), (200, 200), np.array([*PEOPLE, CROWD]), np.array([False] * 3 + [True]))
    found = np.array([[2.0, 0, 50, 96], [0, 150, 60, 200], [10, 150, 70, 200], [120, 120, 180, 180]])
    answers = [(np.zeros((0, 4)), np.zeros(0)), (found, np.array([0.9, 0.5, 0.2, 0.9]))]
    monkeypatch.setattr(mining, "detect_in", lambda rows, *_: answers[-len(rows) :])
    mined = mine([row, row, row], [0, 2], Input())  # type: ignore[arg-type]
    assert list(mined.on_nothing) == [2]
    np.testing.assert_allclose(mined.on_nothing[2], [[0, 0.75, 0.3, 1]])
    assert {index: len(boxes) for index, boxes in mined.missed.items()} == {0: 2, 2: 1}
    np.testing.assert_allclose(mined.missed[2], [[0.5, 0, 0.75, 0.5]])


def test_who_is_too_small_is_not_missed() -> None:
    row = LabelledPicture(Path("a.jpg"), (200, 200), np.array(PEOPLE), np.zeros(3, bool))
    assert len(missed_people(row, np.zeros((0, 4)), Input())) == 2
    assert len(missed_people(row, np.zeros((0, 4)), Input(2000))) == 3
    assert len(missed_people(row, np.array(PEOPLE), Input())) == 0


def test_a_rectangle_shows_people_larger() -> None:
    """A person of 50 px in a picture of 600 x 200: 17 px in a square of 200 px, 29 in the rectangle of 352 x 128."""
    row = LabelledPicture(Path("a.jpg"), (600, 200), np.array([[0.0, 0, 30, 50]]), np.zeros(1, bool))
    assert len(missed_people(row, np.zeros((0, 4)), Input())) == 0
    assert len(missed_people(row, np.zeros((0, 4)), Input(rectangular=True))) == 1
