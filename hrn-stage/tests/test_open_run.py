"""The stage as an app opens it: by the command's words, over many shards, the network loaded once."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from fakes import workspace_in

import hrn_stage
from hrn_stage.cli import main
from pose_contract.errors import ConfigError, StageError, UsageError
from pose_contract.workspace import Workspace
from stage_kit.runs.stage_run import open_run
from stage_kit.testing import workspace_bytes

FLAGS = ["--weights", "lite", "--engine", "openvino", "--precision", "fp32", "--quiet"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A workspace whose poses the command has found, and it as it was before."""
    root = tmp_path_factory.mktemp("open-run")
    workspace_in(root / "fresh")
    shutil.copytree(root / "fresh", root / "wanted")
    assert main(["--workspace", str(root / "wanted"), *FLAGS]) == 0
    return root / "wanted", root / "fresh"


def test_shards_of_an_opened_run_give_what_the_command_gives(done: tuple[Path, Path], tmp_path: Path) -> None:
    wanted, fresh = done
    root = tmp_path / "other"
    shutil.copytree(fresh, root)
    run = open_run(hrn_stage.facts(), ["--workspace", str(root), *FLAGS])
    run.prologue()
    names = run.listing().names
    assert names == ("a.json", "z.json", "é/b c.json")
    reports = [run.shard(names[index : index + 1], f"{index + 1}of3", names) for index in (2, 0, 1)]
    assert [report.counts.processed for report in reports] == [1, 1, 1]
    assert sum(report.counts.people for report in reports) == 3
    assert not run.epilogue().failures and workspace_bytes(root) == workspace_bytes(wanted)
    assert not (root / "output/keypoints.parquet").exists()


def test_with_parquet_every_shard_has_its_part(done: tuple[Path, Path], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: make setup PARQUET=1")
    root = tmp_path / "other"
    shutil.copytree(done[0], root)
    words = ["--workspace", str(root), *FLAGS, "--tables"]
    run = hrn_stage.open_run([*words, "both"])
    names = run.listing().names
    run.prologue()
    assert [run.shard(names[index::2], f"{index + 1}of2", names).counts.skipped for index in (0, 1)] == [2, 1]
    run.epilogue()
    folder = Workspace(root).keypoints_parquet
    assert len(list(folder.iterdir())) == 2
    with Workspace(root).keypoints_csv.open(encoding="utf-8", newline="") as file:
        wanted = sorted((row["image"], row["keypoint"], float(row["x"])) for row in csv.DictReader(file))
    rows = parquet.read_table(folder).to_pylist()
    assert sorted((row["image"], row["keypoint"], row["x"]) for row in rows) == wanted and len(wanted) == 48
    (root / "pose.toml").write_text("[hrn]\ntables = 'parquet'\n")
    assert main(words[:-1]) == 0
    assert folder.is_file() and not Workspace(root).keypoints_csv.exists()
    assert parquet.read_table(folder).num_rows == 48


def test_without_pyarrow_no_photo_is_computed(
    done: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "other"
    shutil.copytree(done[1], root)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert main(["--workspace", str(root), *FLAGS, "--tables", "parquet"]) == 2
    told = capsys.readouterr().err
    assert told == (
        "hrn-stage: --tables: parquet needs pyarrow, which is not installed here\n"
        "  -> make setup PARQUET=1, or give --tables csv\n"
    )
    assert not (root / "output").exists() and not (root / "reports").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--wieghts", "lite"], UsageError),
        (["--batch_size", "0"], UsageError),
        (["--shard", "1/2"], UsageError),
        (["--cfg", "gone.yaml"], ConfigError),
    ],
)
def test_words_that_the_command_refuses_are_raised(
    done: tuple[Path, Path], words: list[str], error: type[StageError]
) -> None:
    with pytest.raises(error):
        hrn_stage.open_run(["--workspace", str(done[1]), *words])
