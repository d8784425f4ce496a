"""Edits of real records by chance, as people, programs and accidents make them; and whether they were kept."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pose_contract.records import ImageAnnot, ImagePoses

WORDS: tuple[Any, ...] = (
    *(None, True, [], {}, "", "left", -1, 0.5, 7, 1e5, -1e300, 10**30, 10**400, "../../etc/passwd", "a\0b", "é" * 2000),
    *(float("nan"), float("inf"), [[[]]], {"x": 1}, "images/p01.jpg", 2),
)


@dataclass(frozen=True)
class Place:
    """A value inside of a record: what holds it, and by which key."""

    holder: Any
    key: Any


def places(value: Any) -> Iterator[Place]:
    """All values of a record but its seal: without that line it passes for one of an earlier release."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        if key != "seal":
            yield Place(value, key)
            yield from places(value[key])


def other_value(record: Any, rng: random.Random) -> None:
    place = rng.choice(list(places(record)))
    place.holder[place.key] = rng.choice(WORDS)


def left_out(record: Any, rng: random.Random) -> None:
    place = rng.choice(list(places(record)))
    del place.holder[place.key]


def moved_a_little(record: Any, rng: random.Random) -> None:
    numbers = [place for place in places(record["people"]) if type(place.holder[place.key]) is float]
    place = rng.choice(numbers or list(places(record)))
    place.holder[place.key] = round(place.holder[place.key] + rng.uniform(-9, 9), 2) if numbers else 3


def twice(record: Any, rng: random.Random) -> None:
    lists = [place for place in places(record) if isinstance(place.holder, list)]
    place = rng.choice(lists or [Place(record["people"], 0)])
    place.holder.append(json.loads(json.dumps(place.holder[place.key])) if lists else {"box": {}})


def unknown_field(record: Any, rng: random.Random) -> None:
    holders = [record, *(place.holder for place in places(record) if isinstance(place.holder, dict))]
    rng.choice(holders)["note"] = "I was here"


EDITS: tuple[Callable[[Any, random.Random], None], ...] = (
    *(other_value, other_value, left_out, moved_a_little, moved_a_little, twice, unknown_field),
)


def edited(data: bytes, rng: random.Random) -> bytes:
    """Other bytes than `data`: three of four still are JSON."""
    changed = data
    while changed == data:
        if rng.random() < 0.75:
            record = json.loads(data)
            rng.choice(EDITS)(record, rng)
            changed = json.dumps(record, indent=rng.choice((1, 4))).encode("utf-8", "surrogatepass") + b"\n"
        else:
            at, length = rng.randrange(len(data)), rng.choice((0, 1, 1, 20, len(data)))
            put = rng.choice((b"", b"\x00", b"\xff", b",", b"True", b"[" * 3000, b"9" * 5000, b"\xef\xbb\xbf", b"\n"))
            changed = data[:at] + put + data[at + length :]
    return changed


def is_kept(before: bytes, after: bytes, kind: type[ImageAnnot] | type[ImagePoses]) -> bool:
    """The same bytes; or an annot's people as they were, with cuts and numbers that fit."""
    if before == after:
        return True
    old, new = (kind.model_validate_json(data) for data in (before, after))
    assert isinstance(old, ImageAnnot) and isinstance(new, ImageAnnot), "only an annot may be made to fit"
    return new.corrected and [(who.box, who.score) for who in old.people] == [
        (who.box, who.score) for who in new.people
    ]
