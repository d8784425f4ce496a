"""Points that a person has beside the skeleton's own: the middle of two, and the hand. Pure."""

from __future__ import annotations

import numpy as np

from motion_stage.sequence import Floats, Track
from pose_contract.errors import UsageError
from pose_contract.skeletons import Skeleton

MIDDLES = {f"mid_{name}": name for name in ("hip", "shoulder", "ear", "ankle", "wrist", "knee", "elbow")}
HAND = "hand"
SEEN_ALIKE = 0.8  # a wrist that is seen this seldom, beside the other one, is left out of the hand


def known_points(skeleton: Skeleton) -> tuple[str, ...]:
    """All names that `parts_of` takes for this skeleton."""
    names = skeleton.keypoints
    middles = tuple(middle for middle, name in MIDDLES.items() if f"left_{name}" in names)
    return (*names, *middles, *((HAND,) if "left_wrist" in names else ()))


def require_points(names: tuple[str, ...], skeleton: Skeleton, flag: str) -> None:
    """Refuses a name that is no point of this skeleton. Raises UsageError."""
    known = known_points(skeleton)
    for name in names:
        if name not in known:
            raise UsageError(f"--{flag}: {skeleton.name} has no point {name}", f"known are: {', '.join(known)}")


def parts_of(track: Track, name: str) -> tuple[str, ...]:
    """The keypoints whose middle a named point is.

    The hand is both wrists, or one where the other is seen less than 0.8 times as often: chosen once for the whole
    track, as a hand that is now the one and now both would jump.
    """
    if name in track.skeleton.keypoints:
        return (name,)
    sides = tuple(f"{side}_{MIDDLES.get(name, 'wrist')}" for side in ("left", "right"))
    if name != HAND:
        return sides
    seen = [int(np.isfinite(track.point(side)).all(axis=1).sum()) for side in sides]
    if min(seen) >= SEEN_ALIKE * max(seen):
        return sides
    return (sides[int(np.argmax(seen))],)


def path_of(track: Track, name: str) -> Floats:
    """[T, 2]: a named point's path, NaN where one of its keypoints is missing, or the skeleton lacks one."""
    parts = parts_of(track, name)
    if not set(parts) <= set(track.skeleton.keypoints):
        return np.full((len(track.frames), 2), np.nan)
    return track.mean_of(parts)
