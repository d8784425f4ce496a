"""From decoded poses to records."""

from __future__ import annotations

import numpy as np
import pytest

from openpose_stage.people import frame_pose, people_of, person_pose
from pose_contract.records import PersonPose
from pose_contract.skeletons import COCO18, Skeleton


def poses(*people: dict[int, tuple[float, float, float]]) -> tuple[np.ndarray, np.ndarray]:
    xy, scores = np.zeros((len(people), 18, 2)), np.zeros((len(people), 18))
    for row, person in enumerate(people):
        for part, (x, y, score) in person.items():
            xy[row, part], scores[row, part] = (x, y), score
    return xy, scores


def person_poses(
    xy: np.ndarray, scores: np.ndarray, skeleton: Skeleton, picture_wh: tuple[int, int]
) -> tuple[PersonPose, ...]:
    return tuple(person_pose(person, skeleton) for person in people_of(xy, scores, picture_wh))


def test_nobody() -> None:
    assert person_poses(*poses(), COCO18, (100, 50)) == ()


def test_a_keypoint_beside_the_picture_counts_as_not_found() -> None:
    inside = {0: (10, 10, 0.9), 1: (-0.5, 49.5, 0.5), 2: (99.5, 0, 0.1)}
    (person,) = person_poses(
        *poses(inside | {3: (-0.6, 10, 0.9), 4: (50, 49.6, 0.9), 5: (99.6, 1, 0.9)}), COCO18, (100, 50)
    )
    assert [point.score for point in person.keypoints][:6] == [0.9, 0.5, 0.1, 0, 0, 0]
    assert all((point.x, point.y) == (0, 0) for point in person.keypoints[3:])
    assert person.score == pytest.approx(0.7), "of those with at least 0.2"
    assert person.box.xyxy == (0, 0, 100, 50)


def test_somebody_wholly_beside_the_picture_is_nobody() -> None:
    assert person_poses(*poses({0: (-5, 10, 0.9), 1: (120, 10, 0.9)}), COCO18, (100, 50)) == ()


def test_people_are_numbered_from_left_to_right_and_scores_stay_within_one() -> None:
    found = person_poses(*poses({0: (80, 10, 1.3)}, {0: (20, 10, 0.4), 5: (24, 30, 0.4)}), COCO18, (100, 50))
    assert [(person.index, person.box.x1, person.score) for person in found] == [(0, 20, 0.4), (1, 80, 1)]
    assert found[0].box.xyxy == (20, 10, 25, 31)


def test_a_videos_line_holds_the_same() -> None:
    (person,) = people_of(*poses({0: (80, 10, 0.5), 9: (1.23456, 2.34567, 0.123456)}), (100, 50))
    record, line = person_pose(person, COCO18), frame_pose(person)
    assert (line.index, line.score, line.box) == (record.index, record.score, record.box)
    assert line.keypoints == tuple((point.x, point.y, point.score) for point in record.keypoints)
    assert line.keypoints[9] == (1.235, 2.346, 0.1235)
