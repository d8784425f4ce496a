"""What a training run is at the end of an epoch: kept whole, so that a killed run goes on with the same curve."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hrn_stage.config import HrnConfig
from pose_contract.errors import ConfigError, UsageError
from pose_contract.storage import write_bytes


@dataclass
class TrainingState:
    """Network, moving average of its weights, optimizer, and what each epoch so far has given."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The best score so far; -1 before the first epoch."""
        return max((row["score"] for row in self.history), default=-1.0)


def optimizer_of(network: nn.Module, config: HrnConfig) -> torch.optim.Optimizer:
    """TRAIN.OPTIMIZER adam (without WD, as published), adamw or sgd, with LR, WD, MOMENTUM, NESTEROV."""
    train = config.TRAIN
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if train.OPTIMIZER == "sgd":
        return torch.optim.SGD(
            parameters, lr=train.LR, momentum=train.MOMENTUM, weight_decay=train.WD, nesterov=train.NESTEROV
        )
    if train.OPTIMIZER == "adamw":
        return torch.optim.AdamW(parameters, lr=train.LR, weight_decay=train.WD)
    return torch.optim.Adam(parameters, lr=train.LR)


def save_state(path: Path, state: TrainingState) -> None:
    """Writes the state atomically. Raises WorkspaceError where it cannot be written."""
    _save(
        path,
        {
            "network": state.network.state_dict(),
            "average": state.average.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            "epoch": state.epoch,
            "history": state.history,
        },
    )


def save_weights(path: Path, network: nn.Module, half: bool = False) -> None:
    """Writes a bare state dict under the published names, atomically; `half` in half precision."""
    tensors = {
        name: value.half() if half and value.is_floating_point() else value
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    _save(path, tensors)


def _save(path: Path, content: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_bytes(path, buffer.getvalue())


def restore_state(path: Path, state: TrainingState) -> None:
    """Goes on from a saved state. Raises ConfigError where it belongs to another network or optimizer."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        state.network.load_state_dict(saved["network"], strict=True)
        state.average.load_state_dict(saved["average"], strict=True)
        if saved["optimizer"]["param_groups"][0].keys() != state.optimizer.state_dict()["param_groups"][0].keys():
            raise ValueError("it was made with another TRAIN.OPTIMIZER")
        state.optimizer.load_state_dict(saved["optimizer"])
        state.epoch, state.history = saved["epoch"], saved["history"]
    except (RuntimeError, KeyError, ValueError, EOFError) as error:
        reason = f"{path} is the state of another training run: {str(error).splitlines()[0]}"
        raise ConfigError(reason, "move it away, or set AUTO_RESUME false") from None


def load_backbone(network: nn.Module, parameters: Mapping[str, Tensor], layers: tuple[str, ...]) -> int:
    """Takes over the parameters whose first name part is among PRETRAINED_LAYERS (`*`: all) and whose shape fits.

    Returns:
        How many were taken. The final layer of a backbone never fits and stays as initialised.

    Raises:
        UsageError: none fits.
    """
    own = network.state_dict()
    chosen = {
        name: value
        for name, value in parameters.items()
        if ("*" in layers or name.split(".")[0] in layers) and name in own and own[name].shape == value.shape
    }
    if not chosen:
        raise UsageError("MODEL.PRETRAINED fits no layer of this network", "check MODEL.EXTRA.PRETRAINED_LAYERS")
    network.load_state_dict({**own, **chosen}, strict=True)
    return len(chosen)
