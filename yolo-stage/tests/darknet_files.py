"""Darknet files made to measure, for the tests of yolo-stage and of yolo-torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from yolo_stage.darknet import DarknetNetwork, read_network
from yolo_stage.detector import Detector
from yolo_stage.engines.choice import plug_in
from yolo_stage.loading import Loading

needs_yolo_torch = pytest.mark.skipif(
    find_spec("yolo_torch") is None, reason="yolo-torch is not installed: make setup TORCH=1"
)
needs_nncf = pytest.mark.skipif(find_spec("nncf") is None, reason="NNCF is not installed: make setup INT8=1")

MODELS = Path(__file__).parents[1] / "src" / "yolo_stage" / "models"

# Two heads on grids 4 and 8 for an input of 64, with a stride-1 pool, a shortcut, a route and an upsampling.
SMALL_CFG = """
[net]
width=64
height=64
[convolutional]
filters=8
size=3
stride=4
pad=1
batch_normalize=1
activation=leaky
[maxpool]
size=2
stride=2
[convolutional]
filters=8
size=3
stride=1
pad=1
batch_normalize=1
activation=leaky
[shortcut]
from=-2
activation=linear
[maxpool]
size=2
stride=1
[maxpool]
size=2
stride=2
[convolutional]
filters=14
size=1
stride=1
pad=1
activation=linear
[yolo]
mask=1,2
anchors=5,6, 10,14, 20,30
classes=2
num=3
[route]
layers=-3
[upsample]
stride=2
[route]
layers=-1,3
[convolutional]
filters=7
size=1
stride=1
pad=1
activation=linear
[yolo]
mask=0
anchors=5,6, 10,14, 20,30
classes=2
num=3
"""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real photos, weights and published cfgs; not part of the repository."""
    folder = Path(os.environ.get("POSE_SHARED") or Path(__file__).parents[3] / "shared")
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there (POSE_SHARED names the folder with photos and weights)")
    return folder


@pytest.fixture
def small_cfg() -> str:
    return SMALL_CFG


@pytest.fixture
def network_of(tmp_path: Path) -> Callable[[str], DarknetNetwork]:
    """The network of a cfg text."""

    def read(text: str) -> DarknetNetwork:
        path = tmp_path / "small.cfg"
        path.write_text(text, encoding="utf-8")
        return read_network(path)

    return read


def random_parameters(network: DarknetNetwork, seed: int, least_variance: float = 0.5) -> np.ndarray:
    """Parameters in Darknet's order, scaled so that activations neither die nor explode."""
    rng = np.random.default_rng(seed)
    parts = []
    for layer in network.layers:
        if layer.kind != "convolutional":
            continue
        filters, normalised = layer.channels, layer.section.integer("batch_normalize", 0)
        parts.append(rng.normal(0, 0.3, filters))  # bias
        if normalised:
            parts += [
                rng.uniform(0.6, 1.2, filters),
                rng.normal(0, np.sqrt(least_variance) / 4, filters),
            ]  # scale, mean
            parts.append(rng.uniform(least_variance, 3 * least_variance, filters))  # variance
        count = layer.parameter_count - filters * (4 if normalised else 1)
        spread = np.sqrt(least_variance * 2 * filters / count) if normalised else np.sqrt(filters / count)
        parts.append(rng.normal(0, spread, count))
    return np.concatenate(parts).astype("<f4")


def write_weights(path: Path, parameters: np.ndarray, header: bytes | None = None) -> Path:
    """A Darknet file; the usual header is version 0.2.0 with `seen` as int64."""
    path.write_bytes((np.array([0, 2, 0, 0, 0], "<i4").tobytes() if header is None else header) + parameters.tobytes())
    return path


def load_torch_detector() -> Callable[[Loading], Detector]:
    """What loads a detector by PyTorch; the test skips where yolo-torch is not installed."""
    point = plug_in("torch")
    if point is None or find_spec("torch") is None:
        pytest.skip("yolo-torch is not installed: make setup TORCH=1")
    return point.load()
