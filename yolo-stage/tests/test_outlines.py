"""Points along limbs, from COCO's keypoints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pose_contract.errors import ConfigError
from stage_kit.pictures.images import write_jpeg
from yolo_stage.labels import read_labels
from yolo_stage.outlines import limb_points, skeleton_of

JOINTS = [value for joint in range(12) for value in (10.0 * joint, 5.0 * joint, 2)]
CHAIN = [[joint + 1, joint + 2] for joint in range(11)]


def test_points_lie_on_the_limbs() -> None:
    points = limb_points(JOINTS, skeleton_of([{"name": "person", "skeleton": CHAIN}]))
    assert points is not None and points.shape == (99, 2)
    np.testing.assert_allclose(points[:, 1], points[:, 0] / 2)
    assert (points.min(), points.max()) == (0, 110)


def test_limbs_of_joints_that_are_not_labelled_are_left_out() -> None:
    more = [*JOINTS, 999.0, 999.0, 0]
    points = limb_points(more, skeleton_of([{"name": "person", "skeleton": [*CHAIN, [1, 13]]}]))
    assert points is not None and points.max() == 110


@pytest.mark.parametrize(("keypoints", "skeleton"), [(JOINTS[3:], CHAIN), (JOINTS, []), ([], CHAIN)])
def test_too_little_is_nothing(keypoints: list[float], skeleton: list[list[int]]) -> None:
    pairs = tuple((one - 1, other - 1) for one, other in skeleton if other <= len(keypoints) // 3)
    assert limb_points(keypoints, pairs) is None
    assert skeleton_of([{"name": "cat", "skeleton": CHAIN}, {"name": "person"}]) == ()


def test_outlines_belong_to_the_people_that_are_kept(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "a.jpg", np.zeros((100, 120, 3), np.uint8))
    annotations = [
        {"image_id": 1, "category_id": 1, "bbox": [0, 0, 0, 10], "keypoints": [0] * 36},  # without an area
        {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1, "keypoints": JOINTS},
        {"image_id": 1, "category_id": 1, "bbox": [5, 5, 9, 9]},
        {"image_id": 1, "category_id": 1, "bbox": [0, 0, 110, 60], "keypoints": JOINTS},
    ]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 120, "height": 100}],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "skeleton": CHAIN}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(content), encoding="utf-8")
    (labelled,) = read_labels(tmp_path / "labels.json", None, 0)
    assert len(labelled.people) == 2 and list(labelled.outlines) == [1]
    assert labelled.outlines[1].shape == (99, 2)
    content["categories"][0]["skeleton"] = [[1, 99]]
    (tmp_path / "labels.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigError, match="COCO"):
        read_labels(tmp_path / "labels.json", None, 0)
