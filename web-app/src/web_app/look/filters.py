"""Which entries the gallery shows, in which order, and a page of them (pure)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from web_app.look.entries import Entry

Show = Literal["all", "photos", "videos", "low", "nobody", "failed", "edited", "corrected", "to do"]
Sort = Literal["name", "score"]
LOW = 0.5
PAGE = 60

SHOWS: dict[Show, tuple[str, Callable[[Entry], bool]]] = {
    "all": ("everything", lambda _: True),
    "photos": ("photos", lambda entry: not entry.video),
    "videos": ("videos", lambda entry: entry.video),
    "low": (f"somebody under {LOW}", lambda entry: entry.lowest is not None and entry.lowest < LOW),
    "nobody": ("nobody found", lambda entry: entry.state == "nobody"),
    "failed": ("failed", lambda entry: entry.state == "failed"),
    "edited": ("edited by hand", lambda entry: entry.found.edited),
    "corrected": ("ready for training", lambda entry: entry.found.corrected),
    "to do": ("to do", lambda entry: entry.state == "to do"),
}


@dataclass(frozen=True)
class Query:
    """What somebody asked for: which kind, a part of the name, the order."""

    show: Show = "all"
    text: str = ""
    sort: Sort = "name"


def chosen(entries: Sequence[Entry], query: Query) -> list[Entry]:
    """The entries that are asked for. By score means the least sure first; what has no score comes last."""
    test = SHOWS[query.show][1]
    text = query.text.strip().casefold()
    found = [entry for entry in entries if test(entry) and text in entry.name.casefold()]
    if query.sort == "score":
        found.sort(key=lambda entry: (math.inf if entry.lowest is None else entry.lowest, entry.name))
    return found


def counts(entries: Sequence[Entry]) -> dict[Show, int]:
    """How many there are of each kind."""
    return {show: sum(map(test, entries)) for show, (_, test) in SHOWS.items()}


def queue(entries: Sequence[Entry]) -> list[Entry]:
    """What wants a person's eye, the least sure first: photos with poses that nobody has corrected yet."""
    waiting = [entry for entry in entries if not entry.video and entry.found.posed and not entry.found.corrected]
    return chosen([entry for entry in waiting if entry.lowest is not None], Query(sort="score"))


def next_in_queue(entries: Sequence[Entry], after: str = "", score: float | None = None) -> Entry | None:
    """What comes after the entry of the id `after`, by score and name; the first one again after the last.

    Args:
        entries: all.
        after: an id; any other text means the beginning.
        score: the lowest score that the entry had when it was opened: a correction has changed it since.

    Returns None where nothing waits but that entry itself.
    """
    waiting = [entry for entry in queue(entries) if entry.id != after]
    here = next((entry for entry in entries if entry.id == after), None)
    if here is not None:
        least = here.lowest if score is None else score
        place = (math.inf if least is None else least, here.name)
        later = (entry for entry in waiting if (entry.lowest or 0.0, entry.name) > place)
        return next(later, waiting[0] if waiting else None)
    return waiting[0] if waiting else None
