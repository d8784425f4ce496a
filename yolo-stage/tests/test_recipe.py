"""The functions that made the embedded detector's labels."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

RECIPE = Path(__file__).parents[1] / "recipes" / "lite" / "judge_boxes.py"
NONE = np.zeros((0, 4))


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("judge_boxes", RECIPE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def standing(count: int = 14) -> np.ndarray:
    """A person 100 px tall from the head's top at y = 20 to the ankles at y = 120, x from 40 to 60."""
    joints = np.ones((14, 3), np.float32)
    joints[:, 0] = [40, 42, 44, 56, 58, 60, 40, 42, 44, 56, 58, 60, 50, 50]
    joints[:, 1] = [120, 95, 70, 70, 95, 120, 75, 60, 40, 40, 60, 75, 35, 20]
    joints[count:] = 0
    return joints


def test_too_few_joints_tell_no_body(recipe: ModuleType) -> None:
    assert recipe.body_box(np.zeros((14, 3), np.float32)) is None
    assert recipe.body_box(standing(7)) is None
    assert recipe.body_box(standing(8)) is not None


def test_a_body_reaches_beyond_its_joints(recipe: ModuleType) -> None:
    np.testing.assert_allclose(recipe.body_box(standing()), [31, 18.5, 69, 129], atol=1e-5)


def test_the_labelled_person_is_averaged_with_the_detectors(recipe: ModuleType) -> None:
    alone = recipe.people_of(standing(), NONE, np.zeros(0), (200, 200))
    np.testing.assert_allclose(alone, [[31, 18.5, 69, 129]], atol=1e-5)
    found = np.array([[35, 20, 65, 127]], np.float64)
    both = recipe.people_of(standing(), found, np.array([0.3]), (200, 200))
    np.testing.assert_allclose(both, [[33, 19.25, 67, 128]], atol=1e-5)


@pytest.mark.parametrize(
    ("box", "score", "people"),
    [
        ([120, 20, 160, 130], 0.9, 2),
        ([120, 20, 160, 130], 0.4, 1),  # not sure enough
        ([40, 30, 60, 70], 0.9, 1),  # the labelled person's trunk
    ],
)
def test_others_are_the_detectors(recipe: ModuleType, box: list[float], score: float, people: int) -> None:
    assert len(recipe.people_of(standing(), np.array([box], np.float64), np.array([score]), (200, 200))) == people


def test_few_joints_need_the_detector(recipe: ModuleType) -> None:
    assert recipe.people_of(standing(5), NONE, np.zeros(0), (200, 200)) is None
    found = np.array([[31, 18, 69, 129]], np.float64)
    np.testing.assert_allclose(recipe.people_of(standing(5), found, np.array([0.9]), (200, 200)), found)


def test_the_labels_are_cocos(recipe: ModuleType, tmp_path: Path) -> None:
    from yolo_stage.labels import read_labels

    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "l.json").write_text(recipe.coco([("a.jpg", (200, 100), np.array([[1, 2, 30.04, 40]]))]))
    (picture,) = read_labels(tmp_path / "l.json", tmp_path, 0)
    np.testing.assert_allclose(picture.boxes_xyxy, [[1, 2, 30, 40]])
