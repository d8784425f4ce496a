"""What the strip below a movie's frames shows: speeds, events and strokes, and in which colours. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from motion_stage.movie.made_tables import Curve, Mark, Span
from stage_kit.pictures.draw_poses import SIDE_COLORS
from stage_kit.pictures.tags import PERSON_COLORS

Color = tuple[int, int, int]
DRIVE, RECOVERY, CATCH, FINISH = (38, 78, 120), (96, 64, 20), (90, 220, 90), (255, 110, 110)
RACKET: dict[str, Color] = {"fore": (150, 30, 30), "back": (110, 40, 130), "": (70, 70, 70)}  # by a class's beginning
SHORT = {"catch": "C", "finish": "F"}


@dataclass(frozen=True)
class StripContent:
    """What the strip shows.

    Attributes:
        point: whose speed, as the tables name it.
        duration_seconds: of the whole clip.
        curves: one a person; the first one's marks and spans are shown.
        marks, spans: of everybody.
    """

    point: str
    duration_seconds: float
    curves: Sequence[Curve] = ()
    marks: Sequence[Mark] = ()
    spans: Sequence[Span] = ()

    @property
    def first(self) -> int | None:
        """The person whose marks and spans are shown."""
        tracks = [*(one.track for one in self.curves), *(one.track for one in self.marks)]
        return next(iter([*tracks, *(one.track for one in self.spans)]), None)

    def stretches(self) -> Iterator[tuple[float, float, Color]]:
        """Drives, recoveries and strokes of the first person: start, end and colour."""
        strokes = [mark for mark in self.marks if mark.track == self.first and mark.kind in SHORT]
        for mark, following in pairwise(strokes):
            if mark.kind != following.kind:
                yield mark.t_seconds, following.t_seconds, DRIVE if mark.kind == "catch" else RECOVERY
        for span in self.spans:
            if span.track == self.first:
                color = next(color for begin, color in RACKET.items() if span.name.startswith(begin))
                yield span.start_seconds, span.end_seconds, color


def speed_at(curve: Curve, t_seconds: float) -> float:
    """The speed in the frame that is shown then; NaN where there is none."""
    at = int(np.searchsorted(curve.t_seconds, t_seconds - 1e-5))
    if at >= len(curve.t_seconds) or abs(curve.t_seconds[at] - t_seconds) > 1e-3:
        return math.nan
    return float(curve.speed[at])


def color_of(curve: Curve) -> Color:
    """The person's own, as the tag beside the person has it."""
    return PERSON_COLORS[curve.track % len(PERSON_COLORS)]


def color_of_mark(mark: Mark) -> Color:
    """Of a catch or a finish its own; of a step that of the foot's side, as skeletons in final/ have it."""
    if mark.kind in SHORT:
        return CATCH if mark.kind == "catch" else FINISH
    return SIDE_COLORS["left" if mark.side == "left" else "right"]


def digits_of(unit: str) -> int:
    """Behind the point of a speed in that unit."""
    return 2 if unit == "m/s" else 0


def round_step(least: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(least, 1e-9)))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))
