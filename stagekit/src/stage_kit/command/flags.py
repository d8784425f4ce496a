"""Flags: those that every stage has, and a parser that answers a mistake with the nearest flag that there is."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from pose_contract.errors import USAGE, UsageError
from stage_kit.command.progress import shown
from stage_kit.pictures.limits import MAX_FILE_MB


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """The known word that a misspelt one most likely meant; None where none is like it."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


class FlagParser(argparse.ArgumentParser):
    """argparse, but a mistake is told in two lines: what is wrong, and what helps.

    Args:
        prog: the command.
        description: one sentence.
        commands: its sub-commands and a line on each, for `--help`; `command_of` tells which one is asked for.
        version: what `--version` tells; without one there is no such flag.

    In a program, `raises` set to true has a mistake raise UsageError instead of ending the process.
    """

    raises = False

    def __init__(
        self, prog: str, description: str, commands: Mapping[str, str] | None = None, version: str = ""
    ) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        if version:
            self.add_argument("--version", action="version", version=f"{prog} {version}")
        self.commands = dict(commands or {})
        self.sections: dict[str, list[argparse._ArgumentGroup]] = {}
        self.shared: set[str] = set()

    def add_settings_group(self, section: str, title: str, shared: bool = False) -> argparse._ArgumentGroup:
        """A group of flags that may stand in pose.toml too, as keys of that section (see `settings`).

        Of a `shared` section other keys are another stage's, which refuses those that nobody knows.
        """
        group = self.add_argument_group(title)
        self.sections.setdefault(section, []).append(group)
        if shared:
            self.shared.add(section)
        return group

    def settings_of(self, section: str) -> dict[str, argparse.Action]:
        """The keys of a section of pose.toml, each with its flag."""
        return {action.dest: action for group in self.sections[section] for action in group._group_actions}

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """As argparse does; an unknown flag is found first, as a misspelt one may have been a required one."""
        for word in args or ():
            if word == "--":
                break
            if not self._is_known(word):
                self._refuse(word.split("=", 1)[0], self._option_string_actions, "flag")
        plain = "--" in (args or ())  # which the intermixed way takes for nothing
        parse = self.parse_known_args if plain else self.parse_known_intermixed_args
        known, rest = parse(args, namespace)
        if rest:
            self._refuse(rest[0], self.commands, "command" if self.commands else "word")
        return known

    def _is_known(self, word: str) -> bool:
        """Whether a word can be anything but a misspelt flag: a value, a number below zero, or a flag that there is."""
        if not word.startswith("-") or " " in word or self._negative_number_matcher.match(word):
            return True
        short = word[:2] in self._option_string_actions and not word.startswith("--")
        return word == "-" or short or word.split("=", 1)[0] in self._option_string_actions

    def command_of(self, words: Sequence[str]) -> str | None:
        """The sub-command that the first word names. A word that is nearly one ends the process with exit code 2."""
        word = words[0] if words else ""
        if word in self.commands:
            return word
        if word and not word.startswith("-") and nearest(word, self.commands, 0.6) and word.islower():
            self._refuse(word, self.commands, "command")
        return None

    def _refuse(self, word: str, known: Iterable[str], kind: str) -> NoReturn:
        near = nearest(word, known)
        self._end(f"unknown {kind} {word}", f"did you mean {near}?" if near else f"see {self.prog} --help")

    def error(self, message: str) -> NoReturn:
        """What argparse itself finds wrong: without the usage of forty flags before it."""
        self._end(message, f"see {self.prog} --help")

    def _end(self, reason: str, remedy: str) -> NoReturn:
        if self.raises:
            raise UsageError(reason, remedy)
        self.exit(USAGE, shown(f"{self.prog}: {reason}\n  -> {remedy}\n"))

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Ends the process, as `--help` does when it has told all."""
        if self.raises:
            raise UsageError("--help and --version are for the command line", f"{self.prog} --help")
        super().exit(status, message)

    def format_help(self) -> str:
        """argparse's help, and the sub-commands."""
        if not self.commands:
            return super().format_help()
        width = max(map(len, self.commands)) + 2
        lines = [f"  {name:{width}}{text}" for name, text in self.commands.items()]
        return f"{super().format_help()}\ncommands ({self.prog} COMMAND --help tells more):\n" + "\n".join(lines) + "\n"


def add_network_flags(group: argparse._ArgumentGroup, engines: tuple[str, ...]) -> None:
    """--weights, --engine, --precision and --device."""
    flags: tuple[tuple[str, tuple[str, ...], str], ...] = (
        ("weights", ("auto", "published", "lite"), "fetched by `make weights`, or embedded (lite)"),
        ("engine", ("auto", *engines), "what computes"),
        ("precision", ("auto", "fp32", "bf16", "int8"), "of the arithmetic"),
        ("device", ("auto", "cpu", "cuda"), "where it computes"),
    )
    for flag, choices, text in flags:
        group.add_argument(f"--{flag}", choices=choices, default="auto", help=f"{text} (default: auto)")


def add_run_flags(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """--only, --shard, --overwrite, --keep_going, --trust, --follow_links, --quiet and --verbose."""
    group = parser.add_argument_group("run")
    text = "work on this photo alone, named below images/; may be given again. The last whole run's report stays"
    group.add_argument("--only", action="append", default=[], metavar="NAME", help=text)
    group.add_argument("--shard", metavar="I/N", help="every Nth name from the Ith on, for one of N processes")
    group.add_argument("--overwrite", action="store_true", help="do all images anew, except corrected records")
    group.add_argument("--keep_going", action="store_true", help="exit 0 even if some images failed; the report tells")
    add_trust_flag(group)
    group.add_argument("--follow_links", action="store_true", help="write through links out of the workspace, too")
    add_talk_flags(group)
    return group


def add_trust_flag(group: Any) -> None:
    """--trust."""
    group.add_argument("--trust", action="store_true", help="take weights of a published name that are another file")


def add_talk_flags(group: Any) -> None:
    """--quiet and --verbose."""
    group.add_argument("--quiet", action="store_true", help="errors only")
    group.add_argument("--verbose", action="store_true", help="say why this engine and this precision, too")


def add_limit_flags(group: argparse._ArgumentGroup) -> None:
    """--max_file_mb."""
    text = f"largest file read as a picture, in MB (default: {MAX_FILE_MB})"
    group.add_argument("--max_file_mb", type=int, default=MAX_FILE_MB, metavar="MB", help=text)
