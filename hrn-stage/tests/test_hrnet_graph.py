"""The graph that is built without torch, against torch's network and the published numbers."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")

from numpy.typing import NDArray

from hrn_stage.config import read_config
from hrn_stage.config_keys import ModelConfig
from hrn_stage.engines.hrnet_graph import build_graph
from hrn_stage.layout import layout_of
from hrn_stage.network import build_network
from pose_contract.errors import WeightsError
from stage_kit.networks.openvino import compile_network

LITE = Path(__file__).parents[1] / "src/hrn_stage/models/lite"
NEAR = 1e-5  # of the heatmaps' maximum


def filled(model: ModelConfig) -> dict[str, NDArray[Any]]:
    """Parameters that keep the numbers in range, all different."""
    rng = np.random.default_rng(0)
    parameters: dict[str, NDArray[Any]] = {}
    for name, shape in layout_of(model).shapes().items():
        if len(shape) == 4:
            deviation = np.sqrt(1 / np.prod(shape[1:]))
            parameters[name] = (rng.standard_normal(shape) * deviation).astype(np.float32)
        elif name.endswith("num_batches_tracked"):
            parameters[name] = np.array(7)
        elif name.endswith(("running_var", "weight")):
            parameters[name] = rng.uniform(0.6, 1.4, shape).astype(np.float32)
        else:
            parameters[name] = (0.1 * rng.standard_normal(shape)).astype(np.float32)
    return parameters


def by_torch(model: ModelConfig, parameters: dict[str, NDArray[Any]], inputs: NDArray[np.float32]) -> NDArray[Any]:
    network = build_network(model)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in parameters.items()})
    with torch.inference_mode():
        return network(torch.from_numpy(inputs)).numpy()


def by_openvino(model: ModelConfig, parameters: dict[str, NDArray[Any]], inputs: NDArray[np.float32]) -> NDArray[Any]:
    network = compile_network(build_graph(model, parameters), "fp32")
    return np.stack([heatmaps for (heatmaps,) in network.infer(inputs)])


def assert_near(found: NDArray[Any], expected: NDArray[Any]) -> None:
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.abs(found - expected).max() <= NEAR * np.abs(expected).max()


CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "none": {},
    "bottlenecks": {"STAGE3": {"BLOCK": "BOTTLENECK"}, "STAGE4": {"BLOCK": "BOTTLENECK", "NUM_BLOCKS": [2, 1, 1, 2]}},
    "basic blocks first": {"STAGE1": {"BLOCK": "BASIC", "NUM_BLOCKS": [2], "NUM_CHANNELS": [64]}},
    "modules": {stage: {"NUM_MODULES": 2} for stage in ("STAGE2", "STAGE3", "STAGE4")},
    "channels that change": {"STAGE3": {"NUM_CHANNELS": [6, 8, 14]}, "STAGE4": {"NUM_CHANNELS": [5, 8, 12, 20]}},
    "a stage that keeps its channels": {"STAGE2": {"NUM_CHANNELS": [16, 8]}},
}


def changed(tree: dict[str, Any], case: str, kernel: int = 1) -> ModelConfig:
    extra = tree["MODEL"]["EXTRA"]
    extra["FINAL_CONV_KERNEL"] = kernel
    for stage, change in CHANGES[case].items():
        extra[stage] |= change
    return ModelConfig.model_validate(tree["MODEL"])


@pytest.mark.parametrize("case", CHANGES)
def test_the_layout_names_what_torchs_network_has(tiny_tree: dict[str, Any], case: str) -> None:
    model = changed(tiny_tree, case)
    expected = {name: tuple(value.shape) for name, value in build_network(model).state_dict().items()}
    assert list(layout_of(model).shapes().items()) == list(expected.items())


@pytest.mark.parametrize("case", CHANGES)
@pytest.mark.parametrize("kernel", [1, 3])
def test_the_heatmaps_are_torchs(tiny_tree: dict[str, Any], case: str, kernel: int, rng: np.random.Generator) -> None:
    model = changed(tiny_tree, case, kernel)
    parameters = filled(model)
    inputs = rng.standard_normal((2, 3, 96, 64)).astype(np.float32)
    assert_near(by_openvino(model, parameters, inputs), by_torch(model, parameters, inputs))


def test_counters_may_be_missing_and_doubles_are_taken(tiny_model: ModelConfig, rng: np.random.Generator) -> None:
    parameters = filled(tiny_model)
    inputs = rng.standard_normal((1, 3, 96, 64)).astype(np.float32)
    fewer = {
        name: value.astype(np.float64) for name, value in parameters.items() if not name.endswith("num_batches_tracked")
    }
    np.testing.assert_array_equal(by_openvino(tiny_model, fewer, inputs), by_openvino(tiny_model, parameters, inputs))


Change = Callable[[dict[str, NDArray[Any]]], dict[str, NDArray[Any]]]


def without(start: str) -> Change:
    return lambda parameters: {name: value for name, value in parameters.items() if not name.startswith(start)}


MISFITS: dict[str, tuple[Change, str, str]] = {
    "nothing": (lambda _: {}, "missing conv1.weight, bn1.weight, bn1.bias and ", "MODEL.EXTRA"),
    "a parameter": (without("bn1.running_var"), "missing bn1.running_var", "MODEL.EXTRA"),
    "a stage": (without("stage4"), "missing stage4.0.branches.0.0.conv1.weight", "MODEL.EXTRA"),
    "one more": (lambda p: {**p, "stage5.weight": np.zeros(1)}, "unexpected stage5.weight", "MODEL.EXTRA"),
    "a shape": (
        lambda p: {**p, "conv2.weight": np.zeros((64, 64, 1, 1))},
        "shape of conv2.weight [64, 64, 1, 1] instead of [64, 64, 3, 3]",
        "MODEL.EXTRA",
    ),
    "keypoints": (
        lambda p: {**p, "final_layer.weight": np.zeros((17, 4, 1, 1)), "final_layer.bias": np.zeros(17)},
        "shape of final_layer.weight [17, 4, 1, 1]",
        "17 keypoints",
    ),
    "a number as the last": (
        lambda p: {**p, "final_layer.weight": np.zeros(())}, "shape of final_layer.weight []", "0 keypoints",
    ),
    "a backbone": (without("final_layer"), "missing final_layer.weight, final_layer.bias", "ImageNet"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_parameters_that_do_not_fit(tiny_model: ModelConfig, case: str) -> None:
    change, reason, remedy = MISFITS[case]
    with pytest.raises(WeightsError) as caught:
        build_graph(tiny_model, change(filled(tiny_model)), "x.pth")
    assert caught.value.reason.startswith("x.pth: does not fit the network of the YAML: ")
    assert reason in caught.value.reason and remedy in caught.value.remedy


def fill_module(shared: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("fill", shared / "reference/fill.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_w32_gives_the_published_heatmaps(shared: Path) -> None:
    keys = json.loads((shared / "reference/hrnet_w32_mpii_256x256_keys.json").read_text())["parameters"]
    model = read_config(shared / "seed/w32_256x256_adam_lr1e-3.yaml").MODEL
    assert {name: list(shape) for name, shape in layout_of(model).shapes().items()} == keys
    inputs = np.random.default_rng(0).standard_normal((2, 3, 256, 256)).astype(np.float32)
    published = np.load(shared / "reference/hrnet_w32_mpii_256x256.npz")["heatmaps"]
    assert_near(by_openvino(model, fill_module(shared).fill(keys), inputs), published)


def test_w48_gives_torchs_heatmaps(shared: Path, rng: np.random.Generator) -> None:
    model = read_config(shared / "reference/published-yaml/coco_w48_384x288_adam_lr1e-3.yaml").MODEL
    parameters = filled(model)
    inputs = rng.standard_normal((1, 3, 384, 288)).astype(np.float32)
    assert_near(by_openvino(model, parameters, inputs), by_torch(model, parameters, inputs))


def test_the_embedded_network_gives_torchs_heatmaps(rng: np.random.Generator) -> None:
    from stage_kit.networks.checkpoint import read_state_dict

    for path in sorted(LITE.glob("*.yaml")):
        model = read_config(path).MODEL
        width, height = model.IMAGE_SIZE
        parameters = read_state_dict(LITE / model.PRETRAINED)
        inputs = rng.standard_normal((2, 3, height, width)).astype(np.float32)
        expected = by_torch(model, parameters, inputs)
        assert_near(by_openvino(model, parameters, inputs), expected)
