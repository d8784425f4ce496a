"""labels.csv: which strokes a video shows, as a person has written them down."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from motion_stage.strokes.samples import Stretch
from pose_contract.errors import UsageError

NEEDED = ("video", "start_seconds", "end_seconds", "class")
OPTIONAL = ("track", "recording", "left_handed")
EXAMPLE = ",".join((*NEEDED, *OPTIONAL))


@dataclass(frozen=True)
class Player:
    """One person of one video.

    Attributes:
        video: its name below images/.
        track: the id; None: the only one chosen.
    """

    video: str
    track: int | None = None


@dataclass(frozen=True)
class Labels:
    """What is labelled of one player.

    Attributes:
        player: who.
        recording: what must not be split: the video's name, unless another is given (two videos of one match).
        left_handed: whether the player is.
        strokes: in order of the file.
    """

    player: Player
    recording: str
    left_handed: bool
    strokes: tuple[Stretch, ...]


def read_labels(path: Path) -> list[Labels]:
    """All players of a labels file, in its order. Raises UsageError naming the line that cannot be taken."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return labels_of(csv.DictReader(lines), path.name)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", f"write one with the columns {EXAMPLE}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is no table: {error}", f"write one with the columns {EXAMPLE}") from None


def labels_of(rows: Iterable[Mapping[str, str | None]], file: str) -> list[Labels]:
    """The players of a table's rows; `file` is for messages."""
    found: dict[tuple[Player, str, bool], list[Stretch]] = {}
    for line, row in enumerate(rows, 2):
        missing = [name for name in NEEDED if not (row.get(name) or "").strip()]
        if missing:
            raise UsageError(f"{file}, line {line} has no {missing[0]}", f"the columns are {EXAMPLE}")
        values = {name: (row.get(name) or "").strip() for name in (*NEEDED, *OPTIONAL)}
        try:
            track = int(values["track"]) if values["track"] else None
            start, end = float(values["start_seconds"]), float(values["end_seconds"])
        except ValueError as error:
            raise UsageError(f"{file}, line {line}: {error}", "write seconds and tracks as numbers: 12.48") from None
        if not (math.isfinite(start) and math.isfinite(end) and 0 <= start < end):
            raise UsageError(f"{file}, line {line} ends before it starts", "write start_seconds < end_seconds")
        left_handed = values["left_handed"].lower() in ("1", "true", "yes")
        key = Player(values["video"], track), values["recording"] or values["video"], left_handed
        found.setdefault(key, []).append(Stretch(start, end, values["class"]))
    return [Labels(player, recording, left, tuple(strokes)) for (player, recording, left), strokes in found.items()]
