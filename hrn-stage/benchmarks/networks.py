"""Crops a second of hrn-stage's engines: python networks.py OUT.json ROUNDS SECONDS PRECISIONS YAML ...

Or made-up weights of a YAML's network, for runs of the whole stage: python networks.py OUT.pth YAML

Run by `make bench`, in hrn-stage's environment, with benchmarks/ on PYTHONPATH. Without flip test. Speed does not
depend on what the parameters are: they are made up.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from measure import Candidate, Row, compare, write_rows
from torch.utils.flop_counter import FlopCounterMode

from hrn_stage.config import read_config
from hrn_stage.config_keys import ModelConfig
from hrn_stage.engines.fusion import fuse_batch_norms
from hrn_stage.engines.openvino import load_estimator
from hrn_stage.engines.torch import TorchEstimator
from hrn_stage.estimator import PoseEstimator
from hrn_stage.network import build_network
from hrn_stage.training.loop import initialise
from stage_kit.networks.allocator import keep_freed_memory
from stage_kit.networks.int8 import FEWEST
from stage_kit.networks.precision import Precision, has_bf16

MANY = 8


def made_up(model: ModelConfig) -> torch.nn.Module:
    """The network with parameters that keep activations in range."""
    torch.manual_seed(0)
    network = build_network(model)
    initialise(network, published=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
    return network.eval().requires_grad_(False)


def as_loaded(model: ModelConfig) -> TorchEstimator:
    """That network as the torch engine makes it ready."""
    network = made_up(model)
    fuse_batch_norms(network)
    return TorchEstimator(network.to(memory_format=torch.channels_last), "cpu")


def candidates(model: ModelConfig, key: str, precisions: Sequence[Precision]) -> tuple[float, list[Candidate]]:
    """Operations per crop, and the engines; first the network as it was published, one crop at a time, then in
    batches.
    """
    width, height = model.IMAGE_SIZE
    rng = np.random.default_rng(1)
    crops = rng.standard_normal((MANY, 3, height, width), np.float32)
    published, loaded = made_up(model), as_loaded(model)

    def candidate(estimator: PoseEstimator, batch: int) -> Candidate:
        return Candidate(estimator.name, estimator.precision, batch, lambda: estimator.heatmaps(crops[:batch]))

    def eager(batch: int = 1) -> object:
        with torch.no_grad():
            return published(torch.from_numpy(crops[:batch]))

    with FlopCounterMode(display=False) as counter:
        eager()
    found = [Candidate("eager", "fp32", 1, eager), Candidate("eager", "fp32", MANY, lambda: eager(MANY))]
    found += [candidate(loaded, 1), candidate(loaded, MANY)]
    samples = [rng.standard_normal((1, 3, height, width), np.float32) for _ in range(2 * FEWEST)]
    for precision in precisions:
        if precision != "bf16" or has_bf16():
            with tempfile.TemporaryDirectory() as folder:
                weights = Path(folder, "weights.pth")
                torch.save(published.state_dict(), weights)
                by_openvino = load_estimator(model, weights, f"bench-{key}", precision, lambda: samples)
            found.append(candidate(by_openvino, MANY))
    return float(counter.get_total_flops()), found


def main(out: Path, rounds: int, seconds: float, precisions: Sequence[Precision], yamls: list[Path]) -> None:
    """Measures the networks of the YAMLs."""
    keep_freed_memory()
    rows: list[Row] = []
    sizes: dict[str, float] = {}
    for path in yamls:
        model = read_config(path).MODEL
        title = f"{path.stem.partition('_256x256')[0]}-{model.IMAGE_SIZE[0]}x{model.IMAGE_SIZE[1]}"
        flops, found = candidates(model, title, precisions)
        sizes[title] = flops / 1e9
        rows += compare(title, flops, found, rounds, seconds)
    write_rows(out, rows, {"GFLOP per crop": sizes})


if __name__ == "__main__":
    if sys.argv[1].endswith(".pth"):
        torch.save(made_up(read_config(Path(sys.argv[2])).MODEL).state_dict(), sys.argv[1])
    else:
        yamls = [Path(name) for name in sys.argv[5:]]
        main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4].split(","), yamls)
