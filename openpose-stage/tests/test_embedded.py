"""The embedded network on real photos; skipped in a version without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_hpe import PEOPLE

from openpose_stage import load_openpose
from openpose_stage.model_files import LITE, chosen_model
from openpose_stage.options import ModelOptions

pytestmark = pytest.mark.skipif(not LITE.is_file(), reason="this version carries no embedded network")


def test_it_is_taken_where_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path))
    assert chosen_model(ModelOptions()) == "lite"
    assert LITE.stat().st_size <= 8_000_000


def test_it_finds_nearly_all_people_and_hardly_anybody_else(shared: Path) -> None:
    find = load_openpose(model="lite")
    assert find.skeleton.name == "coco18"
    found = [len(poses) for poses in find([shared / "photos" / name for name in PEOPLE])]
    missed = sum(max(0, true - seen) for true, seen in zip(PEOPLE.values(), found, strict=True))
    extra = sum(max(0, seen - true) for true, seen in zip(PEOPLE.values(), found, strict=True))
    assert missed <= 3 and extra <= 2, found
