"""Rowing strokes from the hands' path: catch and finish, drive and recovery. Pure.

The hand moves to and fro along one line. Where its velocity along that line changes sign is a catch or a finish, so a
hand that hurries on the slide is still on the recovery: how fast it is does not tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from motion_stage.events.records import SIDES, Cycle, Event
from motion_stage.events.stretches import Stretch, measured, middle_of, place_of, stretches_of
from motion_stage.events.zigzag import turning_points
from motion_stage.sequence import Floats, Track
from pose_contract.errors import ImageError

Hand = Literal["auto", "both", "left", "right"]
Drive = Literal["auto", "left", "right"]
FIFTHS = 5
ENOUGH_OF_BOTH = 0.8  # both hands are taken where they are seen together nearly as often as the better one
TURN, OUTLIERS = 0.25, (5, 95)  # a turn is a quarter of the range between these percentiles


@dataclass(frozen=True)
class RowingSettings:
    """How strokes are told.

    Attributes:
        hand: which wrists; `auto` chooses once a track.
        drive: where on the screen the hands go in the drive; `auto` asks hips and ankles.
        event_window_seconds: of the fit that times catches and finishes.
        speed_window_seconds: of the fit that speeds come from.
    """

    hand: Hand = "auto"
    drive: Drive = "auto"
    event_window_seconds: float = 0.30
    speed_window_seconds: float = 0.40


@dataclass(frozen=True)
class Stroke(Cycle):
    """From one catch to the next. Speeds are along the stroke's axis; fifths of the drive count from 1 at the catch."""

    finish_seconds: float
    drive_seconds: float
    recovery_seconds: float
    drive_to_recovery_ratio: float
    rate_per_minute: float
    length_px: float
    drive_peak_px_per_s: float
    drive_mean_px_per_s: float
    recovery_peak_px_per_s: float
    recovery_mean_px_per_s: float
    drive_peak_at_percent: float
    fastest_fifth: int
    slowest_fifth: int
    fifth_1_px_per_s: float
    fifth_2_px_per_s: float
    fifth_3_px_per_s: float
    fifth_4_px_per_s: float
    fifth_5_px_per_s: float


@dataclass(frozen=True)
class Rowing:
    """What was found in one track.

    Attributes:
        hand: which wrists it comes from: `both`, `left` or `right`.
        axis_xy: [2], the direction of the drive on the screen, of length 1.
        speed_px_per_s: [T], the hand's velocity along it, above 0 in the drive; NaN where it is not known.
        events: catches and finishes in order of time.
        strokes: the whole ones.
        incomplete: strokes cut off by the clip's ends or by a gap, not among `strokes`.
    """

    hand: str
    axis_xy: Floats
    speed_px_per_s: Floats
    events: tuple[Event, ...]
    strokes: tuple[Stroke, ...]
    incomplete: int


def rowing_events(track: Track, settings: RowingSettings | None = None) -> Rowing:
    """Catches, finishes and strokes of a track whose outliers are out and whose short gaps are filled.

    The track should not be smoothed already: the fits here do that, and twice would flatten the turns.

    Raises ImageError where the hand is not seen to move, or nothing tells in which direction the drive goes.
    """
    settings = settings or RowingSettings()
    hand = hand_of(track, settings.hand)
    path, seen = middle_of(track, "wrist") if hand == "both" else place_of(track, f"{hand}_wrist")
    axis = drive_axis(track, path[seen], settings.drive)
    along = path @ axis
    low, high = np.percentile(along[seen], OUTLIERS)
    speed, events, strokes, incomplete = np.full(len(along), np.nan), list[Event](), list[Stroke](), 0
    for stretch in stretches_of(track, along, seen):
        found = _turns(stretch, hand, TURN * (high - low), settings.event_window_seconds)
        places, speeds = stretch.fit(settings.speed_window_seconds)
        speed[stretch.rows] = speeds
        catches = [index for index, event in enumerate(found) if event.kind == "catch"]
        whole = [found[index : index + 3] for index in catches if index + 2 < len(found)]
        strokes += [_stroke(three, _Motion(stretch.t_seconds, places, speeds)) for three in whole]
        incomplete += _cut_off(found, len(whole))
        events += found
    return Rowing(hand, axis, speed, tuple(events), tuple(strokes), incomplete)


