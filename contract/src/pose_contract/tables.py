"""The table of keypoints, row by row."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pose_contract.records import ImagePoses
from pose_contract.skeletons import skeleton_named
from pose_contract.video_records import FramePoses, VideoPoses

KEYPOINT_COLUMNS = ("image", "person", "keypoint", "x", "y", "score", "frame", "t_seconds")


def keypoint_rows(poses: ImagePoses, name: str) -> Iterator[tuple[object, ...]]:
    """One image's rows of keypoints.csv; `name` is the image's, below images/."""
    for person in poses.people:
        for point in person.keypoints:
            yield name, person.index, point.name, point.x, point.y, point.score, None, None


def frame_rows(line: FramePoses, name: str, keypoints: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """The rows of keypoints.csv of one frame of the video `name`; `keypoints` are the skeleton's names."""
    for person in line.people:
        for keypoint, (x, y, score) in zip(keypoints, person.keypoints, strict=True):
            yield name, person.index, keypoint, x, y, score, line.frame, line.t_seconds


def video_rows(path: Path, name_of: Callable[[str], str]) -> Iterator[tuple[object, ...]]:
    """A video's rows, frame by frame, from its record; those before the first line that is damaged."""
    with contextlib.suppress(ValueError, LookupError, StopIteration), path.open("rb") as lines:
        header = VideoPoses.model_validate_json(next(lines))
        for line in lines:
            names = skeleton_named(header.skeleton).keypoints
            yield from frame_rows(FramePoses.model_validate_json(line), name_of(header.image), names)
