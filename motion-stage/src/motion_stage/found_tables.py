"""events.csv, cycles.csv, strokes.csv and stroke_frames.csv, row by row; and all tables of a sequence together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from motion_stage.events.records import EVENT_COLUMNS, Cell, cycle_columns, cycle_rows, event_rows
from motion_stage.found import CYCLES, POINTS
from motion_stage.tables import TABLES, Table, TableContext, cell, cells

if TYPE_CHECKING:
    from motion_stage.motion import Motion

EVENTS_FILE, SPANS_FILE = "events.csv", "strokes.csv"
SPAN_COLUMNS = ("track", "class", "start_seconds", "end_seconds", "start_frame", "end_frame", "mean_probability")


def _line(row: dict[str, Cell]) -> str:
    return ",".join("" if value is None else str(value) for value in row.values())


def _event_rows(motion: Motion, _: TableContext) -> Iterator[str]:
    yield from map(_line, event_rows(motion.track, motion.found.events))


def _event_points(context: TableContext) -> tuple[str, ...]:
    return tuple(name for name in POINTS[context.sport] if name in context.skeleton.keypoints)


def _cycle_columns(context: TableContext) -> Iterable[str]:
    metres = ("length_metres",) if context.scaled and context.sport == "rowing" else ()
    return (*cycle_columns(CYCLES[context.sport]), *metres)


def _cycle_rows(motion: Motion, context: TableContext) -> Iterator[str]:
    for row in cycle_rows(motion.track, motion.found.cycles):
        if context.scaled and context.sport == "rowing":
            length, scale = row["length_px"], motion.metres_per_px
            row["length_metres"] = round(length * scale, 4) if scale and isinstance(length, float) else None
        yield _line(row)


def _span_rows(motion: Motion, _: TableContext) -> Iterator[str]:
    track = motion.track
    for span in motion.found.spans:
        ends = [span.first, span.last]
        seconds = ",".join(cells(track.t_seconds[ends].tolist(), 6))
        first, last = track.frames[ends].tolist()
        yield f"{track.id},{span.name},{seconds},{first},{last},{cell(span.probability, 4)}"


def _probability_columns(context: TableContext) -> Iterable[str]:
    return ("frame", "t_seconds", "track", *(f"{name}_probability" for name in context.stroke_classes))


def _probability_rows(motion: Motion, _: TableContext) -> Iterator[str]:
    track = motion.track
    for frame, t_seconds, row in zip(
        track.frames.tolist(), track.t_seconds.tolist(), motion.found.probabilities, strict=True
    ):
        yield f"{frame},{cell(t_seconds, 6)},{track.id},{','.join(cells(row.tolist(), 4))}"


EVENT_TABLES = [
    Table(EVENTS_FILE, "events", lambda _: EVENT_COLUMNS, _event_rows, _event_points),
    Table("cycles.csv", "events", _cycle_columns, _cycle_rows),
]
STROKE_TABLES = [
    Table(SPANS_FILE, "strokes", lambda _: SPAN_COLUMNS, _span_rows),
    Table("stroke_frames.csv", "strokes", _probability_columns, _probability_rows),
]
ALL_TABLES = [*TABLES, *EVENT_TABLES, *STROKE_TABLES]


def tables_for(context: TableContext) -> list[Table]:
    """Those that the settings ask for: events of a sport that is named, strokes where there is a model."""
    events = EVENT_TABLES if context.sport != "none" else []
    return [*TABLES, *events, *(STROKE_TABLES if context.stroke_classes else [])]
