"""People made by formula, whose events are known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from motion_stage.gaps import filled
from motion_stage.outliers import residual_outliers
from motion_stage.sequence import Floats, State, Track
from pose_contract.skeletons import COCO17, Skeleton

DRIVE, RECOVERY, LENGTH = 0.8, 1.6, 400.0
PEAK = np.pi / 2 * LENGTH / DRIVE


@dataclass(frozen=True)
class Noise:
    """Of every coordinate: its standard deviation, and the share of outliers with theirs (pixels)."""

    jitter: float = 0.0
    outliers: float = 0.0
    outlier_px: float = 120.0


def track_of(
    t_seconds: Floats, points: dict[str, Floats], skeleton: Skeleton = COCO17, noise: Noise = Noise(), seed: int = 0
) -> Track:
    """A track of the points named ([T, 2] each); all others are missing."""
    rng = np.random.default_rng(seed)
    shape = (len(t_seconds), len(skeleton.keypoints))
    xy = np.full((*shape, 2), np.nan)
    for name, path in points.items():
        thrown = rng.random(len(path)) < noise.outliers
        xy[:, skeleton.keypoints.index(name)] = (
            path
            + noise.jitter * rng.normal(size=path.shape)
            + thrown[:, None] * noise.outlier_px * rng.normal(size=path.shape)
        )
    known = ~np.isnan(xy[..., 0])
    states = np.where(known, State.MEASURED, State.MISSING).astype(np.uint8)
    scores = known.astype(np.float32)
    return Track(1, np.arange(shape[0]), t_seconds, xy, scores, states, skeleton, 150.0)


def mended(track: Track) -> Track:
    """The track without its outliers, short gaps filled: what events are told from."""
    xy, states = track.keypoints_xy.copy(), track.states.copy()
    for column in np.flatnonzero(~np.isnan(xy[..., 0]).all(axis=0)):
        out = residual_outliers(xy[:, column])
        xy[out, column] = np.nan
        states[out, column] = State.REJECTED
        xy[:, column], new = filled(track.t_seconds, xy[:, column])
        states[new, column] = State.INTERPOLATED
    return track.with_points(xy, states)


def stroke_place(moments: Floats, drive: float = DRIVE, recovery: float = RECOVERY) -> Floats:
    """How far from the catch the hand is; catches at 0, `drive` + `recovery`, ..."""
    phase = np.mod(moments, drive + recovery)
    pulling = LENGTH / 2 * (1 - np.cos(np.pi * phase / drive))
    returning = LENGTH / 2 * (1 + np.cos(np.pi * (phase - drive) / recovery))
    return np.where(phase < drive, pulling, returning)


def rower(t_seconds: Floats, start: float = 0.5, **timing: float) -> dict[str, Floats]:
    """A rower whose feet are at the left: the drive goes to the right, the first catch is at `start`."""
    place = stroke_place(t_seconds - start, **timing)
    hand = np.stack([300 + place, 400 + 0.1 * place], axis=1)
    still = np.zeros((len(t_seconds), 2))
    points = {"left_wrist": hand, "right_wrist": hand + 4}
    for side in ("left", "right"):
        points[f"{side}_ankle"] = still + np.array([250.0, 500.0])
        points[f"{side}_hip"] = np.stack([400 + 0.6 * place, np.full(len(place), 480.0)], axis=1)
    return points


def walker(t_seconds: Floats, direction: float = 1.0, stride: float = 1.1, swing: float = 30.0) -> dict[str, Floats]:
    """A walker whose left foot is farthest forward at 0.3, 0.3 + `stride`, ...; the right one half a stride later."""
    hips = np.stack([600 + direction * 120 * t_seconds, np.full(len(t_seconds), 300.0)], axis=1)
    points = {"left_hip": hips, "right_hip": hips.copy()}
    for side, shift in (("left", 0.3), ("right", 0.3 + stride / 2)):
        forward = swing * np.cos(2 * np.pi * (t_seconds - shift) / stride)
        points[f"{side}_ankle"] = hips + np.stack([direction * forward, np.full(len(forward), 180.0)], axis=1)
        points[f"{side}_knee"] = hips + np.stack([direction * (forward / 2 + 12), np.full(len(forward), 90.0)], axis=1)
    return points
