"""What every run is asked besides its stage's own options, and how options are checked."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from typing import Any

from pose_contract.errors import UsageError
from stage_kit.pictures.limits import MAX_FILE_MB

MAX_BATCH = 1024
MAX_READ_MB = 4000  # four times as much memory would hardly suffice for more


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The base of a stage's options.

    Attributes:
        overwrite: do all images anew, except corrected records.
        keep_going: exit 0 even if some images failed.
        follow_links: write through links that lead out of the workspace.
        quiet: errors only.
        verbose: say why the engine and the precision were chosen, too.
        max_file_mb: the largest file that is read as a picture, in million bytes.
        differing: what differs from the defaults, in words, for the first line of the run.
    """

    overwrite: bool = False
    keep_going: bool = False
    follow_links: bool = False
    quiet: bool = False
    verbose: bool = False
    max_file_mb: int = MAX_FILE_MB
    differing: str = ""

    def first_line(self, why: str, details: str) -> str:
        """What the run says first: `why` in short, what differs from the defaults, and the details if asked for."""
        short = "; ".join(part for part in (why, self.differing) if part)
        return f"{short}\n  {details}" if self.verbose else short


def run_flags(args: argparse.Namespace, differing: str = "") -> dict[str, Any]:
    """The fields of `RunOptions` as the flags of `add_run_flags` have them."""
    names = {field.name for field in fields(RunOptions)} - {"differing", "max_file_mb"}  # the latter is a setting
    flags = {name: getattr(args, name) for name in names}
    return flags | {"differing": differing}


def require(holds: bool, flag: str, value: object, expected: str, command: str) -> None:
    """Refuses the value of a flag unless `holds`. Raises UsageError."""
    if not holds:
        raise UsageError(f"--{flag}: expected {expected}, got {value}", f"see {command} --help")
