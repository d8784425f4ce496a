"""The stage beside itself: shards, some photos alone, and as an app opens it, by the command's words."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import pytest
from fakes import write_video

import openpose_stage
from openpose_stage.cli import main
from openpose_stage.model_files import LITE
from pose_contract.errors import StageError, UsageError, WeightsError
from pose_contract.workspace import Workspace
from stage_kit.runs.stage_run import open_run
from stage_kit.testing import workspace_bytes

FLAGS = ["--model", "lite", "--precision", "fp32", "--height", "128", "--quiet"]
DEMO = Path(__file__).parents[2] / "tools/demo-photos/astronaut.jpg"
pytestmark = pytest.mark.skipif(not LITE.is_file(), reason="this version carries no embedded network")


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """Three photos of one person, one of them in a folder, and a video."""
    photo = cv2.imread(str(DEMO))
    for name, part in (("a.jpg", photo), ("sub/b.jpg", photo[:, ::-1]), ("c.png", photo[:400])):
        path = workspace.path(workspace.image_file(name))
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), part)
    write_video(workspace, "film.mp4", [[(90, 150, 40)]] * 3)
    return workspace


def words(root: Path, *more: str) -> list[str]:
    return ["--workspace", str(root), *FLAGS, *more]


def copied(workspace: Workspace, tmp_path: Path) -> Path:
    other = tmp_path / "other"
    shutil.copytree(workspace.root, other)
    return other


def test_shards_by_the_command_give_the_bytes_of_one_run(filled: Workspace, tmp_path: Path) -> None:
    other = copied(filled, tmp_path)
    assert main(words(filled.root)) == 0
    records = list((filled.root / "openpose/poses").rglob("*.json"))
    assert len(records) == 3 and any('"score"' in path.read_text() for path in records), "somebody is found"
    for shard in ("2/3", "1/3", "3/3"):
        assert main(words(other, "--shard", shard)) == 0
    assert not (other / "openpose/keypoints.csv").exists(), "tables are the last run's"
    assert main(words(other)) == 0
    assert workspace_bytes(other) == workspace_bytes(filled.root)


def test_a_shard_does_its_part_alone(filled: Workspace) -> None:
    assert main(words(filled.root, "--shard", "1/2")) == 0
    done = {path.name for path in (filled.root / "openpose/poses").rglob("*.json*")}
    assert done == {"a.json", "b.json", "film.mp4.jsonl"}
    assert main(words(filled.root, "--shard", "3/2")) == 2


def test_some_photos_alone(filled: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(filled.root, "--only", "sub/b.jpg", "--only", "film.mp4")) == 0
    assert {path.name for path in (filled.root / "openpose/final").rglob("*.*")} == {"b.jpg", "film.mp4"}
    assert "sub/b.jpg" in (filled.root / "openpose/keypoints.csv").read_text()
    assert main(words(filled.root, "--only", "none.jpg")) == 2 and "none.jpg" in capsys.readouterr().err


def test_shards_of_an_opened_run_give_what_the_command_gives(filled: Workspace, tmp_path: Path) -> None:
    other = copied(filled, tmp_path)
    assert main(words(filled.root)) == 0
    run = open_run(openpose_stage.facts(), words(other))
    listing = run.listing()
    names = (*listing.names, *listing.videos)
    run.prologue()
    reports = [run.shard([name], f"{number}of4", names) for number, name in enumerate(names, 1)]
    assert [(report.counts.processed, report.device) for report in reports] == [(1, "cpu")] * 4
    assert not run.epilogue().failures and workspace_bytes(other) == workspace_bytes(filled.root)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (["--modle", "lite"], UsageError),
        (["--batch_size", "0"], UsageError),
        (["--shard", "1/2"], UsageError),
        (["--weights_path", "gone.xml", "--model", "hpe-0001"], WeightsError),
    ],
)
def test_words_that_the_command_refuses_are_raised(
    workspace: Workspace, more: list[str], error: type[StageError]
) -> None:
    with pytest.raises(error):
        openpose_stage.open_run(["--workspace", str(workspace.root), *more])
