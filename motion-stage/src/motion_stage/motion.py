"""One person's motion: the smoothed track, and what tables, events and plots are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from motion_stage.angles import facing
from motion_stage.filters import cleaned, smoothed
from motion_stage.found import Found
from motion_stage.named_points import parts_of, path_of
from motion_stage.scale import Scale
from motion_stage.sequence import Floats, State, Track, median_dt
from motion_stage.settings import POLYNOMIAL, MotionSettings
from motion_stage.smoothers import savitzky_golay_gain, window_samples
from motion_stage.speeds import floor_of_velocity, jitter_px, published_speeds, velocities, window_speeds
from motion_stage.swaps import Swap, exchange, find_swaps
from pose_contract.skeletons import Skeleton

STILL_SAMPLES = 2000
STILL_SEED = 0
_BY_DOUBT = (State.MEASURED, State.INTERPOLATED, State.DUPLICATE, State.LOW_SCORE, State.REJECTED, State.MISSING)
DOUBT = np.array([_BY_DOUBT.index(state) for state in State])


@dataclass(frozen=True)
class Motion:
    """What is known of one person.

    Attributes:
        track: smoothed.
        paths: named points -> [T, 2], cleaned but not smoothed: what derivatives are taken of.
        jitter: named points -> the jitter per axis in pixels, before any filter; NaN where too little was seen.
        hand: the keypoints that the hand is the middle of.
        swaps: what changed sides.
        too_short: segments that the filter left as they were.
        metres_per_px: None without a scale.
        facing: [T], 1 right, -1 left, 0 unknown.
        settings: by which it was made.
        found: events and strokes in it, once they were looked for.
    """

    track: Track
    paths: Mapping[str, NDArray[np.floating]]
    jitter: Mapping[str, float]
    hand: tuple[str, ...]
    swaps: tuple[Swap, ...]
    too_short: int
    metres_per_px: float | None
    facing: NDArray[np.int8]
    settings: MotionSettings
    found: Found = field(default_factory=Found)

    @property
    def dt(self) -> float:
        """The median time between frames; NaN of one frame."""
        return median_dt(self.track.t_seconds)

    def samples(self, window_seconds: float) -> int:
        """How many frames a window of so many seconds has."""
        return window_samples(window_seconds, self.dt, POLYNOMIAL)

    def velocity(self, point: str, window_seconds: float | None = None) -> Floats:
        """[T, 2] pixels per second of one of `paths`; the window is the settings' one."""
        track, window = self.track, self.settings.window if window_seconds is None else window_seconds
        if not self.dt > 0:
            return np.full((len(track.frames), 2), np.nan)
        return velocities(
            track.t_seconds,
            self.paths[point].astype(np.float64),
            self.samples(window),
            POLYNOMIAL,
            self.settings.longest_gap,
        )

    def state_of(self, point: str) -> NDArray[np.uint8]:
        """[T]: a named point's state; of one that is made of two keypoints, that of the less certain one."""
        names = self.hand if point == "hand" else parts_of(self.track, point)
        states = np.array([self.track.state_of(name) for name in names])
        less_certain = np.argmax(DOUBT[states], axis=0)
        chosen: NDArray[np.uint8] = states[less_certain, np.arange(states.shape[1])]
        return chosen


@dataclass(frozen=True)
class Speeds:
    """[T] pixels per frame and per second; [T, 2] the velocity, NaN in the window forms; the still point's speed."""

    per_frame: Floats
    per_second: Floats
    velocity: Floats
    floor_per_second: float


