"""What made the embedded detector's labels."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from yolo_stage.labels import read_labels
from yolo_stage.model_files import LITE

RECIPE = Path(__file__).parents[1] / "recipes" / "lite"
BODY = [31, 18.5, 69, 129]  # of `standing`


@pytest.fixture(scope="module")
def recipe() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(RECIPE))
    yield {name: importlib.import_module(name) for name in ("voting", "vote_boxes")}
    sys.path.remove(str(RECIPE))


def test_the_recipe_s_network_is_the_embedded_one() -> None:
    (embedded,) = LITE.glob("*.cfg")
    assert (RECIPE / "person_lite.cfg").read_bytes() == embedded.read_bytes()


def standing(count: int = 14) -> np.ndarray:
    """A person 100 px tall from the head's top at y = 20 to the ankles at y = 120, x from 40 to 60."""
    joints = np.ones((14, 3), np.float32)
    joints[:, 0] = [40, 42, 44, 56, 58, 60, 40, 42, 44, 56, 58, 60, 50, 50]
    joints[:, 1] = [120, 95, 70, 70, 95, 120, 75, 60, 40, 40, 60, 75, 35, 20]
    joints[count:] = 0
    return joints


def raw(**boxes: list[tuple[list[float], float]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {
        name: (np.array([box for box, _ in rows], np.float64), np.array([score for _, score in rows]))
        for name, rows in boxes.items()
    }


def test_a_body_reaches_beyond_its_joints(recipe: dict[str, ModuleType]) -> None:
    voting = recipe["voting"]
    assert voting.body_box(standing(7), voting.LSP) is None
    assert voting.body_box(standing(8), voting.LSP) is not None
    np.testing.assert_allclose(voting.body_box(standing(), voting.LSP), BODY, atol=1e-5)


def test_the_labelled_person_is_the_mean_of_the_joints_and_the_detectors(recipe: dict[str, ModuleType]) -> None:
    vote = recipe["voting"].vote
    boxes = raw(multi=[([34, 18.5, 66, 129], 0.2)], yolo=[([37, 18.5, 69, 129], 0.3), ([40, 30, 60, 70], 0.9)])
    voted = vote([np.array(BODY)], boxes, (200, 200))
    assert voted.labelled == 1 and len(voted.people) == 1
    np.testing.assert_allclose(voted.people, [[34, 18.5, 68, 129]])
    assert voted.left_open.tolist() == [[40, 30, 60, 70]], "the trunk is no person, and not nobody either"


@pytest.mark.parametrize(
    ("boxes", "people", "left_open"),
    [
        (raw(multi=[([100, 0, 140, 90], 0.5)]), 1, 0),
        (raw(multi=[([100, 0, 140, 90], 0.3)]), 0, 1),  # alone and not sure
        (raw(multi=[([100, 0, 140, 90], 0.3)], nano=[([102, 0, 142, 90], 0.35)]), 1, 0),
        (raw(multi=[([100, 0, 140, 90], 0.3)], nano=[([150, 0, 190, 90], 0.35)]), 0, 2),
        (raw(multi=[([100, 0, 140, 90], 0.1)]), 0, 0),
        (raw(yolo=[([100, 0, 140, 90], 0.8), ([104, 4, 136, 86], 0.79)]), 1, 0),
        (raw(), 0, 0),
    ],
)
def test_others(recipe: dict[str, ModuleType], boxes: dict, people: int, left_open: int) -> None:
    voted = recipe["voting"].vote([], boxes, (200, 200))
    assert (len(voted.people), len(voted.left_open)) == (people, left_open)


def test_boxes_grow_to_hold_outstretched_limbs(recipe: dict[str, ModuleType]) -> None:
    grown = recipe["voting"].grown(np.array([10.0, 10, 30, 50]), np.array([[20.0, 5], [20, 45], [60, 20]]))
    np.testing.assert_allclose(grown, [10, 4.2, 60.8, 50])


def test_the_validation_s_box_and_its_close_up(recipe: dict[str, ModuleType]) -> None:
    voting = recipe["voting"]
    np.testing.assert_allclose(voting.judges_box(np.array([[10.0, 20], [50, 120]]), (200, 130)), [4, 5, 56, 130])
    crop, box = voting.waist_crop(np.array([50.0, 20, 100, 120]), (200, 200))
    assert crop == (48, 20, 102, 75) and box.tolist() == [2, 0, 52, 55]


def test_the_labels_are_cocos(recipe: dict[str, ModuleType], tmp_path: Path) -> None:
    made, voting = recipe["vote_boxes"], recipe["voting"]
    (tmp_path / "a.jpg").write_bytes(b"x")
    voted = voting.Voted(np.array([[1, 2, 30.04, 40], [50, 0, 60, 20]]), 1, np.array([[70.0, 0, 90, 20]]))
    joints = np.stack([np.linspace(2, 29, 16), np.linspace(3, 39, 16), np.ones(16)], axis=1)
    row = made.Row("a.jpg", (200, 100), voted, {0: joints}, (np.array([0.0, 0, 31, 41]),))
    (tmp_path / "l.json").write_text(made.coco([row]))
    (picture,) = read_labels(tmp_path / "l.json", tmp_path, 0)
    np.testing.assert_allclose(picture.people, [[1, 2, 30, 40], [50, 0, 60, 20]])
    assert picture.crowd.tolist() == [False, False, True] and list(picture.outlines) == [0]
    (tmp_path / "l.json").write_text(made.coco([row], judged=True))
    (judged,) = read_labels(tmp_path / "l.json", tmp_path, 0)
    np.testing.assert_allclose(judged.people, [[0, 0, 31, 41]])
    assert judged.crowd.tolist() == [False, True, True, True] and not judged.outlines


def test_a_person_is_grown_by_its_sure_joints_only(recipe: dict[str, ModuleType]) -> None:
    made, voting = recipe["vote_boxes"], recipe["voting"]
    joints = np.stack([np.linspace(40, 60, 16), np.linspace(20, 118, 16), np.ones(16)], axis=1)
    joints[10] = [80, 60, 1]
    joints[15] = [5, 60, 0]
    row = made.Row("a.jpg", (200, 200), voting.Voted(np.array([BODY]), 1, np.zeros((0, 4))))
    grown, span = made.with_limbs(row, [joints]), 98 * 14 / 15  # the fifteenth joint is not known
    np.testing.assert_allclose(grown.voted.people, [[31, 20 - 0.02 * span, 80 + 0.02 * span, 129]])
    assert list(grown.joints) == [0]
    joints[4:, 2] = 0
    assert made.with_limbs(row, [joints]).voted.people.tolist() == [BODY]
