"""Foot strikes and toe-offs of a walker or runner seen from the side. Pure.

The foot strikes where it is farthest before the hips, and leaves the ground where it is farthest behind them: Zeni,
Richards and Higginson (2008), Gait & Posture 27, 710.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.signal import find_peaks  # type: ignore[import-untyped]

from motion_stage.events.records import SIDES, Cycle, Event, Kind, Side
from motion_stage.events.stretches import measured, middle_of, place_of, stretches_of
from motion_stage.sequence import Floats, Track
from pose_contract.errors import ImageError

Direction = Literal["auto", "left", "right"]
HEELS, TOES = ("heel",), ("big_toe", "toe")
LEAST_PROMINENCE = 0.5  # standard deviations of the signal
LEAST_STEP_SECONDS = 0.15  # faster than any runner: two strikes nearer to each other are no step
STANDING = 0.1  # torsos per second: slower hips walk on a treadmill, or stand


@dataclass(frozen=True)
class GaitSettings:
    """How steps are told.

    Attributes:
        direction: where on the screen the walker goes, or faces on a treadmill; `auto` asks the hips, then the knees.
        between_seconds: two strikes of one foot lie at least this far apart, as do two toe-offs.
        window_seconds: of the fit that smooths the foot's path.
    """

    direction: Direction = "auto"
    between_seconds: float = 0.4
    window_seconds: float = 0.50


@dataclass(frozen=True)
class Stride(Cycle):
    """From a foot's strike to its next one. None is what the clip does not show.

    Attributes:
        step_seconds: from the other foot's strike before to this strike.
        cadence_steps_per_minute: 60 / step_seconds.
        stride_seconds: to this foot's next strike.
        contact_seconds: from the strike to this foot's toe-off.
        swing_seconds: from there to the next strike.
    """

    step_seconds: float | None
    cadence_steps_per_minute: float | None
    stride_seconds: float | None
    contact_seconds: float | None
    swing_seconds: float | None


@dataclass(frozen=True)
class Gait:
    """What was found in one track.

    Attributes:
        foot: the keypoint that strikes: `heel`, or `ankle` where the skeleton has no heel.
        direction: where on the screen the walker goes.
        events: strikes and toe-offs in order of time.
        strides: one for each strike, in order of time.
    """

    foot: str
    direction: Side
    events: tuple[Event, ...]
    strides: tuple[Stride, ...]

    @property
    def cadence_steps_per_minute(self) -> float | None:
        """60 / the median step time of the track."""
        steps = [stride.step_seconds for stride in self.strides if stride.step_seconds is not None]
        return 60 / float(np.median(steps)) if steps else None


def gait_events(track: Track, settings: GaitSettings | None = None) -> Gait:
    """Foot strikes, toe-offs and strides of a track whose outliers are out.

    Raises ImageError where nothing tells where the walker goes.
    """
    settings = settings or GaitSettings()
    direction = walking_direction(track) if settings.direction == "auto" else settings.direction
    forward = 1.0 if direction == "right" else -1.0
    heel, toe = _foot_point(track, HEELS), _foot_point(track, TOES)
    events: list[Event] = []
    for side in SIDES:
        events += _farthest(track, ("foot_strike", side, heel), forward, settings)
        events += _farthest(track, ("toe_off", side, toe), -forward, settings)
    events.sort(key=lambda event: (event.t_seconds, event.kind, event.side))
    return Gait(heel, direction, tuple(events), strides_of(events))


def walking_direction(track: Track) -> Side:
    """Where on the screen the walker goes: by the hips' velocity, else by the knees, which bend forwards.

    Raises ImageError where neither tells.
    """
    hips, known = middle_of(track, "hip")
    if known.sum() >= 2:
        speed = float(np.median(np.diff(hips[known, 0]) / np.diff(track.t_seconds[known])))
        if abs(speed) > STANDING * track.torso_px:
            return "right" if speed > 0 else "left"
    bends = [
        (track.point(f"{side}_knee") - track.mean_of((f"{side}_hip", f"{side}_ankle")))[seen, 0]
        for side in SIDES
        for seen in [measured(track, (f"{side}_hip", f"{side}_knee", f"{side}_ankle"))]
    ]
    bend = float(np.median(np.concatenate(bends))) if any(map(len, bends)) else 0.0
    if bend == 0:
        reason = f"never shows person {track.id}'s hips and legs, so that nobody knows where they walk"
        raise ImageError(reason, "say where on the screen they go: --walking left, or right")
    return "right" if bend > 0 else "left"


def strides_of(events: list[Event]) -> tuple[Stride, ...]:
    """A stride for each foot strike, of events in order of time."""
    strikes = [event for event in events if event.kind == "foot_strike"]
    return tuple(
        _stride(strike, before, [event for event in events if event.t_seconds > strike.t_seconds])
        for before, strike in zip([None, *strikes], strikes, strict=False)
    )


def _stride(strike: Event, before: Event | None, after: list[Event]) -> Stride:
    own = [event for event in after if event.side == strike.side]
    step = strike.t_seconds - before.t_seconds if before and before.side != strike.side else None
    step = step if step is not None and step >= LEAST_STEP_SECONDS else None
    following = next((event for event in own if event.kind == "foot_strike"), None)
    toe_off = own[0] if own and own[0].kind == "toe_off" else None
    stride = following.t_seconds - strike.t_seconds if following else None
    contact = toe_off.t_seconds - strike.t_seconds if toe_off else None
    told = [strike, *(event for event in (toe_off, following) if event)]
    return Stride(
        side=strike.side,
        start_seconds=strike.t_seconds,
        end_seconds=told[-1].t_seconds,
        quality="measured" if all(event.quality == "measured" for event in told) else "interpolated",
        step_seconds=step,
        cadence_steps_per_minute=60 / step if step else None,
        stride_seconds=stride,
        contact_seconds=contact,
        swing_seconds=stride - contact if stride is not None and contact is not None else None,
    )


def _farthest(track: Track, told: tuple[Kind, str, str], way: float, settings: GaitSettings) -> list[Event]:
    """When a point of one foot is farthest from the hips: `told` is kind, side and point, `way` +1 to the right."""
    kind, side, point = told
    name = f"{side}_{point}"
    (foot, foot_seen), (hips, hips_seen) = place_of(track, name), middle_of(track, "hip")
    seen, signal = foot_seen & hips_seen, way * (foot - hips)[:, 0]
    least = LEAST_PROMINENCE * float(np.std(signal[seen])) if seen.any() else 0.0
    return [
        stretch.event(kind, side, moment)
        for stretch in stretches_of(track, signal, seen)
        if stretch.t_seconds[-1] - stretch.t_seconds[0] >= 2 * settings.window_seconds  # else it is all ends
        for moment in peak_times(stretch.t_seconds, stretch.fit(settings.window_seconds)[0], least, settings)
    ]


def peak_times(t_seconds: Floats, values: Floats, prominence: float, settings: GaitSettings) -> list[float]:
    """When a signal is highest: prominent peaks, the higher of two that are too near, at the top of a parabola."""
    if not prominence > 0:
        return []
    peaks, _ = find_peaks(values, prominence=prominence)
    chosen: list[int] = []
    for peak in sorted(peaks.tolist(), key=lambda index: (-values[index], index)):
        if all(abs(t_seconds[peak] - t_seconds[other]) >= settings.between_seconds for other in chosen):
            chosen.append(peak)
    return [_top(t_seconds[peak - 1 : peak + 2], values[peak - 1 : peak + 2]) for peak in sorted(chosen)]


def _top(times: Floats, values: Floats) -> float:
    """When the parabola through three points, of which the middle one is highest, has its top."""
    before, after = times[0] - times[1], times[2] - times[1]
    left, right = (values[0] - values[1]) / before, (values[2] - values[1]) / after
    bend = (right - left) / (after - before)
    if not bend < 0:
        return float(times[1])  # a flat top
    return float(times[1] + np.clip((bend * before - left) / (2 * bend), before, after))


def _foot_point(track: Track, wanted: tuple[str, ...]) -> str:
    """The first point of the foot that the skeleton has on both sides, else the ankle."""
    names = set(track.skeleton.keypoints)
    return next((name for name in wanted if {f"{side}_{name}" for side in SIDES} <= names), "ankle")