def hand_of(track: Track, hand: Hand) -> Literal["both", "left", "right"]:
    """Which wrists; chosen once for the whole track, as a change within it would look like a movement.

    Raises ImageError where the wrist asked for is never seen.
    """
    left, right = (measured(track, [f"{side}_wrist"]) for side in SIDES)
    better: Literal["left", "right"] = "left" if left.sum() > right.sum() else "right"
    most = max(left.sum(), right.sum())
    chosen = hand if hand != "auto" else "both" if (left & right).sum() >= ENOUGH_OF_BOTH * most else better
    if not {"both": left & right, "left": left, "right": right}[chosen].any():
        shown = "both wrists together" if chosen == "both" else f"the {chosen} wrist"
        raise ImageError(f"never shows {shown} of person {track.id}", "name another hand, or another person: --pick")
    return chosen


def drive_axis(track: Track, path: Floats, drive: Drive) -> Floats:
    """[2]: the first principal direction of the hand's `path` [N, 2], pointing where the hand goes in the drive.

    In the drive the legs push the hips away from the ankles, and the hands go the same way.

    Raises ImageError where the hand is never seen to move, or nothing tells the drive's direction.
    """
    if len(path) < 2 or not np.ptp(path, axis=0).any():
        raise ImageError(f"shows no movement of person {track.id}'s hand", "choose another person: --pick")
    axis: Floats = np.linalg.svd(path - path.mean(axis=0), full_matrices=False)[2][0]
    if drive == "auto":
        legs = track.mean_of(("left_hip", "right_hip")) - track.mean_of(("left_ankle", "right_ankle"))
        legs = legs[np.isfinite(legs[:, 0])]
        if not len(legs):
            reason = f"never shows hips and ankles of person {track.id} together, so that the drive's direction is open"
            raise ImageError(reason, "say where on the screen the hands go in the drive: --drive left, or right")
        towards = np.median(legs, axis=0)
    else:
        towards = np.array([-1.0 if drive == "left" else 1.0, 0.0])
    return axis if axis @ towards >= 0 else -axis


def _turns(stretch: Stretch, hand: str, least_px: float, window_seconds: float) -> list[Event]:
    """Catches and finishes in turn; none within a window of the stretch's ends, where the fit is one-sided."""
    places, velocities = stretch.fit(window_seconds)
    first, last = stretch.t_seconds[0] + window_seconds, stretch.t_seconds[-1] - window_seconds
    turns = turning_points(stretch.t_seconds, places, velocities, least_px)
    return [
        stretch.event("catch" if turn.low else "finish", hand, turn.t_seconds)
        for turn in turns
        if first <= turn.t_seconds <= last
    ]


def _cut_off(events: list[Event], whole: int) -> int:
    """How many strokes a stretch shows in part: before its first catch, and after the last catch."""
    kinds = [event.kind for event in events]
    return int(kinds[:1] == ["finish"]) + kinds.count("catch") - whole


@dataclass(frozen=True)
class _Motion:
    """A stretch's places and speeds along the axis [N], and their times."""

    t_seconds: Floats
    places: Floats
    speeds: Floats

    def place(self, moment: float) -> float:
        return float(np.interp(moment, self.t_seconds, self.places))

    def peak(self, start: float, end: float, sign: int) -> tuple[float, float]:
        """The highest speed in one direction between two moments, and when."""
        inside = np.flatnonzero((self.t_seconds >= start) & (self.t_seconds <= end))
        peak = inside[np.argmax(sign * self.speeds[inside])]
        return float(sign * self.speeds[peak]), float(self.t_seconds[peak])


def _stroke(events: list[Event], motion: _Motion) -> Stroke:
    """One whole stroke: catch, finish and the next catch."""
    catch, finish, end = (event.t_seconds for event in events)
    drive, recovery = finish - catch, end - finish
    borders = np.linspace(catch, finish, FIFTHS + 1)
    fifths = np.diff([motion.place(border) for border in borders]) / (drive / FIFTHS)
    length, back = (motion.place(finish) - motion.place(turn) for turn in (catch, end))
    pull, pull_at = motion.peak(catch, finish, 1)
    push, _ = motion.peak(finish, end, -1)
    return Stroke(
        side=events[0].side,
        start_seconds=catch,
        end_seconds=end,
        quality="measured" if all(event.quality == "measured" for event in events) else "interpolated",
        finish_seconds=finish,
        drive_seconds=drive,
        recovery_seconds=recovery,
        drive_to_recovery_ratio=drive / recovery,
        rate_per_minute=60 / (end - catch),
        length_px=length,
        drive_peak_px_per_s=pull,
        drive_mean_px_per_s=length / drive,
        recovery_peak_px_per_s=push,
        recovery_mean_px_per_s=back / recovery,
        drive_peak_at_percent=100 * (pull_at - catch) / drive,
        fastest_fifth=int(np.argmax(fifths)) + 1,
        slowest_fifth=int(np.argmin(fifths)) + 1,
        **{f"fifth_{number}_px_per_s": float(fifth) for number, fifth in enumerate(fifths, 1)},
    )
