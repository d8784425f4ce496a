from __future__ import annotations

from pathlib import Path

import pytest
from fakes import config_with

from hrn_stage.options import EstimateOptions, default_config_path, workspace_for
from pose_contract.errors import ConfigError, UsageError
from pose_contract.workspace import DEFAULT_CONFIG, Workspace
from stage_kit.command.template import template_file

SEED = {"ANNOTS": "custom/annots", "IMAGES": "custom/images", "CUTS": "custom/cuts", "FINAL": "custom/final"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSE_WORKSPACE", raising=False)


def test_the_flag_overrides_the_yamls_folders() -> None:
    assert workspace_for("w", config_with(DATASET=SEED), Path("x.yaml")) == Workspace(Path("w"))


def test_without_folders_it_is_the_default() -> None:
    Path("custom").mkdir()
    assert workspace_for(None, config_with(), Path("x.yaml")).root == Path("custom")


def test_the_yamls_folders_are_relative_to_the_working_directory() -> None:
    Path("custom").mkdir()
    config = config_with(DATASET=SEED).model_copy(update={"OUTPUT_DIR": "custom/results"})
    workspace = workspace_for(None, config, Path("elsewhere/x.yaml"))
    assert workspace == Workspace(Path("custom"), output="results")


def test_a_workspace_that_was_renamed_as_a_whole_is_found_by_its_yaml(tmp_path: Path) -> None:
    (tmp_path / "renamed/annots").mkdir(parents=True)
    assert workspace_for(None, config_with(DATASET=SEED), Path("renamed/x.yaml")).root == Path("renamed")


def test_folders_without_a_common_parent_are_refused() -> None:
    with pytest.raises(ConfigError, match="no common parent"):
        workspace_for(None, config_with(DATASET={"ANNOTS": "/one/annots", "IMAGES": "/two/images"}), Path("x.yaml"))


def test_the_default_yaml_is_the_workspaces_else_the_packaged_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no workspace w") as caught:
        default_config_path(Path("w"))
    assert "make workspace" in caught.value.remedy
    (tmp_path / "w").mkdir()
    packaged = default_config_path(Path("w"))
    assert packaged == template_file(DEFAULT_CONFIG) and packaged.is_file()
    (tmp_path / "w" / DEFAULT_CONFIG).write_text("")
    assert default_config_path(Path("w")) == Path("w") / DEFAULT_CONFIG


def test_the_packaged_yaml_speaks_of_no_workspace_in_particular() -> None:
    packaged = template_file(DEFAULT_CONFIG)
    assert workspace_for(None, config_with(DATASET=SEED), packaged).root == Path("pose-estimation")
    assert workspace_for("w", config_with(DATASET=SEED), packaged).root == Path("w")


def test_the_batch_is_the_flags_or_the_yamls() -> None:
    options = EstimateOptions(Workspace(Path("w")), config_with())
    assert options.people_per_batch == 2
    assert EstimateOptions(Workspace(Path("w")), config_with(), batch_size=5).people_per_batch == 5
    with pytest.raises(UsageError, match="--batch_size"):
        EstimateOptions(Workspace(Path("w")), config_with(), batch_size=0)
