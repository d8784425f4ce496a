"""The embedded network on real photos; skipped in a version without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_hpe import PEOPLE

from openpose_stage import load_openpose
from openpose_stage.model_files import LITE, chosen_model, plan_network
from openpose_stage.options import DecodeOptions, ModelOptions
from openpose_stage.persons import PersonRules
from stage_kit.networks.precision import bf16_losses
from stage_kit.weights.published import sha256_of

pytestmark = pytest.mark.skipif(not LITE.is_file(), reason="this version carries no embedded network")


def test_it_is_taken_where_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path))
    assert chosen_model(ModelOptions()) == "lite"
    assert LITE.stat().st_size <= 8_000_000


def test_what_suits_it_is_taken_unasked_and_a_flag_overrules_it() -> None:
    plan = plan_network(ModelOptions(model="lite"))
    assert plan.own.upsample == 1 and DecodeOptions().rules(plan.own).points.upsample == 1
    asked_for = DecodeOptions(upsample=4, min_points=5, min_mean=0.5).rules(plan.own)
    assert asked_for.points.upsample == 4 and asked_for.persons == PersonRules(5, 0.5)
    assert plan_network(ModelOptions(model="lite", precision="fp32")).precision == "fp32"


@pytest.mark.parametrize("able", [False, True])
def test_bf16_is_taken_where_it_was_measured_and_the_processor_has_it(
    able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = sha256_of(LITE) in bf16_losses()
    monkeypatch.setattr("stage_kit.networks.precision.has_bf16", lambda: able)
    plan = plan_network(ModelOptions(model="lite"))
    assert plan.precision == ("bf16" if able and measured else "fp32")


def test_it_finds_nearly_all_people_and_hardly_anybody_else(shared: Path) -> None:
    find = load_openpose(model="lite")
    assert find.skeleton.name == "coco18"
    found = [len(poses) for poses in find([shared / "photos" / name for name in PEOPLE])]
    missed = sum(max(0, true - seen) for true, seen in zip(PEOPLE.values(), found, strict=True))
    extra = sum(max(0, seen - true) for true, seen in zip(PEOPLE.values(), found, strict=True))
    assert missed <= 3 and extra <= 2, found
