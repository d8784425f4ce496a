"""What the reader of checkpoints makes of a pickle's opcodes: a stack, a memo, and values that are safe to keep.

Every size here is bounded by the number of opcodes: an opcode of two bytes that repeats something large is what a small
file would fill the memory with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_MOST_NAME = 500  # letters
_MOST_PAIRS = 1_000_000  # of all dicts of a file that are written as lists of pairs
_MOST_OTHER_KEYS = 20_000  # numbers can be made to collide in a dict; texts cannot
_MOST_KEY_PARTS = 16
_LARGEST_KEY = 1 << 64

Build = Callable[..., object]


class UnreadableError(ValueError):
    """What is wrong with the content of a file; it becomes a WeightsError where the file's name is known."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Stands for a class, a function or an object of another program: it has a name, and does nothing."""

    name: str


@dataclass
class Machine:
    """The state of a pickle machine: a stack, the stacks below each mark, a memo."""

    builders: Mapping[str, Build]
    persistent: Build
    stack: list[Any] = field(default_factory=list)
    below: list[list[Any]] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    other_keys: int = 0
    pairs: int = 0

    def since_mark(self) -> list[Any]:
        """What lies above the last mark; the stack below it is the stack again."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def push_name(self, module: Any, name: Any) -> None:
        """The inert stand-in of what `name` is in `module`."""
        if not isinstance(module, str) or not isinstance(name, str) or len(module) + len(name) > _MOST_NAME:
            raise UnreadableError(f"a name that is no text of at most {_MOST_NAME} letters")
        self.stack.append(Foreign(f"{module}.{name}"))

    def call(self, function: Any, arguments: Any) -> object:
        """What a known name builds of plain data; of any other name the inert stand-in."""
        if not isinstance(function, Foreign) or not isinstance(arguments, tuple):
            raise UnreadableError("something that is no name is called")
        if function.name == "collections.OrderedDict":
            return self._of_pairs(arguments)
        build = self.builders.get(function.name)
        return function if build is None else build(*arguments)

    def _of_pairs(self, arguments: tuple[Any, ...]) -> object:
        """Python 2 writes an OrderedDict as a list of pairs, Python 3 an empty one that is filled afterwards."""
        pairs = arguments[0] if arguments else []
        self.pairs += len(pairs)
        if self.pairs > _MOST_PAIRS:
            raise UnreadableError(f"dicts of more than {_MOST_PAIRS} pairs")
        return self.filled({}, [part for key, value in pairs for part in (key, value)])

    def filled(self, target: Any, items: Sequence[Any]) -> Any:
        """`target` with the keys and values of `items` put in; a foreign object stays as it is."""
        if isinstance(target, Foreign):
            return target
        if not isinstance(target, dict):
            raise UnreadableError("a key is set in something that is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[self.key(key)] = value
        return target

    def key(self, value: Any) -> Any:
        """`value`, if it can be hashed and told from its neighbours in bounded time."""
        if isinstance(value, str | bytes):
            return value
        self.other_keys += 1
        if self.other_keys > _MOST_OTHER_KEYS:
            raise UnreadableError(f"more than {_MOST_OTHER_KEYS} keys that are no texts")
        parts = value if isinstance(value, tuple) else (value,)
        if len(parts) > _MOST_KEY_PARTS or not all(_is_quickly_hashed(part) for part in parts):
            raise UnreadableError(f"a {type(value).__name__} as a key")
        return value


def _is_quickly_hashed(value: Any) -> bool:
    if isinstance(value, int):
        return -_LARGEST_KEY < value < _LARGEST_KEY
    return isinstance(value, str | bytes | float | Foreign | None)
