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
from hrn_stage.engines.fusion import fuse_batch_norms
from hrn_stage.network import planned_network
from hrn_stage.parameter_fit import fitting_parameters
from pose_contract.errors import WeightsError
from stage_kit.networks.checkpoint import read_state_dict
from stage_kit.networks.device import torch_device
from stage_kit.networks.precision import Precision
from stage_kit.networks.torch_exact import exact_inference, to_device


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
        with exact_inference(self.device, self.precision, len(inputs)):
            heatmaps: Tensor = self.network(to_device(inputs, self.device)).float().cpu()
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
    chosen = torch_device(device)
    network = planned_network(model_config)
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    parameters = fitting_parameters(expected, read_state_dict(weights), str(weights))
    network = network.to_empty(device="cpu").eval()
    network.load_state_dict({key: torch.from_numpy(value) for key, value in parameters.items()}, strict=True)
    fuse_batch_norms(network)
    # channels_last is what the CPU's and the GPU's convolutions work in.
    network = network.requires_grad_(False).to(memory_format=torch.channels_last).to(chosen)
    return TorchEstimator(network, chosen, precision=precision)
