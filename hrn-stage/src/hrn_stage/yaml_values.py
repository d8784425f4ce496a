"""YAML text -> plain values, within limits that are checked before anything is built.

What a stranger's file may hold: an alias that stands for a billion values, brackets that exhaust the stack of the
parser in C, a number of a million digits. The limits are far above every experiment file that was published.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml  # type: ignore[import-untyped, unused-ignore]

MOST_BYTES = 1 << 20
MOST_DEEP = 32
MOST_VALUES = 20_000  # with every alias as often as it is used
MOST_DIGITS = 100  # letters of a number
TOO_DEEP = f"nested more than {MOST_DEEP} deep, the limit"
_NUMBER = re.compile(r"[-+.]?[\d_]")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _SafeLoaderWithoutDuplicates(_LOADER):  # type: ignore[misc]
    """The safe loader, but a key written twice in one mapping is an error instead of the last one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is written twice", key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def yaml_value(text: str) -> Any:
    """What the YAML `text` says, as plain values. Nothing in it is ever evaluated or executed.

    Raises:
        yaml.YAMLError: no YAML, a key that is written twice, or over a limit, which is named.
        ValueError: a value that cannot be, such as the date 2020-13-45.
    """
    if len(text) > MOST_BYTES:
        raise yaml.YAMLError(f"it has more than {MOST_BYTES:,} letters, the limit")
    try:
        _require_small(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in str(error.problem):  # the parser's own limit, as it reads ahead
            raise _refused(error.problem_mark, TOO_DEEP) from None
        raise
    return yaml.load(text, Loader=_SafeLoaderWithoutDuplicates)


def _require_small(events: Iterator[Any]) -> None:
    """Counts values as they will be once every alias is followed."""
    open_counts, anchors = [0], [""]
    count_of: dict[str | None, int] = {}
    for event in events:
        count = 0
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in anchors or event.anchor not in count_of:
                raise _refused(event.start_mark, f"*{event.anchor:.40} stands for what it is part of, or for nothing")
            count = count_of[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            _require_short(event)
            count = count_of[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_counts.append(1)
            anchors.append(event.anchor or "")
            if len(anchors) > MOST_DEEP:
                raise _refused(event.start_mark, TOO_DEEP)
        elif isinstance(event, yaml.CollectionEndEvent):
            count = count_of[anchors.pop()] = open_counts.pop()
        open_counts[-1] += count
        if open_counts[-1] > MOST_VALUES:
            raise _refused(event.start_mark, f"more than {MOST_VALUES:,} values, the limit")


def _require_short(event: Any) -> None:
    """Python takes a second for a number of a hundred thousand digits."""
    number = (event.tag or "").endswith((":int", ":float")) or (event.implicit[0] and _NUMBER.match(event.value))
    if number and len(event.value) > MOST_DIGITS:
        raise _refused(event.start_mark, f"a number of more than {MOST_DIGITS} digits, the limit")


def _refused(mark: Any, problem: str) -> Exception:
    error: Exception = yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
    return error
