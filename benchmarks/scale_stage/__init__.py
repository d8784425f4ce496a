"""A stage for measuring: real photos, records and tables of the real kit; its network answers at once, by the hash."""

from __future__ import annotations

from collections.abc import Sequence

from stage_kit.runs.stage_run import StageRun


def open_run(words: Sequence[str]) -> StageRun:
    """See `stage_kit.runs.stage_run`."""
    from scale_stage import cli

    return cli.open_run(words)
