"""Angles at joints and of limbs, and which way a person faces. Pure.

Points are [T, 2] float64 pixels, y down; angles are [T] degrees, NaN where one of the points is missing, or a limb is
shorter than five pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_stage.named_points import path_of
from motion_stage.sequence import Floats, Track, median_dt

SHORTEST_LIMB_PX = 5.0
_SIDES = ("left", "right")
JOINTS: dict[str, tuple[str, str, str]] = {
    f"{side}_{joint}": (f"{side}_{a}", f"{side}_{joint}", f"{side}_{c}")
    for joint, a, c in (
        ("elbow", "shoulder", "wrist"),
        ("shoulder", "hip", "elbow"),
        ("hip", "shoulder", "knee"),
        ("knee", "hip", "ankle"),
    )
    for side in _SIDES
}
"""Each joint with the points on either side of it."""
SEGMENTS: dict[str, tuple[str, str]] = {
    **{
        f"{side}_{name}": (f"{side}_{far}", f"{side}_{near}")
        for name, far, near in (
            ("shank", "ankle", "knee"),
            ("thigh", "knee", "hip"),
            ("upper_arm", "elbow", "shoulder"),
            ("forearm", "wrist", "elbow"),
        )
        for side in _SIDES
    },
    "trunk": ("mid_hip", "mid_shoulder"),
}
"""Each limb from its far end to its near one: of somebody who stands with hanging arms all point up."""
FRONTAL_TORSOS = 0.05  # a nose that lies less than this beside the ears' middle tells no side
VOTES_SECONDS = 1.0
SURE_VOTE = 0.5  # of the mean vote, from which on facing changes
TRAVEL_TORSOS = 1.0


def joint_angles(a: Floats, b: Floats, c: Floats) -> Floats:
    """The angle at b between a and c, 0 (folded) to 180 (stretched)."""
    signed: Floats = np.abs(signed_joint_angles(a, b, c))
    return signed


def signed_joint_angles(a: Floats, b: Floats, c: Floats) -> Floats:
    """The turn at b from a to c, over -180 to 180: positive is counter-clockwise as seen on the screen."""
    u, v = a - b, c - b
    cross = -(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])  # y points down
    angles = _wrapped(np.degrees(np.arctan2(cross, (u * v).sum(axis=1))))
    return np.where(_long_enough(u) & _long_enough(v), angles, np.nan)


def segment_angles(far: Floats, near: Floats) -> Floats:
    """A limb against the horizontal, over -180 to 180: 0 points right, 90 up, as seen on the screen."""
    along = near - far
    angles = _wrapped(np.degrees(np.arctan2(-along[:, 1], along[:, 0])))
    return np.where(_long_enough(along), angles, np.nan)


def _wrapped(degrees: Floats) -> Floats:
    """-180 is 180, and -0 is 0."""
    return np.where(degrees == -180, 180.0, degrees + 0.0)


def _long_enough(along: Floats) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        longer: NDArray[np.bool_] = np.linalg.norm(along, axis=1) >= SHORTEST_LIMB_PX
    return longer


def facing(track: Track, given: str = "auto") -> NDArray[np.int8]:
    """[T]: 1 faces right, -1 left, 0 not known.

    The nose beside the middle of ears or shoulders votes; the mean over a second decides, and changes only where it is
    clear. A skeleton without a nose faces where the person goes, if that is a torso's length away.

    Args:
        track: one person.
        given: "left" or "right" overrules; "auto".
    """
    count = len(track.frames)
    if given != "auto":
        return np.full(count, 1 if given == "right" else -1, dtype=np.int8)
    if "nose" not in track.skeleton.keypoints:
        return np.full(count, _way(track), dtype=np.int8)
    nose = track.point("nose")[:, 0]
    middle = path_of(track, "mid_ear")[:, 0]
    middle = np.where(np.isfinite(middle), middle, path_of(track, "mid_shoulder")[:, 0])
    with np.errstate(invalid="ignore"):
        aside = (nose - middle) / track.torso_px
        votes = np.where(np.abs(aside) > FRONTAL_TORSOS, np.sign(aside), 0.0)
    return _decided(np.nan_to_num(votes), track.t_seconds)


def _decided(votes: Floats, t_seconds: Floats) -> NDArray[np.int8]:
    dt = median_dt(t_seconds)
    half = max(round(VOTES_SECONDS / 2 / dt), 1) if dt > 0 else 1
    total = np.concatenate([[0.0], np.cumsum(votes)])
    at = np.arange(len(votes))
    first, last = np.maximum(at - half, 0), np.minimum(at + half + 1, len(votes))
    mean = (total[last] - total[first]) / (last - first)
    clear = np.abs(mean) >= SURE_VOTE
    if not clear.any():
        return np.zeros(len(votes), dtype=np.int8)
    latest = np.maximum.accumulate(np.where(clear, at, -1))
    latest[latest < 0] = np.argmax(clear)
    sides: NDArray[np.int8] = np.sign(mean[latest]).astype(np.int8)
    return sides


def _way(track: Track) -> int:
    x = path_of(track, "mid_hip")[:, 0]
    x = x[np.isfinite(x)]
    if len(x) < 2 or not abs(x[-1] - x[0]) > TRAVEL_TORSOS * track.torso_px:
        return 0
    return 1 if x[-1] > x[0] else -1
