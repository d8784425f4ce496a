"""The OpenVINO engine against torch, and what of it is cached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")

import yaml
from fakes import workspace_in

from hrn_stage.config import read_config
from hrn_stage.config_keys import ModelConfig
from hrn_stage.decode import decode, keypoints_to_image, merge_flipped
from hrn_stage.engines import openvino as engine
from hrn_stage.engines.choice import choose_engine
from hrn_stage.engines.torch import TorchEstimator, load_estimator
from hrn_stage.network import build_network
from hrn_stage.preprocess import affine_image_to_input, center_and_scale, normalize, warp_person
from pose_contract.errors import UsageError, WeightsError
from pose_contract.skeletons import MPII16
from stage_kit.networks.precision import has_bf16
from stage_kit.pictures.images import read_image

NEAR, TIE = 0.05, 1e-4  # px in the image; part of the maximum


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


@pytest.fixture
def weights(by_torch: TorchEstimator, tmp_path: Path) -> Path:
    """The checkpoint of `by_torch`."""
    path = tmp_path / "tiny.pth"
    torch.save(by_torch.network.state_dict(), path)
    return path


@pytest.fixture
def by_torch(tiny_model: ModelConfig) -> TorchEstimator:
    network = build_network(tiny_model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator) * 0.2 + 0.1)
            else:
                value.zero_()
    return TorchEstimator(network.requires_grad_(False), "cpu")


def test_heatmaps_are_torchs(
    by_torch: TorchEstimator, weights: Path, tiny_model: ModelConfig, rng: np.random.Generator
) -> None:
    got = engine.load_estimator(tiny_model, weights, "key")
    assert (got.name, got.device, got.precision, got.fixed_batch) == ("openvino", "cpu", "fp32", False)
    inputs = rng.standard_normal((5, 3, 96, 64)).astype(np.float32)
    expected = by_torch.heatmaps(inputs)
    heatmaps = got.heatmaps(inputs)
    assert heatmaps.shape == expected.shape and heatmaps.dtype == np.float32
    assert np.abs(heatmaps - expected).max() <= 1e-5 * np.abs(expected).max()
    for row in range(5):
        np.testing.assert_array_equal(got.heatmaps(inputs[row : row + 1])[0], heatmaps[row])


def test_the_second_load_builds_nothing(
    weights: Path, tiny_model: ModelConfig, cache: Path, rng: np.random.Generator
) -> None:
    inputs = rng.standard_normal((1, 3, 96, 64)).astype(np.float32)
    first = engine.load_estimator(tiny_model, weights, "key").heatmaps(inputs)
    weights.unlink()
    np.testing.assert_array_equal(engine.load_estimator(tiny_model, weights, "key").heatmaps(inputs), first)
    assert [path.name for path in cache.iterdir()] == ["hrn-3-key"]
    with pytest.raises(WeightsError, match="no such weights file"):
        engine.load_estimator(tiny_model, weights, "other")


def test_bf16_is_near(
    by_torch: TorchEstimator, weights: Path, tiny_model: ModelConfig, rng: np.random.Generator
) -> None:
    if not has_bf16():
        pytest.skip("this CPU has no bf16")
    inputs = rng.standard_normal((2, 3, 96, 64)).astype(np.float32)
    expected = by_torch.heatmaps(inputs)
    difference = np.abs(engine.load_estimator(tiny_model, weights, "key", "bf16").heatmaps(inputs) - expected)
    assert 1e-5 * np.abs(expected).max() < difference.max() < 0.05 * np.abs(expected).max()


def test_int8_is_kept_with_its_cost(
    by_torch: TorchEstimator,
    weights: Path,
    tiny_model: ModelConfig,
    cache: Path,
    rng: np.random.Generator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    inputs = [rng.standard_normal((1, 3, 96, 64)).astype(np.float32) for _ in range(16)]
    got = engine.load_estimator(tiny_model, weights, "key", "int8", lambda: inputs)
    assert got.precision == "int8"
    expected, rough = by_torch.heatmaps(inputs[0]), got.heatmaps(inputs[0])
    assert 0 < np.abs(rough - expected).max() < 0.2 * np.abs(expected).max()
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("int8: calibrated on 12 inputs; on 4 others ") and "within a heatmap cell" in said
    again = engine.load_estimator(tiny_model, weights, "key", "int8")
    np.testing.assert_array_equal(again.heatmaps(inputs[0]), rough)
    assert (cache / "hrn-3-key-int8/network.xml").is_file()


def test_nan_is_refused() -> None:
    class Broken:
        def infer(self, inputs: np.ndarray) -> list[list[np.ndarray]]:
            return [[np.full((16, 24, 16), np.nan, np.float32)] for _ in inputs]

    with pytest.raises(WeightsError, match="NaN"):
        engine.OpenVinoEstimator(Broken(), "fp32").heatmaps(np.zeros((1, 3, 96, 64), np.float32))  # type: ignore[arg-type]


def test_real_weights_on_real_photos(shared: Path) -> None:
    """99 % of the sure keypoints within 0.05 px; every other one has a rival maximum that nearly ties."""
    config = read_config(shared / "weights/hrnet_lite_mpii16_128x128.yaml")
    by_torch = load_estimator(config.MODEL, shared / "weights" / config.MODEL.PRETRAINED, "cpu")
    by_openvino = engine.load_estimator(config.MODEL, shared / "weights" / config.MODEL.PRETRAINED, "real")
    distances = []
    for row in json.loads((shared / "reference/lite_photos.json").read_text()):
        x, y, width, height = row["box_xywh"]
        center, scale = center_and_scale((x, y, x + width, y + height), config.MODEL.IMAGE_SIZE)
        affine = affine_image_to_input(center, scale, config.MODEL.IMAGE_SIZE)
        warped = warp_person(read_image(shared / "photos" / row["image"]), affine, config.MODEL.IMAGE_SIZE)
        inputs = normalize(warped[None], config.DATASET.COLOR_RGB)
        both = np.concatenate([inputs, inputs[..., ::-1]])
        found = []
        for estimator in (by_torch, by_openvino):
            straight, mirrored = np.split(estimator.heatmaps(both), 2)
            heatmaps = merge_flipped(straight, mirrored, MPII16.mirror_index, config.TEST.SHIFT_HEATMAP)
            keypoints, scores = decode(heatmaps, "quarter")
            found.append(
                (keypoints_to_image(keypoints, center[None], scale[None], config.MODEL.HEATMAP_SIZE)[0], scores[0])
            )
        distance = np.linalg.norm(found[0][0] - found[1][0], axis=1)
        for joint in np.flatnonzero((found[0][1] >= 0.2) & (distance > NEAR)):
            best, second = np.sort(heatmaps[0, joint].ravel())[[-1, -2]]
            assert best - second <= TIE * best, f"{row['image']}, {MPII16.keypoints[joint]}: {distance[joint]:.2f} px"
        distances.extend(distance[found[0][1] >= 0.2])
    assert len(distances) > 20
    assert np.mean(np.array(distances) <= NEAR) >= 0.99


def test_choosing_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stage_kit.networks.device.may_have_cuda", lambda: False)
    assert choose_engine("auto", "auto") == ("openvino", "the fastest on a CPU")
    assert choose_engine("torch", "auto") == ("torch", "requested")
    assert choose_engine("auto", "cuda")[0] == "torch"
    monkeypatch.setattr("stage_kit.networks.device.may_have_cuda", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_engine("auto", "auto")[0] == "openvino", "a driver is no GPU"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert choose_engine("auto", "auto") == ("torch", "on the GPU")
    assert choose_engine("auto", "cpu")[0] == "openvino"
    with pytest.raises(UsageError, match="CPU only"):
        choose_engine("openvino", "cuda")
    monkeypatch.setattr("hrn_stage.engines.choice.find_spec", lambda name: None if name == "openvino" else name)
    assert choose_engine("auto", "cpu") == ("torch", "OpenVINO is not installed")
    with pytest.raises(UsageError, match="not installed"):
        choose_engine("openvino", "cpu")


@pytest.mark.parametrize(
    ("requested", "device", "missing", "reason", "remedy"),
    [
        ("torch", "auto", ("torch",), "--engine torch: PyTorch is not installed", "make setup TORCH=1"),
        ("auto", "cuda", ("torch",), "--device cuda: PyTorch is not installed", "drop --device cuda"),
        ("openvino", "auto", ("openvino",), "--engine openvino: OpenVINO is not installed", "make setup"),
        ("auto", "auto", ("openvino", "torch"), "neither OpenVINO nor PyTorch is installed", "make setup"),
    ],
)
def test_an_engine_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, requested: str, device: str, missing: tuple[str, ...], reason: str, remedy: str
) -> None:
    monkeypatch.setattr("hrn_stage.engines.choice.find_spec", lambda name: None if name in missing else name)
    with pytest.raises(UsageError) as caught:
        choose_engine(requested, device)
    assert reason in caught.value.reason and remedy in caught.value.remedy


# The command where torch can't be imported; it tells what was imported all the same.
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from hrn_stage.cli import main
code = main(sys.argv[1:])
assert not [name for name in sys.modules if name.startswith("torch") and sys.modules[name] is not None]
sys.exit(code)
"""


@pytest.mark.parametrize("requested", ["auto", "openvino"])
def test_the_command_runs_without_torch(
    tiny_tree: dict[str, Any], weights: Path, tmp_path: Path, cache: Path, requested: str
) -> None:
    workspace_in(tmp_path / "custom")
    tiny_tree["MODEL"]["PRETRAINED"] = weights.name
    cfg = tmp_path / "tiny.yaml"
    cfg.write_text(yaml.safe_dump(tiny_tree), encoding="utf-8")
    flags = [
        "--cfg",
        str(cfg),
        "--workspace",
        str(tmp_path / "custom"),
        "--engine",
        requested,
        "--weights",
        "published",
    ]
    run = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *flags], capture_output=True, text=True, env=os.environ)
    assert run.returncode == 0, run.stderr
    assert "OpenVINO fp32" in run.stderr
    assert len(json.loads((tmp_path / "custom/output/poses/a.json").read_text())["people"]) == 2
    assert len(list(cache.iterdir())) == 1, "the graph was built in that run"
