"""What the classifier sees of a player: fifteen moments around one, in torso lengths from the hips. Pure.

Joints that COCO-17, MPII-16 and LSP-14 all have, so that a model serves any of them. Missing stays NaN, which LightGBM
takes as it is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from motion_stage.gaps import LONGEST_GAP_SECONDS
from motion_stage.sequence import ROUNDING_SECONDS, Floats, Track

JOINTS = tuple(
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
HIPS = ("left_hip", "right_hip")


@dataclass(frozen=True)
class FeatureSchema:
    """What the columns mean; a model is good for one schema only.

    Attributes:
        samples: moments of a window, odd.
        rate_hz: moments a second.
        joints: each as x and y, from the middle of the hips, in the track's median torso lengths.
        form: another number where the columns are made in another way.
    """

    samples: int = 15
    rate_hz: float = 30.0
    joints: tuple[str, ...] = JOINTS
    form: int = 1

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


SCHEMA = FeatureSchema()


def features_at(track: Track, moments: Floats) -> NDArray[np.float32]:
    """[N, 360] float32: what is seen around each of `moments` [N], in seconds; moment, joint, x and y in turn.

    All is NaN where the track's torso is not known.
    """
    offsets = (np.arange(SCHEMA.samples) - SCHEMA.samples // 2) / SCHEMA.rate_hz
    times = (moments[:, None] + offsets).ravel()
    places = np.stack([_places_at(track, name, times) for name in JOINTS], axis=1)
    hips = places[:, [JOINTS.index(name) for name in HIPS]].mean(axis=1, keepdims=True)
    windows = (places - hips) / track.torso_px
    rows: NDArray[np.float32] = windows.reshape(len(moments), SCHEMA.samples * len(JOINTS) * 2).astype(np.float32)
    return rows


def mirrored(track: Track) -> Track:
    """The same player in a mirror: a left-hander's forehand becomes a right-hander's."""
    partner = list(track.skeleton.mirror_index)
    keypoints = track.keypoints_xy[:, partner] * np.array([-1.0, 1.0])
    return replace(track, keypoints_xy=keypoints, scores=track.scores[:, partner], states=track.states[:, partner])


def _places_at(track: Track, name: str, times: Floats) -> Floats:
    """[M, 2]: a joint's place at any times, between the samples before and after; NaN across a long gap."""
    result = np.full((len(times), 2), np.nan)
    path = track.point(name)
    rows = np.flatnonzero(np.isfinite(path[:, 0]))
    if not len(rows):
        return result
    known = track.t_seconds[rows]
    after = np.clip(np.searchsorted(known, times - ROUNDING_SECONDS), 0, len(rows) - 1)
    before = np.clip(np.searchsorted(known, times + ROUNDING_SECONDS, "right") - 1, 0, len(rows) - 1)
    inside = (times >= known[0] - ROUNDING_SECONDS) & (times <= known[-1] + ROUNDING_SECONDS)
    near = inside & (known[after] - known[before] <= LONGEST_GAP_SECONDS + ROUNDING_SECONDS)
    for axis in (0, 1):
        result[near, axis] = np.interp(times[near], known, path[rows, axis])
    return result
