"""Folders that are named one by one, and what every run is asked."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pose_contract.errors import ConfigError, UsageError
from pose_contract.workspace import Workspace
from stage_kit.command.flags import FlagParser, add_run_flags
from stage_kit.command.folders import require_apart, workspace_of_folders
from stage_kit.command.run_options import RunOptions, require, run_flags

NAMES = {"images": "--image_folder", "annots": "--annot_folder"}


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ({"images": "w/images"}, Workspace(Path("w"))),
        ({"images": "w/photos", "annots": "w/people/all"}, Workspace(Path("w"), images="photos", annots="people/all")),
        ({"images": "images", "annots": "./annots/"}, Workspace(Path())),
        ({"images": "w/../v/images"}, Workspace(Path("v"))),
    ],
)
def test_the_common_parent_is_the_workspace(
    folders: dict[str, str], expected: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert workspace_of_folders(folders, NAMES, UsageError) == expected


from stage_kit.runs.shards import Shard

HERE = Workspace(Path())


def test_what_is_no_workspace_is_told_in_the_callers_words() -> None:
    with pytest.raises(ConfigError) as caught:
        workspace_of_folders({"images": "/one/i", "annots": "/two/a"}, NAMES, ConfigError, "my.yaml")
    assert caught.value.reason == (
        "my.yaml: the folders have no common parent: --image_folder /one/i, --annot_folder /two/a"
    )
    require_apart(Workspace(Path()), NAMES, UsageError)
    with pytest.raises(UsageError, match="--annot_folder lies in --image_folder"):
        require_apart(Workspace(Path(), images="all", annots="all/annots"), NAMES, UsageError)


def test_the_flags_of_every_run_are_its_options() -> None:
    parser = FlagParser("serve-stage", "Tests.")
    add_run_flags(parser)
    assert RunOptions(HERE, **run_flags(parser.parse_args([]))) == RunOptions(HERE)
    args = parser.parse_args(["--overwrite", "--keep_going", "--quiet", "--verbose", "--shard", "2/3"])
    assert RunOptions(HERE, **run_flags(args, "size 3")) == RunOptions(
        HERE, overwrite=True, keep_going=True, quiet=True, verbose=True, differing="size 3", shard=Shard(2, 3)
    )
    with pytest.raises(AttributeError):
        run_flags(argparse.Namespace())


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (RunOptions(HERE), "weights w, OpenVINO bf16"),
        (RunOptions(HERE, differing="size 3"), "weights w, OpenVINO bf16; size 3"),
        (RunOptions(HERE, differing="size 3", verbose=True), "weights w, OpenVINO bf16; size 3\n  because"),
    ],
)
def test_the_first_line_of_a_run(options: RunOptions, line: str) -> None:
    assert options.first_line("weights w, OpenVINO bf16", "because") == line


def test_a_value_without_a_meaning() -> None:
    require(True, "size", 3, "1 to 4", "serve-stage")
    with pytest.raises(UsageError) as caught:
        require(False, "size", 5, "1 to 4", "serve-stage")
    assert str(caught.value) == "--size: expected 1 to 4, got 5\n  -> see serve-stage --help"
