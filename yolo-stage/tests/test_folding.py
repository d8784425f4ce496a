"""The torch engine folds batch norms at load, and decodes its heads in fp32 whatever it computes in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from conftest import random_parameters, write_weights

from yolo_stage.darknet import DarknetNetwork
from yolo_stage.engines import torch as torch_engine

NetworkOf = Callable[[str], DarknetNetwork]


def test_batch_norms_are_folded_and_bf16_boxes_stay_near(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg)
    picture = np.random.default_rng(1).uniform(0, 1, (1, 3, 64, 64)).astype(np.float32)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    exact, rough = (torch_engine.load_detector(network, weights, 0, "cpu", kind) for kind in ("fp32", "bf16"))
    assert isinstance(exact, torch_engine.TorchDetector) and isinstance(rough, torch_engine.TorchDetector)
    assert not [module for module in exact.model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert (exact.precision, rough.precision) == ("fp32", "bf16")
    one = exact.model(torch.from_numpy(picture)).detach().numpy()
    with torch.autocast("cpu", torch.bfloat16):
        two = rough.model(torch.from_numpy(picture)).detach().numpy()
    assert two.dtype == np.float32, "the heads decode in fp32"
    difference = np.abs(one[..., :2] - two[..., :2])
    assert 0 < difference.max() < 1, "centres in pixels: rounded somewhere, and by less than one"
    assert len(rough.detect(picture)[0])
