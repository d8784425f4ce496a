"""report.json of one sequence: what its files were made of, and what a reader must know. The done-mark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field, JsonValue

from motion_stage.events.rowing import Rowing
from motion_stage.motion import Motion, speeds_of
from motion_stage.sequence import State
from pose_contract.records import Record, Sha256

FILE = "report.json"


class MotionMadeBy(Record):
    """All that changes the files; another value of any of it has them made anew."""

    stage: str
    results: int = Field(ge=1)
    options: dict[str, JsonValue]
    poses_sha256: Sha256
    tracks_sha256: Sha256
    strokes_model_sha256: Sha256 | None = None


class SwapEntry(Record):
    """Frames in which left and right of a limb are exchanged; no last one where they never changed back."""

    limb: str
    first_frame: int
    last_frame: int | None = None
    repaired: bool


class SportReport(Record):
    """What was told of a person's sport.

    Attributes:
        sport: `rowing` or `gait`.
        seen_by: rowing: `both`, `left` or `right` hand; gait: `heel` or `ankle`.
        events, cycles: how many.
        incomplete: strokes that the ends or a gap cut off, which stand in no table.
        rate_per_minute: the median: strokes, or steps.
        not_told: why nothing was told.
    """

    sport: str
    seen_by: str = ""
    events: int = 0
    cycles: int = 0
    incomplete: int = 0
    rate_per_minute: float | None = None
    not_told: str = ""


class PersonReport(Record):
    """One person.

    Attributes:
        track: the id.
        frames: from the first to the last.
        states: how many samples of each keypoint are in which state; they sum up to `frames`.
        jitter_px: per point of speeds.csv; nothing where too little was seen.
        noise_floor_px_per_s: what a still point would show there.
        hand: the keypoints that the hand is the middle of.
        segments_too_short: for the filter; they stand in the tables as they were.
    """

    track: int
    frames: int
    states: dict[str, dict[str, int]]
    jitter_px: dict[str, float | None]
    noise_floor_px_per_s: dict[str, float | None]
    hand: tuple[str, ...]
    segments_too_short: int
    metres_per_px: float | None = None
    swaps: tuple[SwapEntry, ...] = ()
    sport: SportReport | None = None


class MotionReport(Record):
    """One sequence."""

    schema_version: Literal[1] = 1
    image: str
    frames: int
    duration_seconds: float
    flags: tuple[str, ...] = ()
    people: int
    chosen: tuple[PersonReport, ...]
    scale: str = ""
    warnings: tuple[str, ...] = ()
    files: tuple[str, ...]
    made_by: MotionMadeBy


def person_report(motion: Motion, speed_points: Sequence[str]) -> PersonReport:
    """What must be known of one person."""
    track = motion.track
    known = [point for point in speed_points if point in motion.paths]
    counted = {
        name: np.bincount(track.states[:, joint], minlength=len(State)).tolist()
        for joint, name in enumerate(track.skeleton.keypoints)
    }
    return PersonReport(
        track=track.id,
        frames=len(track.frames),
        states={
            name: {state.word: counts[state] for state in State if counts[state]} for name, counts in counted.items()
        },
        jitter_px={point: _rounded(motion.jitter[point], 3) for point in known},
        noise_floor_px_per_s={point: _rounded(speeds_of(motion, point).floor_per_second, 3) for point in known},
        hand=motion.hand,
        segments_too_short=motion.too_short,
        metres_per_px=_rounded(motion.metres_per_px or math.nan, 8),
        swaps=tuple(
            SwapEntry(
                limb=swap.limb,
                first_frame=int(track.frames[swap.first]),
                last_frame=None if swap.last is None else int(track.frames[swap.last]),
                repaired=motion.settings.swaps == "repair" and swap.last is not None,
            )
            for swap in motion.swaps
        ),
        sport=_sport_report(motion),
    )


def _sport_report(motion: Motion) -> SportReport | None:
    found, name = motion.found.sport, motion.settings.sport
    if name == "none":
        return None
    if found is None:
        return SportReport(sport=name, not_told=motion.found.not_told)
    rate: float | None
    if isinstance(found, Rowing):
        rates = [stroke.rate_per_minute for stroke in found.strokes]
        rate, seen_by, incomplete = float(np.median(rates)) if rates else None, found.hand, found.incomplete
    else:
        rate, seen_by, incomplete = found.cadence_steps_per_minute, found.foot, 0
    return SportReport(
        sport=name,
        seen_by=seen_by,
        events=len(found.events),
        cycles=len(motion.found.cycles),
        incomplete=incomplete,
        rate_per_minute=_rounded(math.nan if rate is None else rate, 2),
    )


def _rounded(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def warnings_of(people: Sequence[PersonReport], flags: Sequence[str], scaled: bool) -> tuple[str, ...]:
    """What a reader of the numbers must be told, in plain words."""
    told = []
    if "truncated" in flags:
        told.append("the video ends early: what comes after is not known")
    if "times_repaired" in flags:
        told.append("some frames had no usable time; theirs are guessed")
    short = sum(person.segments_too_short for person in people)
    if short:
        told.append(f"{short} stretches of keypoints are too short for the filter and stand as they were")
    swaps = sum(not swap.repaired for person in people for swap in person.swaps)
    if swaps:
        told.append(f"left and right may be exchanged in {swaps} stretches (--swaps repair mends the short ones)")
    told += [
        f"no {person.sport.sport} told of track {person.track}: it {person.sport.not_told}"
        for person in people
        if person.sport and person.sport.not_told
    ]
    unscaled = [person.track for person in people if scaled and person.metres_per_px is None]
    if unscaled:
        told.append(f"no metres for {', '.join(f'track {track}' for track in unscaled)}: nobody stands upright")
    return tuple(told)
