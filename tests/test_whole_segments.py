"""Long videos in segments with the embedded networks: the bytes of one run, records and movies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import write_moving_man

from pose_contract.workspace import Workspace
from stage_kit.runs.stage_run import open_run
from stage_kit.stages import StageFacts, installed_stages
from stage_kit.testing import set_key_frames, workspace_bytes

FRAMES = 70
FLAGS = {
    "yolo-stage": ["--weights", "lite", "--inspect_movies"],
    "hrn-stage": ["--weights", "lite", "--blur_faces", "1"],
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A film of 2.3 seconds with a key frame every half of one, and what one run of each stage makes of it."""
    workspace = Workspace(tmp_path_factory.mktemp("film"))
    write_moving_man(workspace.path("images/man.mp4"), FRAMES)
    set_key_frames(workspace.path("images/man.mp4"), 15)
    for stage in chosen():
        run = open_run(stage, words(stage, workspace))
        assert run.epilogue(run.shard(["man.mp4"], "1of1")).counts.processed == 1
    return workspace


def chosen() -> list[StageFacts]:
    return [stage for stage in installed_stages() if stage.name in FLAGS]


def words(stage: StageFacts, workspace: Workspace) -> list[str]:
    return ["--workspace", str(workspace.root), "--quiet", *FLAGS[stage.name]]


def test_segments_and_their_join_give_the_bytes_of_one_run(film: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    shutil.copytree(film.root / "images", workspace.root / "images")
    for stage in chosen():
        run = open_run(stage, words(stage, workspace))
        assert run.listing().videos == ("man.mp4",)
        run.prologue()
        found = run.cut("man.mp4", "1of1", 0.5)
        assert [segment.frames for segment in found] == [15, 15, 15, 15, 10]
        for number, segment in enumerate(found, 2):
            # As another process, whose batches have other sizes.
            other = open_run(stage, [*words(stage, workspace), *(["--batch_size", "3"] if number % 2 else [])])
            assert other.segment("man.mp4", segment, (f"{number}of1", "1of1")).device == "cpu"
        join = open_run(stage, words(stage, workspace))
        report = join.shard(["man.mp4"], "1of1")
        assert report.counts.processed == 1 and report.counts.people == 1
        assert report.device == "", "no network has been loaded"
        assert not join.epilogue(report).failures
    assert workspace_bytes(workspace.root) == workspace_bytes(film.root)
    assert "final/man.mp4" in workspace_bytes(film.root) and "inspect/man.mp4" in workspace_bytes(film.root)
