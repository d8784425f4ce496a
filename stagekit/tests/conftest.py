"""Workspaces and pictures for the tests of the kit; the sample records are the contract's own."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "contract/tests"))

from pose_contract.workspace import Workspace
from stage_kit.pictures.images import Picture

# A shell's background job, as CI may be one, starts with Ctrl-C ignored, and so would the commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "images").mkdir()
    return Workspace(tmp_path)


@pytest.fixture
def picture() -> Picture:
    """Smooth, so that JPEG changes it little: red grows to the right, green downward."""
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x * 4, y * 6, np.full_like(x, 90)], axis=2).astype(np.uint8)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
