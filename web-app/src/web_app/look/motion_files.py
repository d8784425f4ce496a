"""What motion-stage found in a video: its tables to download, speeds as curves, events as marks."""

from __future__ import annotations

import csv
import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pose_contract.workspace import Workspace
from stage_kit.regular_files import open_regular
from web_app.look.entries import Entry
from web_app.look.pictures import is_inside

MOST_BYTES = 400_000_000  # of a table that is read for its curves
MOST_POINTS = 3_000  # of one curve: more than a screen has columns
MOST_MARKS = 5_000
TABLES = (".csv", ".json", ".trc", ".mot")


@dataclass(frozen=True)
class Curve:
    """A point's speed through time; None where it is not known. `unit` is of the values."""

    track: str
    point: str
    unit: str
    seconds: list[float]
    values: list[float | None]


@dataclass(frozen=True)
class Mark:
    """Something that happened: a catch, a step, the span of a stroke (which has an end)."""

    track: str
    kind: str
    seconds: float
    end_seconds: float | None = None


def motion_folder(workspace: Workspace, entry: Entry) -> Path:
    """Where motion-stage writes what it finds in the video."""
    return workspace.path(workspace.motion) / entry.name


def has_motion(workspace: Workspace, entry: Entry) -> bool:
    """Whether motion-stage has done the video: its report is written last."""
    return entry.video and (motion_folder(workspace, entry) / "report.json").is_file()


def tables_of(workspace: Workspace, entry: Entry) -> dict[str, Path]:
    """The files to download, by name."""
    folder = motion_folder(workspace, entry)
    if not entry.video or not folder.is_dir():
        return {}
    return {path.name: path for path in sorted(folder.iterdir()) if path.suffix in TABLES and _is_ours(workspace, path)}


def plots_of(workspace: Workspace, entry: Entry) -> dict[str, Path]:
    """The plots that motion-stage drew, by name."""
    folder = motion_folder(workspace, entry) / "plots"
    if not entry.video or not folder.is_dir():
        return {}
    return {path.name: path for path in sorted(folder.glob("*.png")) if _is_ours(workspace, path)}


def _is_ours(workspace: Workspace, path: Path) -> bool:
    return not path.name.startswith(".") and is_inside(workspace, path)


def speed_curves(workspace: Workspace, entry: Entry) -> list[Curve]:
    """Every track's and point's speed, thinned so that a screen can show it: of each stretch the highest value stays.

    In metres where the table has them, else in pixels a second.
    """
    found: dict[tuple[str, str], tuple[list[float], list[float | None]]] = {}
    unit = "px/s"
    for row in _rows(tables_of(workspace, entry).get("speeds.csv")):
        if "speed_m_per_s" in row:
            unit = "m/s"
        seconds = _number(row.get("t_seconds"))
        if seconds is None:
            continue
        value = _number(row.get("speed_m_per_s" if unit == "m/s" else "speed_px_per_s"))
        times, values = found.setdefault((row.get("track") or "", row.get("point") or ""), ([], []))
        times.append(seconds)
        values.append(value)
    return [Curve(track, point, unit, *_thinned(*both)) for (track, point), both in found.items()]


def marks_of(workspace: Workspace, entry: Entry) -> list[Mark]:
    """Events and strokes, by time."""
    tables = tables_of(workspace, entry)
    marks = []
    for row in _rows(tables.get("events.csv")):
        if (seconds := _number(row.get("t_seconds"))) is not None:
            side = f"{row['side']} " if row.get("side") in ("left", "right") else ""
            kind = (row.get("kind") or "event").replace("_", " ")
            marks.append(Mark(row.get("track") or "", side + kind, seconds))
    for row in _rows(tables.get("strokes.csv")):
        if (seconds := _number(row.get("start_seconds"))) is not None:
            marks.append(
                Mark(row.get("track") or "", row.get("class") or "stroke", seconds, _number(row.get("end_seconds")))
            )
    return sorted(marks, key=lambda mark: (mark.seconds, mark.track))[:MOST_MARKS]


def _rows(path: Path | None) -> Iterator[dict[str, str | None]]:
    """The rows of a table; none where there is none, or one that is too large to be read for a page."""
    if path is None or path.stat().st_size > MOST_BYTES:
        return
    with os.fdopen(open_regular(path), encoding="utf-8", errors="replace", newline="") as file:
        yield from csv.DictReader(file)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _thinned(seconds: list[float], values: list[float | None]) -> tuple[list[float], list[float | None]]:
    step = max(1, math.ceil(len(seconds) / MOST_POINTS))
    if step == 1:
        return seconds, values
    times: list[float] = []
    kept: list[float | None] = []
    for start in itertools.count(0, step):
        part = values[start : start + step]
        if not part:
            return times, kept
        known = [(value, start + offset) for offset, value in enumerate(part) if value is not None]
        value, place = max(known) if known else (None, start)
        times.append(seconds[place])
        kept.append(value)
    raise AssertionError("the loop ends with the values")
