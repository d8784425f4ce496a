"""All plots of one person, as files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from motion_stage.angles import JOINTS, joint_angles, segment_angles
from motion_stage.events.rowing import Rowing
from motion_stage.motion import Motion, speeds_of
from motion_stage.named_points import HAND, path_of
from motion_stage.plots.angles import angles_plot
from motion_stage.plots.figures import png_of, thinned
from motion_stage.plots.hand_speed import hand_speed_plot
from motion_stage.plots.keypoints import keypoints_plot
from motion_stage.plots.strokes import ARM, strokes_plot
from motion_stage.sequence import Floats, Track

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "plots"


def plots_of(raw: Track, motion: Motion) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each plot of one person.

    Args:
        raw: as recorded, thinned.
        motion: the same person's.
    """
    for name, figure in _figures(raw, motion):
        yield f"{FOLDER}/track-{raw.id}-{name}.png", png_of(figure)


def _figures(raw: Track, motion: Motion) -> Iterator[tuple[str, Figure]]:
    smooth = thinned(motion.track)
    yield "keypoints", keypoints_plot(raw, smooth)
    yield "angles", angles_plot(smooth.id, smooth.t_seconds, _angles(smooth))
    if HAND in motion.paths:
        rowing = motion.found.sport if isinstance(motion.found.sport, Rowing) else None
        speeds = speeds_of(motion, HAND)
        floor = speeds.floor_per_second if math.isfinite(speeds.floor_per_second) else math.nan
        yield "hand-speed", hand_speed_plot(motion.track, speeds.per_second, floor, rowing)
    if motion.found.probabilities.shape[1] and set(ARM) <= set(smooth.skeleton.keypoints):
        yield "strokes", strokes_plot(smooth, motion.found.spans, -(-len(motion.track.frames) // len(smooth.frames)))


def _angles(track: Track) -> dict[str, Floats]:
    known = set(track.skeleton.keypoints)
    joints = {name: points for name, points in JOINTS.items() if set(points) <= known}
    angles = {name: joint_angles(*(track.point(point) for point in points)) for name, points in joints.items()}
    trunk = segment_angles(path_of(track, "mid_hip"), path_of(track, "mid_shoulder"))
    return {**angles, "trunk": trunk} if np.isfinite(trunk).any() else angles
