"""What a training run is at the end of an epoch: kept whole, so that a killed run goes on with the same curve."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pose_contract.errors import ConfigError
from pose_contract.storage import write_bytes
from yolo_stage.training.options import TrainOptions

STATE = "checkpoint.pth"


@dataclass
class TrainingState:
    """Model, moving average of its weights, optimizer, and what each epoch so far has given."""

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    steps: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The best AP50 so far; -1 before the first epoch."""
        return max((row["ap50"] for row in self.history), default=-1.0)


def save_state(options: TrainOptions, state: TrainingState) -> None:
    """Writes the state atomically. Raises WorkspaceError where it cannot be written."""
    content = {
        "fingerprint": options.fingerprint(),
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "epoch": state.epoch,
        "steps": state.steps,
        "history": state.history,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(options.output / STATE, buffer.getvalue())


def start_or_resume(
    options: TrainOptions, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> TrainingState:
    """A new state, or the one that lies in the output folder.

    Raises:
        ConfigError: what lies there belongs to another run, and `overwrite` does not say that it may go.
    """
    state = TrainingState(model, average, optimizer)
    path = options.output / STATE
    if options.overwrite or not path.is_file():
        return state
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["fingerprint"] != options.fingerprint():
            raise ValueError("its options were others")
        model.load_state_dict(saved["model"], strict=True)
        average.load_state_dict(saved["average"], strict=True)
        optimizer.load_state_dict(saved["optimizer"])
        state.epoch, state.steps, state.history = saved["epoch"], saved["steps"], saved["history"]
    except Exception as error:
        reason = f"{path} is the state of another training run: {str(error).splitlines()[0]}"
        raise ConfigError(reason, "choose another --output, or start anew with --overwrite") from None
    return state


def write_darknet_weights(path: Path, model: Any) -> None:
    """Writes a Darknet file atomically, with the header of version 0.2, which every reader understands."""
    model.header_info = np.array([0, 2, 0, 0, 0], np.int32)
    model.seen = 0
    with tempfile.TemporaryDirectory(prefix="yolo-stage-") as folder:
        file = Path(folder, "network.weights")
        model.save_darknet_weights(str(file))
        write_bytes(path, file.read_bytes())
