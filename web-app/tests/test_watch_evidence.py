"""One person is one person, and whom the detector sees is surer."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pose_contract.skeletons import MPII16
from web_app.watch.estimators import EVERY, BottomUp
from web_app.watch.evidence import Floats, confirmed, distinct
from web_app.watch.people import Frame

# A standing person of ten joints, 100 pixels wide and 200 tall.
BODY = np.array(
    [(50, 0), (50, 30), (20, 35), (80, 35), (0, 90), (100, 90), (35, 110), (65, 110), (30, 200), (70, 200)], np.float64
)
UPPER, LOWER = (0, 1, 2, 3, 4, 5), (6, 7, 8, 9)


def somebody(at: tuple[float, float], joints: Sequence[int] = range(10), score: float = 0.7, size: float = 1) -> Floats:
    """[10, 3], with those joints alone."""
    points = np.zeros((10, 3))
    points[list(joints), :2] = size * BODY[list(joints)] + at
    points[list(joints), 2] = score
    return points


def boxes(people: Sequence[Floats]) -> Floats:
    found = [points[points[:, 2] > 0, :2] for points in people]
    return np.array([[*xy.min(axis=0), *xy.max(axis=0)] for xy in found]).reshape(-1, 4)


def kept(*people: Floats) -> list[int]:
    return distinct(boxes(people), np.array(people).reshape(-1, 10, 3)).tolist()


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([], []),
        ([somebody((-500, -500))], [0]),
        ([somebody((0, 0)), somebody((300, 0))], [0, 1]),
        ([somebody((0, 0), score=0.5), somebody((3, -4))], [1]),  # the same twice: the surer one stays
        ([somebody((0, 0)), somebody((2, 2), UPPER)], [0]),
        ([somebody((2, 2), LOWER), somebody((0, 0), (*UPPER, 8, 9))], [1]),  # legs of a person who has none
        ([somebody((0, 0)), somebody((40, 0))], [0, 1]),  # side by side, nearly one behind the other
        ([somebody((0, 0), size=1.5), somebody((30, 100))], [0, 1]),  # a child before a grown-up
        ([somebody((0, 0), UPPER), somebody((0, 0), LOWER)], [0, 1]),  # the boxes are apart: who knows
        ([somebody((0, 0)), somebody((300, 0), (6, 9))], [0, 1]),  # little of somebody who stands elsewhere
    ],
)
def test_who_is_somebody_of_his_own(people: list[Floats], expected: list[int]) -> None:
    assert kept(*people) == expected


def test_of_three_of_one_person_one_stays() -> None:
    assert kept(somebody((0, 0), score=0.4), somebody((1, 1)), somebody((0, 2), UPPER, 0.9)) == [1]


@pytest.mark.parametrize(
    ("seen", "scores", "expected"),
    [
        ([], [], [0.4, 0.6]),
        ([(-10, -10, 110, 210)], [0.9], [0.9, 0.6]),
        ([(-10, -10, 110, 210)], [0.3], [0.4, 0.6]),  # it takes nothing away
        ([(-10, -10, 110, 210), (290, -10, 410, 210)], [0.8, 0.7], [0.8, 0.7]),
        ([(290, -10, 410, 210), (-10, -10, 110, 210)], [0.7, 0.8], [0.8, 0.7]),
        ([(-300, -300, 900, 900)], [0.9], [0.4, 0.6]),  # everybody and nobody
        ([(0, 0, 40, 40)], [0.9], [0.4, 0.6]),  # a part
        ([(150, 0, 250, 200)], [0.9], [0.4, 0.6]),
        ([(50, 0, 150, 200)], [0.9], [0.4, 0.6]),  # half of the one, and as much beside
    ],
)
def test_whom_the_detector_sees_is_surer(
    seen: list[tuple[float, ...]], scores: list[float], expected: list[float]
) -> None:
    found = boxes([somebody((0, 0)), somebody((300, 0))])
    seen_xyxy = np.array(seen, np.float64).reshape(-1, 4)
    assert confirmed(found, np.array([0.4, 0.6]), seen_xyxy, np.array(scores)).tolist() == expected


def test_a_box_speaks_for_one_alone() -> None:
    found = boxes([somebody((0, 0), UPPER), somebody((0, 0))])
    box = np.array([(-5.0, -5.0, 105.0, 205.0)])
    assert confirmed(found, np.array([0.4, 0.4]), box, np.array([0.9])).tolist() == [0.4, 0.9]


def test_nobody_is_confirmed_by_nothing() -> None:
    none = np.zeros((0, 4))
    assert confirmed(none, np.zeros(0), np.array([(0.0, 0.0, 9.0, 9.0)]), np.array([0.9])).tolist() == []


class TwoInOne:
    """A bottom-up network that sees one person twice, and is not sure; a detector that sees one, and is."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.people = np.array([somebody((0, 0), score=0.4), somebody((2, 1), score=0.35)])

    def find(self, _: object) -> Any:
        return SimpleNamespace(
            boxes_xyxy=boxes(list(self.people)), keypoints_xy=self.people[..., :2], scores=self.people[..., 2],
            person_scores=np.array([0.4, 0.35]),
        )  # fmt: skip

    def detect(self, picture: Any) -> Any:
        self.asked.append(int(picture[0, 0, 0]))
        return type("People", (), {
            "boxes_xyxy": np.array([(-5.0, -5.0, 105.0, 205.0)]), "scores": np.array([0.8]), "__len__": lambda _: 1,
        })()  # fmt: skip


def test_bottomup_asks_both_networks() -> None:
    networks = TwoInOne()
    plan = SimpleNamespace(model="m", precision="fp32")
    find, detect = (type("Loaded", (), {"__call__": staticmethod(ask)})() for ask in (networks.find, networks.detect))
    for loaded in (find, detect):
        loaded.plan, loaded.skeleton = plan, MPII16
    estimator = BottomUp(find, detect)
    assert (estimator.model, estimator.precision, estimator.skeleton) == ("m + m", "fp32", MPII16)
    found = [estimator(Frame(number, 0.0, np.full((1, 1, 3), number, np.uint8))) for number in range(EVERY + 1)]
    assert [one.scores.tolist() for one in found] == [[0.8], [0.4], [0.4], [0.8]]
    assert [one.counted for one in found] == [1, None, None, 1] and networks.asked == [0, EVERY]
