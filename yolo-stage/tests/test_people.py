"""From candidates to people: thresholds, overlaps, the mapping to the image, and the records."""

from __future__ import annotations

import numpy as np
import pytest

from stage_kit.pictures.letterbox import Letterbox
from yolo_stage.people import Selection, choose_people, people_records

HALVED = Letterbox(0.5, 0.5, 0, 8, 64, 32)  # an image of 64 x 32 in an input of 32 x 32
Row = tuple[float, float, float, float, float]


@pytest.mark.parametrize(
    ("candidates", "selection", "expected"),
    [
        ([], Selection(0.5, 0.4), []),
        ([(0, 8, 8, 16, 0.5)], Selection(0.5, 0.4), [(0, 0, 16, 16, 0.5)]),  # the threshold itself is enough
        ([(0, 8, 8, 16, 0.499)], Selection(0.5, 0.4), []),
        ([(-4, 4, 40, 30, 0.9)], Selection(0.5, 0.4), [(0, 0, 64, 32, 0.9)]),
        ([(0, 0, 8, 8, 0.9), (40, 8, 50, 16, 0.9)], Selection(0.5, 0.4), []),  # wholly on the border
        ([(0, 8, 8, 16, 0.6), (0, 8, 8, 15, 0.9)], Selection(0.5, 0.4), [(0, 0, 16, 14, 0.9)]),
        ([(0, 8, 8, 16, 0.6), (0, 8, 8, 15, 0.9)], Selection(0.5, 0.9), [(0, 0, 16, 14, 0.9), (0, 0, 16, 16, 0.6)]),
        # From left to right, whoever is surer; the surest one of those that count.
        ([(20, 8, 28, 16, 0.9), (0, 8, 8, 16, 0.6)], Selection(0.5, 0.4), [(0, 0, 16, 16, 0.6), (40, 0, 56, 16, 0.9)]),
        ([(0, 8, 8, 16, 0.6), (20, 8, 28, 16, 0.9)], Selection(0.5, 0.4, 1), [(40, 0, 56, 16, 0.9)]),
        ([(0, 0, 8, 8, 0.9), (20, 8, 28, 16, 0.6)], Selection(0.5, 0.4, 1), [(40, 0, 56, 16, 0.6)]),
    ],
)
def test_who_counts(candidates: list[Row], selection: Selection, expected: list[Row]) -> None:
    boxes, scores = choose_people(np.array(candidates, np.float32).reshape(-1, 5), HALVED, selection)
    np.testing.assert_allclose(np.column_stack([boxes, scores]), np.reshape(expected, (-1, 5)), atol=1e-6)


def test_a_score_that_rounding_lifts_over_1_is_1() -> None:
    (person,) = people_records(np.array([[0.0, 0, 5, 5]]), np.array([1.0000001]), (9, 9), 1.25)
    assert person.score == 1


def test_the_cut_is_that_of_the_box_as_it_is_stored() -> None:
    """The record holds three decimals, and whoever computes the cut from it gets the cut's own rectangle."""
    (person,) = people_records(np.array([[100.0004, 100.0, 200.0004, 200.0]]), np.array([0.9]), (400, 400), 1.0)
    assert person.box.xyxy == (100, 100, 200, 200)
    assert (person.cut.x, person.cut.width) == (98, 104)


BEFORE = [(0, 0, 16, 16), (30, 0, 46, 16)]


@pytest.mark.parametrize(
    ("candidates", "before", "expected"),
    [
        ([], BEFORE, []),
        ([(0, 8, 8, 16, 0.3)], [], []),
        ([(0, 8, 8, 16, 0.3)], BEFORE, [0.3]),  # the score is enough where somebody was
        ([(0, 8, 8, 16, 0.24)], BEFORE, []),
        ([(6, 8, 14, 16, 0.3)], BEFORE, []),  # elsewhere it is not
        ([(0, 0, 8, 8, 0.3)], BEFORE, []),  # on the border
        ([(0, 8, 8, 16, 0.9), (0, 8, 5, 16, 0.3)], BEFORE, [0.9]),  # another box of somebody who is there already
        ([(3, 8, 11, 16, 0.9), (0, 8, 6, 16, 0.3)], [(0, 0, 17, 16)], [0.9]),  # also one that overlaps little
        ([(0, 8, 8, 16, 0.9), (15, 8, 23, 16, 0.3)], BEFORE, [0.9, 0.3]),
    ],
)
def test_who_was_in_the_frame_before_needs_half_the_score(
    candidates: list[Row], before: list[tuple[float, ...]], expected: list[float]
) -> None:
    rows = np.array(candidates, np.float32).reshape(-1, 5)
    known = np.array(before, np.float64).reshape(-1, 4)
    _, scores = choose_people(rows, HALVED, Selection(0.5, 0.6, seen_thres=0.25), known)
    assert scores == pytest.approx(expected, abs=1e-6)
    assert len(choose_people(rows, HALVED, Selection(0.5, 0.6, seen_thres=0.5), known)[1]) == expected.count(0.9)
