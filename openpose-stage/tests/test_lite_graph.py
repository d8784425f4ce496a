"""The embedded bottom-up network: its graph gives what PyTorch gives, and takes its own weights only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openpose_stage.lite import architecture
from openpose_stage.lite.graph import FIELDS, HEATMAPS, SMOOTH_SIDE, build_graph, smoothing
from pose_contract.errors import WeightsError
from stage_kit.networks.checkpoint import read_state_dict
from stage_kit.networks.openvino import compile_network

WEIGHTS = Path(architecture.__file__).with_name("openpose_lite.pth")


class TorchLayers:
    """The layers by PyTorch, from the same weights."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.torch = pytest.importorskip("torch")
        self.parameters = {name: self.torch.from_numpy(np.array(array)) for name, array in parameters.items()}

    def convolution(self, node: Any, one: architecture.Convolution) -> Any:
        weight, bias = (self.parameters[f"{one.name}.{name}"] for name in ("weight", "bias"))
        result = self.torch.nn.functional.conv2d(node, weight, bias, one.stride, one.kernel // 2)
        return result.relu() if one.relu else result

    def total(self, nodes: Sequence[Any]) -> Any:
        return sum(nodes[1:], nodes[0]).relu()

    def enlarged(self, node: Any, factor: int) -> Any:
        return self.torch.nn.functional.interpolate(node, scale_factor=factor, mode="nearest")

    def joined(self, nodes: Sequence[Any]) -> Any:
        return self.torch.cat(list(nodes), 1)


@pytest.fixture(scope="module")
def parameters() -> dict[str, Any]:
    return read_state_dict(WEIGHTS)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (96, 160)])
def test_openvino_gives_the_maps_that_torch_gives(parameters: dict[str, Any], height: int, width: int) -> None:
    layers = TorchLayers(parameters)
    picture = np.random.default_rng(0).integers(0, 256, (1, 3, height, width)).astype(np.float32)
    rgb = layers.torch.from_numpy(picture[:, ::-1].copy())
    mean, deviation = (
        layers.torch.tensor(row).reshape(1, 3, 1, 1) for row in (architecture.MEAN_RGB, architecture.DEVIATION_RGB)
    )
    with layers.torch.no_grad():
        heatmaps, fields = architecture.maps(layers, (rgb - mean) / deviation)
        bell = layers.torch.from_numpy(smoothing())[None, None].expand(19, 1, -1, -1)
        heatmaps = layers.torch.nn.functional.conv2d(heatmaps, bell, padding=SMOOTH_SIDE // 2, groups=19)
        expected = [heatmaps.numpy(), fields.numpy()]
    model = build_graph(parameters)
    model.reshape([1, 3, height, width])
    assert [node.get_any_name() for node in model.outputs] == [HEATMAPS, FIELDS]
    (given,) = compile_network(model, "fp32").infer(picture)
    for one, other, channels in zip(given, expected, (19, 38), strict=True):
        assert one.shape == other.shape[1:] == (channels, height // 4, width // 4)
        assert np.abs(one - other[0]).max() <= 1e-3 * np.abs(other).max()


def test_the_weights_fill_at_most_8_megabytes(parameters: dict[str, Any]) -> None:
    assert WEIGHTS.stat().st_size <= 8_000_000
    assert {name: array.shape for name, array in parameters.items()} == architecture.parameter_shapes()


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_other_weights_are_refused(parameters: dict[str, Any], change: str) -> None:
    other = dict(parameters)
    match change:
        case "missing":
            del other["conv1.bias"]
        case "unknown":
            other["final_layer.bias"] = np.zeros(16, np.float32)
        case "shape":
            other["fields.weight"] = other["fields.weight"][:28]
    with pytest.raises(WeightsError, match="does not fit the embedded network"):
        build_graph(other, "my.pth")
