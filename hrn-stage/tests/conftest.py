"""Fixtures: the reference numbers (skipped where they are not), and a network small enough to build from nothing."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fakes import workspace_in

from hrn_stage.config_keys import ModelConfig
from pose_contract.workspace import Workspace

SHARED = Path(os.environ.get("POSE_SHARED", Path(__file__).parents[3] / "shared"))

TINY_EXTRA = {
    "FINAL_CONV_KERNEL": 1,
    "STAGE1": {"NUM_BRANCHES": 1, "BLOCK": "BOTTLENECK", "NUM_BLOCKS": [1], "NUM_CHANNELS": [4]},
    "STAGE2": {"NUM_BRANCHES": 2, "NUM_BLOCKS": [1, 1], "NUM_CHANNELS": [4, 8]},
    "STAGE3": {"NUM_BRANCHES": 3, "NUM_BLOCKS": [1, 1, 1], "NUM_CHANNELS": [4, 8, 12]},
    "STAGE4": {"NUM_BRANCHES": 4, "NUM_BLOCKS": [1, 1, 1, 1], "NUM_CHANNELS": [4, 8, 12, 16]},
}


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"reference numbers are not here: POSE_SHARED={SHARED}")
    return SHARED


@pytest.fixture
def tiny_tree() -> dict[str, Any]:
    """An experiment file's content; a fresh copy, so that a test may change it."""
    model = {"NUM_JOINTS": 16, "IMAGE_SIZE": [64, 96], "HEATMAP_SIZE": [16, 24], "EXTRA": TINY_EXTRA}
    return yaml.safe_load(yaml.safe_dump({"DATASET": {"DATASET": "mpii"}, "MODEL": model}))


@pytest.fixture
def tiny_model(tiny_tree: dict[str, Any]) -> ModelConfig:
    return ModelConfig.model_validate(tiny_tree["MODEL"])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return workspace_in(tmp_path / "workspace")
