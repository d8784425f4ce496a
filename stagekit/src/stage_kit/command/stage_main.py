"""A stage's command: its sub-commands, else a run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from pose_contract.errors import UsageError
from stage_kit.command.exits import run_command
from stage_kit.command.flags import FlagParser


def parsed(parser: FlagParser, words: Sequence[str]) -> argparse.Namespace:
    """The flags of a run that a program asks for. Raises UsageError where the command would end the process."""
    parser.raises = True
    args = parser.parse_args(list(words))
    for flag in ("shard", "only"):
        if getattr(args, flag):
            raise UsageError(f"--{flag} is for the command line", "give the run a list of names")
    return args


def stage_main(
    parser: FlagParser,
    run: Callable[[argparse.Namespace, Sequence[str]], int],
    commands: Mapping[str, Callable[[Sequence[str]], int]],
    argv: Sequence[str] | None = None,
) -> int:
    """Does what the words ask for.

    Args:
        parser: the flags of a run; its name is the stage's.
        run: takes the flags and the words that gave them.
        commands: each of the parser's sub-commands, which takes the words after its own.
        argv: the words; None is the process's.

    Returns the exit code: 0 done, 1 a bug, 2 usage or nothing to do, 3 some images failed, 4 weights or config,
    5 workspace not writable or disk full, 130 Ctrl-C, 143 SIGTERM.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    command = parser.command_of(words)
    if command is not None:
        return commands[command](words[1:])
    args = parser.parse_args(words)
    return run_command(parser.prog, lambda: run(args, words))
