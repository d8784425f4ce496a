"""The PyTorch engine: HRNet on the CPU or on a CUDA GPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hrn_stage.config_keys import ModelConfig
from hrn_stage.engines.checkpoint import read_state_dict
from hrn_stage.engines.fusion import fuse_batch_norms
from hrn_stage.network import build_network
from pose_contract.errors import UsageError, WeightsError
from stage_kit.networks.precision import Precision

_SHOWN = 3  # of the differing keys; the rest is counted


@dataclass(frozen=True)
class TorchEstimator:
    """A loaded HRNet; see `PoseEstimator`."""

    network: nn.Module
    device: str
    name: str = "torch"
    fixed_batch: bool = True
    at_once: tuple[int, int] = (1, 1)
    precision: str = "fp32"

    def heatmaps(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised inputs [N, 3, H, W] -> heatmaps [N, J, H/4, W/4]; the same bytes for the same batch.

        Raises:
            WeightsError: the heatmaps hold NaN or infinity.
            UsageError: the batch does not fit into the GPU's memory.
        """
        # TF32, the default of cuDNN's convolutions, would cost three digits; the fastest algorithm may vary by run.
        cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        rounded = torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")
        try:
            with torch.inference_mode(), cudnn, rounded:
                batch = torch.from_numpy(inputs)
                if self.device == "cuda":
                    batch = batch.pin_memory()  # from elsewhere the copy would make this thread wait
                batch = batch.to(self.device, memory_format=torch.channels_last, non_blocking=True)
                heatmaps: Tensor = self.network(batch).float().cpu()
        except torch.cuda.OutOfMemoryError:
            raise UsageError(
                f"a batch of {len(inputs)} does not fit into the GPU's memory",
                "give a smaller --batch_size, or --device cpu",
            ) from None
        result: NDArray[np.float32] = heatmaps.contiguous().numpy()
        if not np.isfinite(result).all():
            raise WeightsError("the network gave NaN or infinity", "the weights do not work: fetch them again")
        return result


def load_estimator(
    model_config: ModelConfig, weights: Path, device: Literal["auto", "cpu", "cuda"], precision: Precision = "fp32"
) -> TorchEstimator:
    """The network of `config.MODEL` with the checkpoint at `weights`: the official layout, or mmpose's 0.x or 1.x.

    Raises:
        WeightsError: the file is damaged, or does not fit the network key by key and shape by shape.
        UsageError: `device` is cuda, but there is none.
    """
    chosen = _device(device)
    network = build_network(model_config)
    parameters = read_state_dict(weights)
    expected = network.state_dict()
    # Files from before PyTorch 0.4.1 lack these counters; inference does not read them.
    for key, value in expected.items():
        if key.endswith("num_batches_tracked"):
            parameters.setdefault(key, torch.zeros_like(value))
    _refuse_misfit(weights, expected, parameters)
    network.load_state_dict(parameters, strict=True)
    fuse_batch_norms(network)
    # channels_last is what the CPU's and the GPU's convolutions work in.
    network = network.requires_grad_(False).to(memory_format=torch.channels_last).to(chosen)
    return TorchEstimator(network, chosen, precision=precision)


def _device(device: Literal["auto", "cpu", "cuda"]) -> str:
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UsageError("--device cuda: PyTorch sees no CUDA GPU here", "give --device cpu or auto")
    return "cuda" if available and device != "cpu" else "cpu"


def _refuse_misfit(weights: Path, expected: dict[str, Tensor], given: dict[str, Tensor]) -> None:
    missing = [key for key in expected if key not in given]
    unexpected = [key for key in given if key not in expected]
    shapes = [
        f"{key} {list(given[key].shape)} instead of {list(value.shape)}"
        for key, value in expected.items()
        if key in given and given[key].shape != value.shape
    ]
    differences = [
        f"{what} {_first(keys)}"
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("shape of", shapes))
        if keys
    ]
    if differences:
        raise WeightsError(
            f"{weights}: does not fit the network of the YAML: {'; '.join(differences)}",
            _remedy(missing, given, expected),
        )


def _first(keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def _remedy(missing: list[str], given: dict[str, Tensor], expected: dict[str, Tensor]) -> str:
    final = given.get("final_layer.weight")
    if final is None and not [key for key in missing if not key.startswith("final_layer.")]:
        return "this is a backbone trained on ImageNet; give the weights of a pose network"
    if final is not None and len(final) != len(expected["final_layer.weight"]):
        return f"these weights have {len(final)} keypoints; give the YAML they were made with (MODEL.NUM_JOINTS)"
    return "give the weights made with this YAML, or the YAML of these weights (MODEL.EXTRA, MODEL.NUM_JOINTS)"
