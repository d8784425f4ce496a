"""The embedded network by OpenVINO: its graph is built from its checkpoint, without torch.

The package `openpose_stage.lite` comes with the weights: it tells the network's layers, and makes its graph.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from openpose_stage.engines.openvino import OpenVinoNetwork, raw_bgr
from openpose_stage.layouts import Layout
from stage_kit.networks.checkpoint import read_state_dict
from stage_kit.networks.openvino import compile_network, converted_model
from stage_kit.networks.precision import Precision

STRIDE, MULTIPLE = 4, 32  # input pixels of a cell, and of which the sides of an input are
_GRAPH = "1"  # raised when the graph changes, so that cached graphs of old versions are not taken


def load_lite(path: Path, sha256: str, layout: Layout, precision: Precision) -> OpenVinoNetwork:
    """The network of the checkpoint at `path`, from the cache or built anew. Raises WeightsError."""

    def build() -> Any:
        return import_module("openpose_stage.lite.graph").build_graph(read_state_dict(path), str(path))

    model = converted_model(f"openpose-{_GRAPH}-{sha256[:24]}", build)
    model.reshape([1, 3, -1, -1])
    channels = [int(output.partial_shape[1].get_length()) for output in model.outputs]
    places = channels.index(layout.heatmaps), channels.index(layout.fields)
    return OpenVinoNetwork(compile_network(model, precision), layout, *places, raw_bgr, precision)
