"""The stage as an app opens it: by the command's words, over many shards, the network loaded once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import yolo_stage
from pose_contract.errors import StageError, UsageError, WeightsError
from pose_contract.workspace import Workspace
from stage_kit.runs.stage_run import open_run
from stage_kit.testing import workspace_bytes
from yolo_stage.cli import main

FLAGS = ["--weights", "lite", "--engine", "opencv", "--quiet"]


def test_shards_of_an_opened_run_give_what_the_command_gives(workspace: Workspace, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(workspace.root, other)
    assert main(["--workspace", str(workspace.root), *FLAGS]) == 0
    run = open_run(yolo_stage.facts(), ["--workspace", str(other), *FLAGS])
    names = run.listing().names
    run.prologue()
    reports = [run.shard(names[index : index + 1], f"{index + 1}of3", names) for index in range(3)]
    assert [(report.counts.processed, report.device) for report in reports] == [(1, "cpu")] * 3
    assert not run.epilogue().failures and workspace_bytes(other) == workspace_bytes(workspace.root)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--wieghts", "lite"], UsageError),
        (["--batch_size", "0"], UsageError),
        (["--weights_path", "gone"], WeightsError),
    ],
)
def test_words_that_the_command_refuses_are_raised(
    workspace: Workspace, words: list[str], error: type[StageError]
) -> None:
    with pytest.raises(error):
        yolo_stage.open_run(["--workspace", str(workspace.root), *words])
