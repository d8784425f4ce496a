"""The syntax of a Darknet cfg: sections of `key = value`, read strictly and written back in one canonical form.

The readers behind our engines disagree on comments after values, on blanks and on keys that are given twice. They
only ever see `render_sections`, which leaves nothing to disagree about.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pose_contract.errors import ConfigError
from yolo_stage.cfg_limits import MOST_OPTIONS, require_at_most

# Darknet's own second names; pytorchyolo takes them for layers without effect.
_ALIASES = {"network": "net", "conv": "convolutional", "max": "maxpool"}


@dataclass(frozen=True)
class Section:
    """One `[kind]` of a cfg; `place` ("yolov3.cfg:12") is what an error names."""

    kind: str
    place: str
    options: tuple[tuple[str, str], ...]

    def text(self, key: str, default: str | None = None) -> str:
        """Value of `key`; ConfigError if it is missing and has no default."""
        value = dict(self.options).get(key, default)
        if value is None:
            raise ConfigError(f"{self.place}: [{self.kind}] has no '{key}'", f"add {key}=… to this section")
        return value

    def has(self, key: str) -> bool:
        """Whether `key` is given."""
        return any(name == key for name, _ in self.options)

    def integer(self, key: str, default: int | None = None) -> int:
        """Value of `key` as a whole number."""
        (value,) = self._values(key, None if default is None else str(default), many=False)
        return self._whole(key, value)

    def number(self, key: str, default: float | None = None) -> float:
        """Value of `key` as a finite number."""
        (value,) = self._values(key, None if default is None else str(default), many=False)
        return value

    def integers(self, key: str) -> tuple[int, ...]:
        """Comma-separated whole numbers under `key`."""
        return tuple(self._whole(key, value) for value in self._values(key, None, many=True))

    def numbers(self, key: str) -> tuple[float, ...]:
        """Comma-separated numbers under `key`."""
        return self._values(key, None, many=True)

    def with_options(self, options: Mapping[str, str]) -> Section:
        """The same section with these options set, new ones at the end."""
        return replace(self, options=tuple({**dict(self.options), **options}.items()))

    def without(self, key: str) -> Section:
        """The same section without `key`."""
        return replace(self, options=tuple(option for option in self.options if option[0] != key))

    def _whole(self, key: str, value: float) -> int:
        if not value.is_integer():
            raise ConfigError(f"{self.place}: {key} must be a whole number, got {value:g}", "correct the cfg")
        return int(value)

    def _values(self, key: str, default: str | None, *, many: bool) -> tuple[float, ...]:
        text = self.text(key, default)
        try:
            values = tuple(float(part) for part in (text.split(",") if many else [text]))
        except ValueError:
            values = (math.nan,)
        if not all(math.isfinite(value) for value in values):
            expected = "numbers with commas between them" if many else "a number"
            raise ConfigError(f"{self.place}: {key} must be {expected}, got '{text:.60}'", "correct the cfg")
        return values


def parse_sections(text: str, name: str) -> tuple[Section, ...]:
    """Sections of the cfg `text`; `name` is the file's name for errors.

    `#` and `;` start a comment anywhere in a line. Raises ConfigError for a line that is neither `[kind]` nor
    `key = value`, an option before the first section, and a key given twice: Darknet takes the first value, the
    other readers the last.
    """
    sections: list[Section] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.split("#", 1)[0].split(";", 1)[0].strip()
        place = f"{name}:{number}"
        if not line:
            continue
        if line.startswith("[") and line.endswith("]"):
            kind = line[1:-1].strip()
            sections.append(Section(_ALIASES.get(kind, kind), place, ()))
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not (equals and key and value):
            raise ConfigError(f"{place}: expected [section] or key = value, got '{line[:60]}'", "correct the cfg")
        if not sections:
            raise ConfigError(f"{place}: '{key}' stands before the first section", "a cfg begins with [net]")
        if sections[-1].has(key):
            raise ConfigError(f"{place}: '{key}' is given twice in [{sections[-1].kind}]", "keep one of the two")
        require_at_most(place, f"options in [{sections[-1].kind}]:", len(sections[-1].options) + 1, MOST_OPTIONS)
        sections[-1] = sections[-1].with_options({key: value})
    return tuple(sections)


def render_sections(sections: Iterable[Section]) -> str:
    """Canonical cfg text: `[kind]`, then `key=value` lines, no comments, no blanks; every reader agrees on it."""
    lines: list[str] = []
    for section in sections:
        lines += [f"[{section.kind}]", *(f"{key}={''.join(value.split())}" for key, value in section.options), ""]
    return "\n".join(lines)
