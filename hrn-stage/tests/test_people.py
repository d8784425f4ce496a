"""From decoded keypoints to a person's record."""

from __future__ import annotations

import numpy as np
import pytest

from hrn_stage.people import person_pose
from pose_contract.records import Box, Cut, Person
from pose_contract.skeletons import LSP14

PERSON = Person(
    index=0, score=0.8, box=Box(x1=0, y1=0, x2=9, y2=9), cut=Cut(file="cuts/a-0.jpg", x=0, y=0, width=9, height=9)
)


@pytest.mark.parametrize(
    ("maxima", "stored", "score"),
    [
        ([0.0] * 14, [0.0] * 14, 0),
        ([0.199] * 14, [0.199] * 14, 0),
        ([0.5] * 14, [0.5] * 14, 0.4),
        ([0.2, 0.6] + [0.1] * 12, [0.2, 0.6] + [0.1] * 12, 0.8 * 0.4),  # the unsure ones do not count
        ([1.5, -0.5] + [0.0] * 12, [1.0, 0.0] + [0.0] * 12, 0.8),
    ],
)
def test_scores(maxima: list[float], stored: list[float], score: float) -> None:
    """Box score times the mean of the keypoints with at least 0.2; a maximum is clipped to 0..1."""
    pose = person_pose(PERSON, np.zeros((14, 2)), np.array(maxima, np.float32), LSP14)
    assert [point.score for point in pose.keypoints] == pytest.approx(stored, abs=1e-4)
    assert pose.score == pytest.approx(score, abs=1e-4)
