"""What is wrong with a record that cannot be understood, in English: where it is, what is there, what is expected."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pose_contract.names import printable

SHOWN = 40
AT = re.compile(r"(.*) at line (\d+) column (\d+)", re.DOTALL)
LISTS = {"people": "person", "keypoints": "keypoint"}
NUMBER, WHOLE, OBJECT = "a finite number", "a whole number", "an object in braces"
EXPECTED = {
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": NUMBER,
    "int_type": WHOLE,
    "int_parsing": WHOLE,
    "int_parsing_size": WHOLE,
    "int_from_float": WHOLE,
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text in quotes",
    "list_type": "a list in brackets",
    "tuple_type": "a list in brackets",
    "dict_type": OBJECT,
    "model_type": OBJECT,
    "model_attributes_type": OBJECT,
    "string_pattern_mismatch": "64 of the digits 0 to 9 and a to f",
}
LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than", "expected": ""}
FIELDS = (
    *("schema_version", "image", "image_sha256", "width", "height", "corrected", "people", "made_by", "skeleton"),
    *("index", "score", "box", "cut", "keypoints", "name", "x", "y", "x1", "y1", "x2", "y2", "file"),
)


def mistake_in(error: ValidationError, data: bytes) -> tuple[str, str]:
    """The first mistake of a record with these bytes, and what mends it."""
    mistakes = error.errors(include_url=False)
    # A field that nobody knows explains best why another is missing.
    first = next((each for each in mistakes if each["type"] == "extra_forbidden"), mistakes[0])
    kind, place, context = first["type"], tuple(first["loc"]), first.get("ctx", {})
    if kind == "json_invalid":
        return _no_json(str(context["error"]), data)
    if kind == "missing":
        return f"{_owner(place[:-1])} lacks {place[-1]}", "mend it: add that"
    if kind == "extra_forbidden":
        name = printable(str(place[-1])[:SHOWN])
        near = difflib.get_close_matches(name, FIELDS, n=1)
        hint = f"mend it: did you mean {near[0]}?" if near else "mend it: take that out"
        return f"{_owner(place[:-1])} has a field {name!r} that nobody knows", hint
    where = f"{_owner(place[:-1])} has {place[-1]}" if place and isinstance(place[-1], str) else f"{_owner(place)} is"
    return f"{where} {_shown(first['input'])}, expected {_expected(kind, context)}", "mend it"


def _no_json(text: str, data: bytes) -> tuple[str, str]:
    found = AT.fullmatch(text)
    if found is None:
        return text, "mend it"
    line, column = int(found[2]), int(found[3])
    lines = data.split(b"\n", line)
    rest = lines[line - 1][max(column - 1, 0) :] if line <= len(lines) else b""
    remedy = "mend it"
    if rest.startswith((b"True", b"False", b"None")):
        remedy = "mend it: write true, false and null in small letters"
    elif data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        remedy = "mend it: save it as UTF-8 without a byte order mark"
    return f"line {line}, column {column}: {found[1]}", remedy


def _owner(place: tuple[int | str, ...]) -> str:
    """`("people", 3, "box")` -> `person 3's box`; the record itself is `it`."""
    words: list[str] = []
    for part in place:
        if isinstance(part, int):
            words[-1] = f"{LISTS.get(words[-1], words[-1])} {part}" if words else f"row {part}"
        else:
            words.append(printable(part[:SHOWN]))
    return "'s ".join(words) or "it"


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list, tuple)):
        return "an object" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = printable(repr(value[:SHOWN] if isinstance(value, str) else value))
    return text if len(text) <= SHOWN + 2 else f"{text[:SHOWN]}…"


def _expected(kind: str, context: Mapping[str, Any]) -> str:
    limits = [f"{word} {context[name]}".strip() for name, word in LIMITS.items() if name in context]
    return EXPECTED.get(kind) or (limits[0] if limits else "something else")
