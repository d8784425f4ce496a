"""What is drawn of one photo's poses. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose_contract.records import PersonPose
from pose_contract.skeletons import skeleton_named
from stage_kit.pictures.draw_poses import DrawnPose, draw_poses
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.images import Picture


def with_poses(picture: Picture, people: Sequence[PersonPose], skeleton_name: str, style: DrawStyle) -> Picture:
    """The picture with the skeletons of all people whose score the style draws, each with its number.

    A keypoint that was not found, or that a corrected record leaves out, is not drawn. Raises ImageError where the
    record names a skeleton that nobody knows.
    """
    skeleton = skeleton_named(skeleton_name)
    drawn = []
    for person in people:
        if person.score >= style.min_person_score:
            points = {point.name: (point.x, point.y, point.score) for point in person.keypoints}
            table = np.array([points.get(name, (0, 0, 0)) for name in skeleton.keypoints], np.float64)
            drawn.append(DrawnPose(table[:, :2], table[:, 2], person.index))
    return draw_poses(picture, drawn, skeleton, style)
