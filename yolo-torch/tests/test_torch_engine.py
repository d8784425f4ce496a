"""The torch engine: what it makes of a network at load, and what it asks for and says on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from darknet_files import random_parameters, write_weights

from pose_contract.errors import UsageError
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.loading import Loading
from yolo_torch import torch_engine

NetworkOf = Callable[[str], DarknetNetwork]


def test_batch_norms_are_folded_and_bf16_boxes_stay_near(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg)
    picture = np.random.default_rng(1).uniform(0, 1, (1, 3, 64, 64)).astype(np.float32)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    exact, rough = (torch_engine.load_detector(Loading(network, weights, 0, "cpu", kind)) for kind in ("fp32", "bf16"))
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


def test_convolutions_work_in_channels_last(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    detector = torch_engine.load_detector(Loading(network, weights, 0, "cpu"))
    assert isinstance(detector, torch_engine.TorchDetector)
    seen = []
    convolutions = [module for module in detector.model.modules() if isinstance(module, torch.nn.Conv2d)]
    for convolution in convolutions:
        convolution.register_forward_hook(lambda module, inputs, output: seen.extend([*inputs, module.weight, output]))
    detector.detect(np.zeros((2, 3, 64, 64), np.float32))
    assert len(seen) == 3 * len(convolutions)
    assert all(tensor.is_contiguous(memory_format=torch.channels_last) for tensor in seen)


class TooLarge(torch.nn.Module):
    def forward(self, _inputs: torch.Tensor) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError


def test_a_batch_too_large_for_the_gpu_says_what_to_do() -> None:
    detector = torch_engine.TorchDetector(TooLarge(), 0, 64, "cpu")
    with pytest.raises(UsageError, match="batch of 3 does not fit") as caught:
        detector.detect(np.zeros((3, 3, 64, 64), np.float32))
    assert "--batch_size" in caught.value.remedy


@pytest.mark.parametrize(("device", "at_once"), [("cpu", (1, 1)), ("cuda", (8, 8))])
def test_a_gpu_wants_batches_of_one_shape(device: str, at_once: tuple[int, int]) -> None:
    detector = torch_engine.TorchDetector(TooLarge(), 0, 64, device)
    assert detector.at_once == at_once and detector.fixed_batch


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_the_gpu_finds_the_same_boxes(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    pictures = np.random.default_rng(1).uniform(0, 1, (2, 3, 64, 64)).astype(np.float32)
    by_cpu, by_gpu = (torch_engine.load_detector(Loading(network, weights, 0, device)) for device in ("cpu", "auto"))
    assert by_gpu.device == "cuda"
    for expected, got in zip(by_cpu.detect(pictures), by_gpu.detect(pictures), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=0.01)
