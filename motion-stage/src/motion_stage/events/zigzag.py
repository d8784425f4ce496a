"""Turning points of a signal that goes to and fro. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from motion_stage.sequence import Floats

NEAR_SECONDS = 0.1  # fitted place and fitted velocity are two polynomials' and agree within a few samples


@dataclass(frozen=True)
class Turn:
    """A lowest (`low`) or highest point between two swings, and when."""

    low: bool
    t_seconds: float


def turning_points(t_seconds: Floats, values: Floats, velocity: Floats, least: float) -> list[Turn]:
    """The points from which a signal went back by at least `least`, lows and highs in turn.

    Args:
        t_seconds: [N], rising.
        values: [N], the signal.
        velocity: [N], its change per second; its zero nearest to the point is the point's time.
        least: a swing smaller than this is none.

    A signal's beginning and end are no turning points.
    """
    pivots = [] if not least > 0 or len(values) < 3 else _pivots(values, least)
    return [
        Turn(low, _zero_near(t_seconds, velocity if low else -velocity, index))
        for index, low in pivots
        if 0 < index < len(values) - 1
    ]


def _pivots(values: Floats, least: float) -> list[tuple[int, bool]]:
    """Index of each pivot, and whether it is a low: a zig-zag that is confirmed by the way back."""
    found: list[tuple[int, bool]] = []
    low = high = 0
    rising: bool | None = None  # not known before the first swing
    for index, value in enumerate(values):
        if rising is not False:
            if value > values[high]:
                high = index
            elif values[high] - value >= least:
                found.append((high, False))
                rising, low = False, index
                continue
        if rising is not True:
            if value < values[low]:
                low = index
            elif value - values[low] >= least:
                found.append((low, True))
                rising, high = True, index
    return found


def _zero_near(t_seconds: Floats, rising: Floats, index: int) -> float:
    """When a velocity goes from below to above zero, nearest to a sample; that sample's time where it never does."""
    crossings = np.flatnonzero((rising[:-1] < 0) & (rising[1:] >= 0))
    if len(crossings) == 0:
        return float(t_seconds[index])
    before = crossings[np.argmin(np.abs(crossings + 0.5 - index))]
    share = rising[before] / (rising[before] - rising[before + 1])
    moment = t_seconds[before] + share * (t_seconds[before + 1] - t_seconds[before])
    return float(moment if abs(moment - t_seconds[index]) <= NEAR_SECONDS else t_seconds[index])
