"""A stage's run opened by an app that does not know the stage."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from sample_stages import FIRST

from pose_contract.errors import UsageError
from stage_kit.command.flags import FlagParser, add_run_flags
from stage_kit.command.stage_main import parsed
from stage_kit.runs.stage_run import open_run


def test_a_stage_is_opened_by_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("first_stage")
    monkeypatch.setitem(sys.modules, "first_stage", package)
    with pytest.raises(UsageError, match="first-stage does not run by shards"):
        open_run(FIRST, ["--quiet"])
    package.open_run = lambda words: words  # type: ignore[attr-defined]
    assert open_run(FIRST, ["--quiet"]) == ["--quiet"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--quite"], "unknown flag --quite"),
        (["--help"], "for the command line"),
        (["word"], "unknown word word"),
        (["--shard", "1/2"], "for the command line"),
    ],
)
def test_a_program_s_mistake_is_raised_and_ends_no_process(words: list[str], reason: str) -> None:
    parser = FlagParser("first-stage", "Tests.")
    add_run_flags(parser)
    with pytest.raises(UsageError, match=reason):
        parsed(parser, words)
    assert parsed(parser, ["--quiet"]).quiet
