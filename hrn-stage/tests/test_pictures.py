"""Who is drawn in final/, and with which number."""

from __future__ import annotations

import numpy as np
import pytest

from pose_contract.records import Box, Keypoint, PersonPose
from pose_contract.skeletons import MPII16
from stage_kit.pictures.draw_style import MIN_PERSON_SCORE, DrawStyle
from stage_kit.pictures.posed_pictures import paste_poses

GREY = np.full((200, 300, 3), 128, np.uint8)


def person(score: float, index: int = 0) -> PersonPose:
    rng = np.random.default_rng(2)
    keypoints = [Keypoint(name=name, x=x, y=y, score=0.9) for name, (x, y) in
                 zip(MPII16.keypoints, rng.uniform((40, 60), (260, 180), (16, 2)).tolist(), strict=True)]  # fmt: skip
    return PersonPose(index=index, score=score, box=Box(x1=0, y1=0, x2=300, y2=200), keypoints=tuple(keypoints))


def test_nobody() -> None:
    assert np.array_equal(paste_poses(GREY, [], "mpii16", DrawStyle()), GREY)


@pytest.mark.parametrize(
    ("score", "least", "drawn"),
    [(MIN_PERSON_SCORE, None, True), (MIN_PERSON_SCORE - 0.01, None, False), (0.0, 0.0, True), (0.5, 0.6, False)],
)
def test_a_person_under_the_least_score_is_not_drawn(score: float, least: float | None, drawn: bool) -> None:
    style = DrawStyle() if least is None else DrawStyle(min_person_score=least)
    assert (paste_poses(GREY, [person(score)], "mpii16", style) != GREY).any() == drawn


def test_the_number_is_the_records_whoever_else_is_left_out() -> None:
    alone = paste_poses(GREY, [person(0.9, 1)], "mpii16", DrawStyle())
    beside = paste_poses(GREY, [person(0.05, 0), person(0.9, 1)], "mpii16", DrawStyle())
    other = paste_poses(GREY, [person(0.9, 0)], "mpii16", DrawStyle())
    assert np.array_equal(alone, beside) and not np.array_equal(alone, other)


def test_everybody_s_face_is_blurred_also_of_who_is_not_drawn() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    drawn = paste_poses(noise, [person(0.05)], "mpii16", DrawStyle(blur_faces=True))
    assert (drawn != noise).any() and np.array_equal(paste_poses(noise, [person(0.05)], "mpii16", DrawStyle()), noise)
