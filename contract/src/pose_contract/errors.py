"""Errors that a user can cause: what is wrong, what mends it, and the exit code it stands for.

A traceback means a bug (exit code 1); everything else is a `StageError`. Nothing heavy is imported here, so that
`--help` and a bad flag answer at once.
"""

from __future__ import annotations

DONE = 0
BUG = 1
USAGE = 2
SOME_IMAGES_FAILED = 3
WEIGHTS_OR_CONFIG = 4
WORKSPACE = 5
INTERRUPTED = 130


class StageError(Exception):
    """What is wrong (`reason`) and what the user can do about it (`remedy`)."""

    exit_code = BUG

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[StageError], tuple[str, str]]:
        """So that it can come from another process."""
        return type(self), (self.reason, self.remedy)

    def __str__(self) -> str:
        return f"{self.reason}\n  -> {self.remedy}"


class UsageError(StageError):
    """Flags that make no sense together, or nothing to do."""

    exit_code = USAGE


class ImageError(StageError):
    """One image that cannot be processed; the run goes on with the others."""

    exit_code = SOME_IMAGES_FAILED


class DamagedImageError(ImageError):
    """A file that is no picture, or no longer one: what was made of it earlier shows nothing that is still there."""


class WeightsError(StageError):
    """Weights that are missing, damaged, or do not fit the network."""

    exit_code = WEIGHTS_OR_CONFIG


class ConfigError(StageError):
    """A configuration file, or a network definition, that cannot be honoured."""

    exit_code = WEIGHTS_OR_CONFIG


class WorkspaceError(StageError):
    """A workspace that cannot be written: permissions, a full disk, another run in it."""

    exit_code = WORKSPACE
