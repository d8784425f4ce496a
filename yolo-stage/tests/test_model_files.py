from __future__ import annotations

import hashlib
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from darknet_files import MODELS, random_parameters, write_weights

from pose_contract.errors import ConfigError, UsageError, WeightsError
from yolo_stage.api import load_detector
from yolo_stage.cli import main
from yolo_stage.darknet import read_network
from yolo_stage.model_files import find_model_files, lite_files, plan_detector
from yolo_stage.options import ModelOptions


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("POSE_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def model(tmp_path: Path, small_cfg: str) -> tuple[Path, Path]:
    """A small cfg and weights that fit it, in different folders under different names."""
    cfg = tmp_path / "small.cfg"
    cfg.write_text(small_cfg.replace("height=64", "height=64\nconf_thres=0.35"))
    (tmp_path / "other").mkdir()
    path = write_weights(tmp_path / "other/mine.weights", random_parameters(read_network(cfg), 1))
    return cfg, path


def test_missing_published_weights_name_file_place_and_command(weights: Path) -> None:
    for mode in ("auto", "published"):
        if mode == "auto" and (MODELS / "lite").is_dir():
            continue
        with pytest.raises(WeightsError) as caught:
            plan_detector(ModelOptions(weights=mode))
        assert "yolov3.weights" in caught.value.reason and str(weights) in caught.value.reason
        assert "make weights" in caught.value.remedy


def test_published_weights_are_found_by_the_name_of_the_cfg(weights: Path) -> None:
    (weights / "yolov3.weights").write_bytes(b"x")
    assert find_model_files(ModelOptions())[:2] == (MODELS / "yolov3.cfg", weights / "yolov3.weights")
    (weights / "mine.weights").write_bytes(b"x")
    (weights.parent / "mine.cfg").write_text("[net]")
    assert find_model_files(ModelOptions(model_def=weights.parent / "mine.cfg"))[1] == weights / "mine.weights"


def test_weights_beside_an_explicit_cfg_come_first(weights: Path, tmp_path: Path) -> None:
    for folder in (weights, tmp_path):
        (folder / "mine.weights").write_bytes(b"x")
    (tmp_path / "mine.cfg").write_text("[net]")
    assert find_model_files(ModelOptions(model_def=tmp_path / "mine.cfg"))[1] == tmp_path / "mine.weights"


def test_explicit_weights_bring_their_cfg(weights: Path, tmp_path: Path) -> None:
    tiny, unknown = tmp_path / "yolov3-tiny.weights", tmp_path / "unknown.weights"
    for path in (tiny, unknown):
        path.write_bytes(b"x")
    assert find_model_files(ModelOptions(weights_path=tiny))[0] == MODELS / "yolov3-tiny.cfg"
    assert find_model_files(ModelOptions(weights_path=unknown))[0] == MODELS / "yolov3.cfg"
    (tmp_path / "unknown.cfg").write_text("[net]")
    assert find_model_files(ModelOptions(weights_path=unknown))[0] == tmp_path / "unknown.cfg"


def test_explicit_weights_never_fall_back(weights: Path, tmp_path: Path) -> None:
    (weights / "yolov3.weights").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"gone\.weights"):
        plan_detector(ModelOptions(weights_path=tmp_path / "gone.weights"))


def test_lite_weights_stand_in_only_where_nothing_was_asked_for(
    weights: Path, tmp_path: Path, small_cfg: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lite = tmp_path / "lite"
    monkeypatch.setattr("yolo_stage.model_files.LITE", lite)
    with pytest.raises(ConfigError, match="no embedded lite weights"):
        find_model_files(ModelOptions(weights="lite"))
    lite.mkdir()
    (lite / "tiny.cfg").write_text(small_cfg)
    (lite / "tiny.weights").write_bytes(b"x")
    for options in (ModelOptions(), ModelOptions(weights="lite")):
        assert find_model_files(options)[:2] == (lite / "tiny.cfg", lite / "tiny.weights")
    for options in (ModelOptions(weights="published"), ModelOptions(model_def=MODELS / "yolov3.cfg")):
        with pytest.raises(WeightsError, match=r"yolov3\.weights"):
            find_model_files(options)
    (weights / "yolov3.weights").write_bytes(b"x")
    assert find_model_files(ModelOptions())[1] == weights / "yolov3.weights"
    assert find_model_files(ModelOptions(weights="lite"))[1] == lite / "tiny.weights"


def test_the_plan_holds_all_that_results_depend_on(model: tuple[Path, Path], tmp_path: Path) -> None:
    cfg, path = model
    names = tmp_path / "names"
    names.write_text("ball\nperson\n")
    options = ModelOptions(model_def=cfg, weights_path=path, class_path=names)
    plan = plan_detector(options)
    assert (plan.model, plan.person_class, plan.input_size, plan.conf_thres) == ("small", 1, 64, 0.35)
    assert plan.engine == "openvino"
    assert plan.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert plan.model_def_sha256 == hashlib.sha256(cfg.read_bytes()).hexdigest()
    larger = plan_detector(ModelOptions(model_def=cfg, weights_path=path, class_path=names, img_size=96))
    assert larger.input_size == 96
    assert larger.weights_sha256 == plan.weights_sha256


def test_wrong_weights_and_missing_classes_are_refused(model: tuple[Path, Path]) -> None:
    cfg, path = model
    with pytest.raises(ConfigError, match="class_path"):
        plan_detector(ModelOptions(model_def=cfg, weights_path=path))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(WeightsError):
        plan_detector(ModelOptions(model_def=cfg, weights_path=path))


def test_that_there_is_no_gpu_is_said_first(
    model: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for cfg in (model[0], tmp_path / "gone.cfg"):
        with pytest.raises(UsageError, match="no CUDA GPU here") as refused:
            plan_detector(ModelOptions(model_def=cfg, weights_path=model[1], device="cuda"))
        assert refused.value.remedy == "give --device cpu or auto"
    monkeypatch.setenv("POSE_FLAVOUR", "cpu")
    with pytest.raises(UsageError) as refused:
        plan_detector(ModelOptions(model_def=model[0], weights_path=model[1], device="cuda"))
    assert "--gpus=all" in refused.value.remedy


def test_another_file_under_a_published_name(tmp_path: Path, small_cfg: str) -> None:
    cfg = tmp_path / "small.cfg"
    cfg.write_text(small_cfg)
    network = read_network(cfg)
    mine = write_weights(tmp_path / "mine.weights", random_parameters(network, seed=2))
    named = Path(shutil.copy(mine, tmp_path / "yolov3.weights"))
    (tmp_path / "names").write_text("person\nball\n")
    options = ModelOptions(model_def=cfg, weights_path=mine, class_path=tmp_path / "names")
    plan_detector(options)
    options = replace(options, weights_path=named)
    with pytest.raises(WeightsError, match="has the name of published weights"):
        plan_detector(options)
    plan_detector(replace(options, trust=True))


@pytest.mark.parametrize("trust", [False, True])
def test_python_and_evaluate_refuse_it_too_unless_they_trust(
    trust: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg, weights = lite_files()
    named = Path(shutil.copy(weights, tmp_path / "yolov3.weights"))
    with nullcontext() if trust else pytest.raises(WeightsError, match="has the name of published weights"):
        load_detector(model_def=cfg, weights_path=named, engine="opencv", trust=trust)
    flags = ["--model_def", str(cfg), "--weights_path", str(named), "--valid", str(tmp_path / "none.json")]
    assert main(["evaluate", *flags, *["--trust"] * trust]) == 4
    said = capsys.readouterr().err
    assert ("none.json" in said) is trust and ("has the name of published weights" in said) is not trust
