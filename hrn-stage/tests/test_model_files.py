from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes import config_with

from hrn_stage.config import HrnConfig
from hrn_stage.model_files import LITE, find_weights, plan_estimator
from pose_contract.errors import ConfigError, UsageError, WeightsError

STAND_IN = "hrnet_w32_mpii_256x256-6c4f923f_20200812.pth"
NAMED = "models/pytorch/pose_mpii/pose_hrnet_w32_256x256.pth"


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder; the working directory is empty too."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("POSE_WEIGHTS", str(folder))
    return folder


def config_naming(pretrained: str = "", model_file: str = "") -> HrnConfig:
    changes: dict[str, Any] = {"MODEL": {"PRETRAINED": pretrained}, "TEST": {"MODEL_FILE": model_file}}
    return config_with(**changes)


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_weights_are_looked_for_in_order(weights: Path, tmp_path: Path) -> None:
    yaml = tmp_path / "yamls/x.yaml"
    config = config_naming(NAMED)
    assert find_weights(config, yaml) == (None, "")
    for path in (
        weights / STAND_IN, weights / Path(NAMED).name, yaml.parent / NAMED, Path(NAMED),
    ):  # fmt: skip
        put(path)
        assert find_weights(config, yaml)[0] == path


def test_a_folder_of_that_name_is_no_weights_file(weights: Path) -> None:
    Path(NAMED).mkdir(parents=True)
    found = put(weights / Path(NAMED).name)
    assert find_weights(config_naming(NAMED), Path("x.yaml"))[0] == found


