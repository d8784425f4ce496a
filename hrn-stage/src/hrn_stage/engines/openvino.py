"""HRNet by OpenVINO, on the CPU: the graph is built straight from the YAML and the checkpoint, without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config_keys import ModelConfig
from hrn_stage.decode import decode
from hrn_stage.engines.hrnet_graph import build_graph
from hrn_stage.estimator import PoseEstimator
from pose_contract.errors import WeightsError
from pose_contract.records import SURE_SCORE
from stage_kit.networks.checkpoint import read_state_dict
from stage_kit.networks.int8 import Outputs, Samples, quantized_model
from stage_kit.networks.openvino import CompiledNetwork, compile_network, converted_model
from stage_kit.networks.precision import Precision
from stage_kit.runs.workers import worker_count

_MOST_AT_ONCE = 16  # people wait for each other in memory
_CONVERSION = "3"  # raised when `build_graph` changes, so that cached graphs of old versions are not taken


@dataclass(frozen=True)
class OpenVinoEstimator:
    """An HRNet in OpenVINO; see `PoseEstimator`."""

    network: CompiledNetwork
    precision: str
    name: str = "openvino"
    fixed_batch: bool = False
    at_once: tuple[int, int] = field(default_factory=lambda: (min(_MOST_AT_ONCE, worker_count(0)), _MOST_AT_ONCE))
    device: str = "cpu"

    def heatmaps(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised inputs [N, 3, H, W] -> heatmaps [N, J, H/4, W/4]; a person's do not depend on the others.

        Raises:
            WeightsError: the heatmaps hold NaN or infinity.
        """
        result = np.stack([heatmaps for (heatmaps,) in self.network.infer(inputs)])
        if not np.isfinite(result).all():
            raise WeightsError("the network gave NaN or infinity", "the weights do not work: fetch them again")
        return result


def load_estimator(
    model_config: ModelConfig,
    weights: Path,
    key: str,
    precision: Precision = "fp32",
    samples: Samples = tuple,
) -> PoseEstimator:
    """The network of `config.MODEL`, from the cache or from the checkpoint at `weights`.

    Args:
        model_config: the YAML's MODEL section.
        weights: the official layout, or mmpose's 0.x or 1.x; not read where the network is in the cache.
        key: of the weights and of the network's shape; names the entry in the cache.
        precision: fp32, bf16 or int8.
        samples: gives network inputs [1, 3, H, W], for int8 to be calibrated on.

    Raises:
        UsageError: a precision that the CPU lacks.
        WeightsError: the file is damaged, or does not fit the network key by key and shape by shape.
    """
    name = cache_name(key)

    def exact() -> Any:
        return converted_model(name, lambda: build_graph(model_config, read_state_dict(weights), str(weights)))

    model = quantized_model(name, exact, samples, _agreement) if precision == "int8" else exact()
    return OpenVinoEstimator(compile_network(model, precision), precision)


def cache_name(key: str) -> str:
    """Names the converted network in the cache."""
    return f"hrn-{_CONVERSION}-{key}"


def _agreement(before: Outputs, after: Outputs) -> str:
    """How many of the sure keypoints of fp32 stay where they are."""
    one, two = (decode(np.stack([heatmaps for (heatmaps,) in outputs]), "argmax") for outputs in (before, after))
    sure = one[1] >= SURE_SCORE
    near = np.abs(one[0] - two[0]).max(axis=-1) <= 1
    return f"{(near & sure).sum()} of {sure.sum()} sure keypoints stay within a heatmap cell of fp32's"
