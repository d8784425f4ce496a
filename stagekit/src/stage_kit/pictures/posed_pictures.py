"""People's poses over a picture or a movie's frame, with faces made unrecognisable where that is asked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pose_contract.records import PersonPose
from pose_contract.skeletons import Skeleton, skeleton_named
from pose_contract.video_records import FramePose, FramePoses
from stage_kit.pictures.draw_poses import DrawnPose, draw_poses
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.faces import Body, FacesInMovie, Region, face_regions, without_faces
from stage_kit.pictures.images import Picture


def paste_poses(picture: Picture, people: Sequence[PersonPose], skeleton_name: str, style: DrawStyle) -> Picture:
    """The picture with the skeletons of all people whose pose has the style's least score, each with its number.

    A keypoint that was not found, or that a corrected record leaves out, is not drawn. Where the style blurs faces,
    everybody's are.

    Raises:
        ImageError: the record names a skeleton that nobody knows.
    """
    skeleton = skeleton_named(skeleton_name)
    if style.blur_faces:
        picture = without_faces(picture, faces_of(people, skeleton_name))
    return _with_all(picture, [(person, _table(person, skeleton)) for person in people], skeleton, style)


def faces_of(people: Sequence[PersonPose], skeleton_name: str) -> tuple[Region, ...]:
    """What has to be covered of a picture so that nobody's face is left. Raises ImageError as `paste_poses`."""
    skeleton = skeleton_named(skeleton_name)
    return _faces([(person, _table(person, skeleton)) for person in people], skeleton)


def frame_with_poses(
    picture: Picture, line: FramePoses, skeleton: Skeleton, style: DrawStyle, faces: FacesInMovie
) -> Picture:
    """A movie's frame as `paste_poses` gives a picture; `faces` knows the frames before, and is told of this one."""
    people = [(person, np.array(person.keypoints, np.float64).reshape(-1, 3)) for person in line.people]
    if style.blur_faces:
        picture = without_faces(picture, faces.regions(line.t_seconds, _faces(people, skeleton)))
    return _with_all(picture, people, skeleton, style)


_Tables = Sequence[tuple[PersonPose | FramePose, NDArray[np.float64]]]
"""People, each with the keypoints [J, 3]: x, y and score in the skeleton's order."""


def _with_all(picture: Picture, people: _Tables, skeleton: Skeleton, style: DrawStyle) -> Picture:
    drawn = [
        DrawnPose(table[:, :2], table[:, 2], person.index)
        for person, table in people
        if person.score >= style.min_person_score
    ]
    return draw_poses(picture, drawn, skeleton, style)


def _faces(people: _Tables, skeleton: Skeleton) -> tuple[Region, ...]:
    bodies = [Body(table[:, :2], table[:, 2], person.box.xyxy) for person, table in people]
    return face_regions(bodies, skeleton.keypoints)


def _table(person: PersonPose, skeleton: Skeleton) -> NDArray[np.float64]:
    """A keypoint that is left out has the score 0."""
    points = {point.name: point for point in person.keypoints}
    rows = [(p.x, p.y, p.score) if (p := points.get(name)) else (0, 0, 0) for name in skeleton.keypoints]
    return np.array(rows, np.float64)
