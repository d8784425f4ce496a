"""What a movie's frames show: people as recorded in green and smoothed in red, ids, and the strip. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_stage.movie.strip import Strip, strip_height
from motion_stage.sequence import Floats, present
from pose_contract.skeletons import Skeleton
from stage_kit.pictures.draw_poses import DrawnPose, add_poses
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.faces import Region, without_faces

Picture = NDArray[np.uint8]
RAW, SMOOTH = (60, 220, 90), (255, 50, 50)
RAW_SHARE = 0.6  # of the smoothed lines' width, so that the raw ones lie under them and are still seen


@dataclass(frozen=True)
class Shown:
    """One person in a frame: the id, the keypoints as recorded [J, 3] with their scores, and smoothed [J, 2].

    `recorded` is None in frames in which the person was not found; `smooth` is NaN where the filters left nothing.
    """

    track: int
    recorded: Floats | None
    smooth: Floats


@dataclass(frozen=True)
class FrameContent:
    """A frame: number, time in seconds, the people, and what is covered of the picture."""

    frame: int
    t_seconds: float
    people: Sequence[Shown]
    covered: Sequence[Region] = ()


@dataclass(frozen=True)
class FrameDrawing:
    """Draws the frames of one movie.

    Attributes:
        skeleton: of all people.
        min_score: a recorded keypoint under it is not drawn.
        strip: the one below.
        size_wh: of the source's frames.
    """

    skeleton: Skeleton
    min_score: float
    strip: Strip
    size_wh: tuple[int, int]

    def layers(self, picture: Picture, content: FrameContent) -> Picture:
        """A new picture: the source's frame with its people, and room for the strip. Called from several threads."""
        width, height = self.size_wh
        whole = np.empty((height + strip_height(width, height), width, 3), np.uint8)
        canvas = whole[:height]
        canvas[:] = without_faces(picture, content.covered) if content.covered else picture
        add_poses(
            canvas, [_recorded(one) for one in content.people if one.recorded is not None], self.skeleton, self._thin
        )
        add_poses(canvas, [_smoothed(one) for one in content.people], self.skeleton, DrawStyle(min_score=0.5))
        return whole

    @property
    def _thin(self) -> DrawStyle:
        unit = RAW_SHARE * max(self.size_wh) / 1000
        return DrawStyle(
            min_score=self.min_score, line_thickness=max(1, round(4 * unit)), circle_radius=max(1, round(5 * unit))
        )

    def finished(self, whole: Picture, content: FrameContent) -> Picture:
        """The same picture with the strip in its room; frames in the order of time."""
        self.strip.draw_onto(whole[self.size_wh[1] :], content.t_seconds, content.frame)
        return whole


def _recorded(person: Shown) -> DrawnPose:
    """Green; with the id where the filters left nothing that could bear it."""
    assert person.recorded is not None
    alone = not np.isfinite(person.smooth).all(axis=1).any()
    return DrawnPose(person.recorded[:, :2], person.recorded[:, 2], person.track if alone else None, RAW)


def _smoothed(person: Shown) -> DrawnPose:
    """Red, with the id."""
    known = present(person.smooth)
    return DrawnPose(np.where(known[:, None], person.smooth, 0.0), known.astype(np.float64), person.track, SMOOTH)
