"""What was found in a track, and the rows of events.csv and cycles.csv. Data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

from motion_stage.sequence import Track

Kind = Literal["catch", "finish", "foot_strike", "toe_off"]
Quality = Literal["measured", "interpolated"]
Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
Cell = int | float | str | None

EVENT_COLUMNS = ("track", "kind", "side", "t_seconds", "frame", "quality")


@dataclass(frozen=True)
class Event:
    """A moment between frames.

    Attributes:
        kind: what happens.
        side: `left` or `right` of the person; `both` for the mean of two hands.
        t_seconds: from the video's first frame.
        frame: the same moment as a frame number with a fraction.
        quality: `interpolated` where the sample before or after it was not measured.
    """

    kind: Kind
    side: str
    t_seconds: float
    frame: float
    quality: Quality


@dataclass(frozen=True)
class Cycle:
    """What every cycle has; each sport adds its own numbers. A number that cannot be told is None."""

    side: str
    start_seconds: float
    end_seconds: float
    quality: Quality


def event_rows(track: Track, events: Iterable[Event]) -> Iterator[dict[str, Cell]]:
    """Rows of events.csv, by `EVENT_COLUMNS`."""
    for event in events:
        yield {
            "track": track.id,
            "kind": event.kind,
            "side": event.side,
            "t_seconds": round(event.t_seconds, 4),
            "frame": round(event.frame, 2),
            "quality": event.quality,
        }


def cycle_columns(kind: type[Cycle]) -> tuple[str, ...]:
    """The header of cycles.csv for one sport."""
    return ("track", "cycle", *(field.name for field in fields(kind)))


def cycle_rows(track: Track, cycles: Iterable[Cycle]) -> Iterator[dict[str, Cell]]:
    """Rows of cycles.csv, by `cycle_columns`; cycles count from 1."""
    for number, cycle in enumerate(cycles, 1):
        values: dict[str, Any] = {field.name: getattr(cycle, field.name) for field in fields(cycle)}
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}
        yield {"track": track.id, "cycle": number, **rounded}