def test_lite_weights_stand_in_only_where_nothing_was_asked_for(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lite, cfg = tmp_path / "lite", Path("x.yaml")
    monkeypatch.setattr("hrn_stage.model_files.LITE", lite)
    with pytest.raises(ConfigError, match="no embedded lite weights"):
        plan_estimator(config_naming(NAMED), cfg, "lite", "cpu")
    embedded = config_with(MODEL={"PRETRAINED": "tiny.pth", "IMAGE_SIZE": [64, 64], "HEATMAP_SIZE": [16, 16]})
    put(lite / "tiny.pth")
    (lite / "tiny.yaml").write_text(yaml.safe_dump(embedded.model_dump(mode="json")))
    for mode in ("auto", "lite"):
        plan = plan_estimator(config_naming(NAMED), cfg, mode, "cpu")
        assert (
            plan.model == "tiny"
            and plan.config.MODEL == embedded.MODEL
            and plan.why.startswith("embedded weights (see docs/networks.md), ")
        )
    for mode, config in (("published", config_naming(NAMED)), ("auto", config_naming(NAMED, "gone.pth"))):
        with pytest.raises(WeightsError, match="looked for"):
            plan_estimator(config, cfg, mode, "cpu")
    put(weights / Path(NAMED).name)
    assert plan_estimator(config_naming(NAMED), cfg, "auto", "cpu").model == Path(NAMED).stem
    assert plan_estimator(config_naming(NAMED), cfg, "lite", "cpu").model == "tiny"


def test_a_stand_in_is_said(weights: Path) -> None:
    put(weights / STAND_IN)
    note = find_weights(config_naming(NAMED), Path("x.yaml"))[1]
    assert STAND_IN in note and "standing in for pose_hrnet_w32_256x256.pth" in note


def test_an_explicit_model_file_goes_first_and_never_falls_back(weights: Path, tmp_path: Path) -> None:
    put(weights / STAND_IN)
    put(tmp_path / "cwd" / NAMED)
    assert find_weights(config_naming(NAMED, f"elsewhere/{Path(NAMED).name}"), Path("x.yaml"))[0] is None
    config = config_naming(NAMED, "pose_hrnet_w32_256x256.pth.tar")
    assert find_weights(config, Path("x.yaml"))[0] is None
    for mode in ("auto", "published"):
        with pytest.raises(WeightsError, match=r"TEST\.MODEL_FILE pose_hrnet_w32_256x256\.pth\.tar"):
            plan_estimator(config, Path("x.yaml"), mode, "cpu")
    found = put(weights / "pose_hrnet_w32_256x256.pth.tar")
    assert find_weights(config, Path("x.yaml"))[0] == found


@pytest.mark.parametrize(
    ("pretrained", "reason", "remedy"),
    [
        (NAMED, "pose_hrnet_w32_256x256.pth", "make weights"),
        ("models/imagenet/hrnet_w32-36af842e.pth", "hrnet_w32-36af842e.pth", "TEST.MODEL_FILE"),
        ("", "names no weights", "TEST.MODEL_FILE"),
    ],
)
def test_missing_weights_say_where_and_what_to_do(weights: Path, pretrained: str, reason: str, remedy: str) -> None:
    with pytest.raises(WeightsError) as caught:
        plan_estimator(config_naming(pretrained), Path("x.yaml"), "published", "cpu")
    assert reason in caught.value.reason and remedy in caught.value.remedy
    if pretrained:
        assert str(weights) in caught.value.reason


def test_auto_without_lite_weights_asks_for_the_published_ones(weights: Path) -> None:
    if LITE.is_dir():
        pytest.skip("this version carries lite weights")
    with pytest.raises(WeightsError, match="pose_hrnet_w32_256x256"):
        plan_estimator(config_naming(NAMED), Path("x.yaml"), "auto", "cpu")


def test_the_network_hash_tells_networks_apart_and_ignores_the_rest(weights: Path) -> None:
    path = str(put(weights / "mine.pth"))

    def network(**model: object) -> str:
        config = config_with(MODEL={"PRETRAINED": path, **model})
        return plan_estimator(config, Path("x.yaml"), "auto", "cpu").network_sha256

    assert network() == network(SIGMA=3, INIT_WEIGHTS=False)
    assert network() != network(IMAGE_SIZE=[64, 64], HEATMAP_SIZE=[16, 16])


def test_the_embedded_network_brings_its_decoding_unless_the_user_has_one(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lite, cfg = tmp_path / "lite", Path("x.yaml")
    monkeypatch.setattr("hrn_stage.model_files.LITE", lite)
    own = {"DECODE": "dark", "BLUR_KERNEL": 5, "CROP_CONTEXT": 1.1, "FLIP_TEST": True}
    put(lite / "tiny.pth")
    tree = config_with(MODEL={"PRETRAINED": "tiny.pth"}).model_dump(mode="json", exclude={"TEST"})
    (lite / "tiny.yaml").write_text(yaml.safe_dump(tree | {"TEST": own}))

    def decoding(**test: Any) -> tuple[object, ...]:
        chosen = plan_estimator(config_with(TEST=test), cfg, "lite", "cpu").config.TEST
        return chosen.DECODE, chosen.BLUR_KERNEL, chosen.CROP_CONTEXT, chosen.FLIP_TEST

    assert decoding(POST_PROCESS=True) == ("dark", 5, 1.1, False)
    assert decoding(POST_PROCESS=True, DECODE="quarter", CROP_CONTEXT=1.25) == ("quarter", 5, 1.25, False)


def test_that_there_is_no_gpu_is_said_before_weights_are_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    config = config_with(TEST={"MODEL_FILE": str(tmp_path / "gone.pth")})
    with pytest.raises(UsageError, match="no CUDA GPU here"):
        plan_estimator(config, tmp_path / "a.yaml", "published", "cuda", "torch", "auto")


def test_another_file_under_a_published_name(weights: Path, tmp_path: Path) -> None:
    mine, named = put(tmp_path / "mine.pth"), put(tmp_path / STAND_IN)
    plan_estimator(config_naming(model_file=str(mine)), Path("x.yaml"), "auto", "cpu")
    config = config_naming(model_file=str(named))
    with pytest.raises(WeightsError, match="has the name of published weights") as refused:
        plan_estimator(config, Path("x.yaml"), "auto", "cpu")
    assert "--trust" in refused.value.remedy and "rename it" in refused.value.remedy
    plan_estimator(config, Path("x.yaml"), "auto", "cpu", trust=True)
