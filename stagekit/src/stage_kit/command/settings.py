"""pose.toml in the workspace: settings of all stages, each a flag of the same name.

Which keys there are, of what type and with what default, the stage's own parser says (`FlagParser.add_settings_group`),
so that keys and flags cannot drift apart. Defaults < pose.toml < flags.
"""

from __future__ import annotations

import argparse
import contextlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose_contract.errors import ConfigError, UsageError
from stage_kit.command.flags import FlagParser, nearest
from stage_kit.regular_files import read_text

FILE = "pose.toml"
MOST_BYTES = 1 << 16
MOST_IN_A_LINE = 2000  # letters; brackets nested deeper than that, and a.b.c of more parts, are nobody's settings
LARGEST = 1 << 53  # of a number, which is a float's limit too
_ABSENT = object()


@dataclass(frozen=True)
class Given:
    """A command line with the workspace's pose.toml laid under it.

    Attributes:
        args: the flags' values.
        differing: what differs from the defaults, in words.
        path: of pose.toml.
        from_file: keys whose value it is that counts, with their sections.
    """

    args: argparse.Namespace
    differing: str
    path: Path
    from_file: Mapping[str, str]

    @contextlib.contextmanager
    def blamed(self) -> Iterator[None]:
        """Turns what is refused of a flag (`--conf_thres: …`) into pose.toml's mistake where it is pose.toml's."""
        try:
            yield
        except UsageError as error:
            flag, _, rest = error.reason.partition(":")
            key = flag.split(" ")[0].removeprefix("--")
            if not flag.startswith("--") or key not in self.from_file:
                raise
            reason = f"{self.path}: [{self.from_file[key]}] {key}:{rest}"
            raise ConfigError(reason, f"correct it there ({error.remedy})") from None


def with_settings(parser: FlagParser, words: Sequence[str], root: Path) -> Given:
    """Parses the command line `words`, and takes from `root`/pose.toml what it does not say.

    Raises:
        ConfigError: pose.toml cannot be read, or holds a key or a value that the parser does not know.
    """
    found = read_settings(root / FILE, parser)
    actions = {key: action for section in parser.sections for key, action in parser.settings_of(section).items()}
    defaults = {key: action.default for key, action in actions.items()}
    parser.set_defaults(**dict.fromkeys(actions, _ABSENT))
    try:
        args = parser.parse_args(words)
    finally:
        parser.set_defaults(**defaults)
    from_file, differing = {}, []
    for key, default in defaults.items():
        if getattr(args, key) is _ABSENT:
            section, value = found.get(key, ("", default))
            setattr(args, key, value)
            if section:
                from_file[key] = section
        if getattr(args, key) != default:
            differing.append(f"{key} {getattr(args, key)}" + (f" ({FILE})" if key in from_file else ""))
    return Given(args, ", ".join(differing), root / FILE, from_file)


def read_settings(path: Path, parser: FlagParser) -> dict[str, tuple[str, Any]]:
    """The sections of a pose.toml that are the parser's: key -> section, value as its flag would give it.

    Nothing where there is no such file. Other sections are left to those who read them, but must be known.

    Raises:
        ConfigError: as `with_settings`.
    """
    tree = _read_toml(path)
    known = known_sections() | set(parser.sections)
    for name, content in tree.items():
        if not isinstance(content, dict):
            raise ConfigError(f"{path}: {name} stands in no section", _section_of(name, parser, known))
        if name not in known:
            near = nearest(name, known)
            listed = ", ".join(f"[{section}]" for section in sorted(known))
            raise ConfigError(
                f"{path}: unknown section [{name}]", f"did you mean [{near}]?" if near else f"known are {listed}"
            )
    return {
        key: (section, _value(f"{path}: [{section}] {key}", value, action, path.parent))
        for section in parser.sections
        for key, value, action in _entries(path, tree.get(section, {}), section, parser)
    }


def known_sections() -> set[str]:
    """The sections that a pose.toml may have: those of the installed stages and of the template.

    A container holds one stage, and its workspace's pose.toml the settings of all.
    """
    from stage_kit.command.template import template_file
    from stage_kit.stages import installed_stages

    of_stages = {section for stage in installed_stages() for section in stage.settings}
    return of_stages | set(_read_toml(template_file(FILE)))


def _entries(
    path: Path, content: Mapping[str, object], section: str, parser: FlagParser
) -> Iterator[tuple[str, object, argparse.Action]]:
    actions = parser.settings_of(section)
    for key, value in content.items():
        if key not in actions and section in parser.shared:
            continue
        if key not in actions:
            raise ConfigError(f"{path}: unknown key {key} in [{section}]", _key_like(key, section, parser))
        yield key, value, actions[key]


def _key_like(key: str, section: str, parser: FlagParser) -> str:
    for other in parser.sections:
        if key in parser.settings_of(other):
            return f"it belongs into [{other}]"
    own = parser.settings_of(section)
    near = nearest(key, own)
    return f"did you mean {near}?" if near else f"known are {', '.join(own)}"


def _section_of(key: str, parser: FlagParser, known: Iterable[str]) -> str:
    for section in parser.sections:
        if key in parser.settings_of(section):
            return f"put it under [{section}]"
    return f"put it under one of {', '.join(f'[{section}]' for section in sorted(known))}"


def _value(where: str, value: object, action: argparse.Action, root: Path) -> object:
    """A TOML value as the flag has it; a file is relative to the folder of pose.toml."""
    if action.nargs == 0:
        return _checked(where, value, isinstance(value, bool), "true or false")
    choices = tuple(action.choices or ())
    if choices == (0, 1):
        _checked(where, value, value in choices, "true or false")
        return int(bool(value))
    if choices:
        return _checked(where, value, value in choices, " or ".join(map(repr, choices)))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and not -LARGEST <= value <= LARGEST and value == value:  # type: ignore[operator]
        raise ConfigError(f"{where}: a number beyond {LARGEST:,}, the limit", "correct it there")
    if action.type is int:
        return _checked(where, value, number and isinstance(value, int), "a whole number")
    if action.type is float:
        _checked(where, value, number, "a number")
        return float(value)  # type: ignore[arg-type]
    text = _checked(where, value, isinstance(value, str) and value != "", "text in quotes")
    return root / str(text) if action.type is Path else text


def _checked(where: str, value: object, holds: bool, expected: str) -> object:
    if not holds:
        raise ConfigError(f"{where}: expected {expected}, got {value!r:.80}", "correct it there")
    return value


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = read_text(path, MOST_BYTES)
        if max(map(len, text.split("\n"))) > MOST_IN_A_LINE:
            raise ValueError(f"a line of more than {MOST_IN_A_LINE:,} letters, the limit")
        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as error:
        remedy = f"chmod u+r '{path}'" if isinstance(error, PermissionError) else "make workspace brings a good one"
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", remedy) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})", "save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:  # ValueError: a number of 5,000 digits, too
        raise ConfigError(f"{path}: is no valid TOML: {error}", "correct it there: one `key = value` a line") from None
