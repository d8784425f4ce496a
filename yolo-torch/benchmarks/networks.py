"""Images a second of yolo-stage's engines: python networks.py OUT.json ROUNDS SECONDS PRECISIONS

Or made-up weights of YOLOv3 that find nobody, for runs of the whole stage: python networks.py OUT.weights

Run by `make bench`, with benchmarks/ on PYTHONPATH. Speed does not depend on what the
parameters are: YOLOv3's are made up here, of the size of the published ones.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from measure import Candidate, Row, compare, write_rows
from numpy.typing import NDArray

from stage_kit.networks.allocator import keep_freed_memory
from stage_kit.networks.int8 import FEWEST
from stage_kit.networks.precision import Precision, has_bf16
from yolo_stage.darknet import DarknetNetwork, read_network
from yolo_stage.detector import Detector
from yolo_stage.engines import opencv, openvino
from yolo_stage.engines.refusals import torch_refusal
from yolo_stage.loading import Loading
from yolo_stage.model_files import LITE, MODELS
from yolo_torch import torch_engine

MANY = 8
NOBODY = -20.0  # the heads' biases


def made_up_weights(network: DarknetNetwork, path: Path) -> Path:
    """A Darknet file of parameters that keep activations in range, and find nobody."""
    rng = np.random.default_rng(0)
    parts = [np.array([0, 2, 0, 0, 0], "<i4").view("<f4")]
    for layer in network.layers:
        if layer.kind == "convolutional":
            filters, normalised = layer.channels, layer.section.integer("batch_normalize", 0)
            parts += [np.full(filters, 0.0 if normalised else NOBODY)] + [
                np.ones(filters),
                np.zeros(filters),
                np.ones(filters),
            ] * normalised
            count = layer.parameter_count - filters * (4 if normalised else 1)
            parts.append(rng.standard_normal(count, np.float32) * np.sqrt(filters / count))
    path.write_bytes(b"".join(np.asarray(part, "<f4").tobytes() for part in parts))
    return path


def flops(network: DarknetNetwork) -> float:
    """Floating-point operations per image in convolutions: a multiplication and an addition per weight and cell."""
    total = 0
    for layer in network.layers:
        if layer.kind == "convolutional":
            kernel, groups = layer.section.integer("size"), layer.section.integer("groups", 1)
            total += 2 * layer.channels * layer.channels_in // groups * kernel**2 * layer.size**2
    return float(total)


def candidates(network: DarknetNetwork, weights: Path, precisions: Sequence[Precision]) -> list[Candidate]:
    """pytorchyolo as it is at batch 1 first, then in batches, where it can run the network."""
    rng = np.random.default_rng(1)
    images = rng.uniform(0, 1, (MANY, 3, network.input_size, network.input_size)).astype(np.float32)

    def candidate(detector: Detector, batch: int) -> Candidate:
        return Candidate(detector.name, detector.precision, batch, lambda: detector.detect(images[:batch]))

    found = []
    if torch_refusal(network) is None:
        detector = torch_engine.load_detector(Loading(network, weights, 0, "cpu"))
        found += [eager(network, weights, images[:1]), eager(network, weights, images)]
        found += [candidate(detector, 1), candidate(detector, MANY)]
    found.append(candidate(opencv.load_detector(Loading(network, weights, 0, "cpu")), 1))
    samples = [rng.uniform(0, 1, (1, *images.shape[1:])).astype(np.float32) for _ in range(2 * FEWEST)]
    for precision in precisions:
        if precision != "bf16" or has_bf16():
            loaded = openvino.load_detector(Loading(network, weights, 0, "cpu", precision, lambda: samples))
            found.append(candidate(loaded, MANY))
    return found


def eager(network: DarknetNetwork, weights: Path, images: NDArray[np.float32]) -> Candidate:
    """pytorchyolo's own network; its detect.py runs it on one image at a time."""
    model = torch_engine.build_model(network)
    torch_engine.load_weights(model, network, weights)
    model.eval()

    def run() -> object:
        with torch.no_grad():
            return model(torch.from_numpy(images))

    return Candidate("eager", "fp32", len(images), run)


def main(out: Path, rounds: int, seconds: float, precisions: Sequence[Precision]) -> None:
    """Measures YOLOv3 at 416 px and the embedded network."""
    keep_freed_memory()
    rows: list[Row] = []
    sizes: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        lite = sorted(LITE.glob("*.cfg"))
        cfgs = [MODELS / "yolov3.cfg", *lite]
        for cfg in cfgs:
            network = read_network(cfg)
            weights = cfg.with_suffix(".weights")
            if not weights.is_file():
                weights = made_up_weights(network, Path(folder, weights.name))
            title = f"{cfg.stem}-{network.input_size}"
            sizes[title] = flops(network) / 1e9
            rows += compare(title, flops(network), candidates(network, weights, precisions), rounds, seconds)
    write_rows(out, rows, {"GFLOP per image": sizes})


if __name__ == "__main__":
    if sys.argv[1].endswith(".weights"):
        made_up_weights(read_network(MODELS / "yolov3.cfg"), Path(sys.argv[1]))
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4].split(","))