def motion_of(track: Track, settings: MotionSettings, scale: Scale | None, points: Iterable[str]) -> Motion:
    """Everything of one person. The track's arrays are written into: an hour's are large.

    Args:
        track: as recorded.
        settings: the user's.
        scale: if there is one.
        points: names whose paths are wanted.

    Raises:
        UsageError: a setting does not fit the frame rate.
    """
    measured = track.states == State.MEASURED
    track.keypoints_xy[~measured] = np.nan
    swaps: tuple[Swap, ...] = ()
    if settings.swaps != "ignore":
        swaps = find_swaps(track.t_seconds, track.keypoints_xy, track.skeleton, track.torso_px)
    if settings.swaps == "repair":
        for values in (track.keypoints_xy, track.states, track.scores):
            exchange(values, track.skeleton, swaps)
    wanted = {name: parts_of(track, name) for name in dict.fromkeys(points)}
    wanted = {name: parts for name, parts in wanted.items() if set(parts) <= set(track.skeleton.keypoints)}
    jitter = {name: jitter_px(track.mean_of(parts)) for name, parts in wanted.items()}
    clean = cleaned(track, settings, in_place=True)
    kind = clean.keypoints_xy.dtype
    paths = {name: clean.mean_of(parts).astype(kind, copy=False) for name, parts in wanted.items()}
    smooth, short = smoothed(clean, settings, in_place=True)
    return Motion(
        track=smooth,
        paths=paths,
        jitter=jitter,
        hand=wanted.get("hand", ()),
        swaps=swaps,
        too_short=short,
        metres_per_px=scale.of(smooth) if scale else None,
        facing=facing(smooth, settings.facing),
        settings=settings,
    )


def speeds_of(motion: Motion, point: str) -> Speeds:
    """A named point's speeds in the form that the settings name, with what a still point would show."""
    track, settings, dt = motion.track, motion.settings, motion.dt
    jitter = motion.jitter[point]
    if settings.speed == "derivative":
        velocity = motion.velocity(point)
        speed = np.linalg.norm(velocity, axis=1)
        gain = savitzky_golay_gain(motion.samples(settings.window), POLYNOMIAL, dt) if dt > 0 else math.nan
        return Speeds(speed * dt, speed, velocity, floor_of_velocity(jitter, gain))
    parts = len(motion.hand if point == "hand" else parts_of(track, point))
    per_frame, per_second = _window_form(track.t_seconds, path_of_smooth(motion, point), settings)
    nothing = np.full((len(track.frames), 2), np.nan)
    return Speeds(per_frame, per_second, nothing, jitter * still_speed(settings, dt, parts))


def path_of_smooth(motion: Motion, point: str) -> Floats:
    """[T, 2]: a named point's smoothed path."""
    return motion.track.mean_of(motion.hand) if point == "hand" else path_of(motion.track, point)


def _window_form(t_seconds: Floats, path: Floats, settings: MotionSettings) -> tuple[Floats, Floats]:
    if settings.speed == "seed" or settings.seed_compat:
        per_frame = published_speeds(path)
        return per_frame, per_frame / median_dt(t_seconds)
    return window_speeds(t_seconds, path)


def still_speed(settings: MotionSettings, dt: float, parts: int = 1) -> float:
    """Pixels per second that a point shows in a window form which only jitters by one pixel: found by trying.

    Args:
        settings: the filters and the form.
        dt: between frames.
        parts: how many keypoints the point is the middle of.

    Filters before it lower the jitter, each in its own way, so that a formula for each would be needed otherwise.
    """
    if not dt > 0:
        return math.nan
    noise = np.random.default_rng(STILL_SEED).standard_normal((STILL_SAMPLES, parts, 2)) * math.sqrt(parts)
    nothing = np.zeros((STILL_SAMPLES, parts))
    still = Track(
        id=1,
        frames=np.arange(STILL_SAMPLES),
        t_seconds=np.arange(STILL_SAMPLES, dtype=np.float64) * dt,
        keypoints_xy=noise,
        scores=nothing.astype(np.float32),
        states=nothing.astype(np.uint8),
        skeleton=Skeleton("points", tuple(map(str, range(parts))), (), ()),
        torso_px=100.0,
    )
    smooth, _ = smoothed(cleaned(still, settings), settings)
    _, per_second = _window_form(still.t_seconds, smooth.keypoints_xy.mean(axis=1), settings)
    return float(np.nanmean(per_second[1:]))
