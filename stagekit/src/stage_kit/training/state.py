"""What a training run is at the end of an epoch: kept whole, so that a killed run goes on with the same curve."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pose_contract.errors import ConfigError
from pose_contract.storage import write_bytes
from stage_kit.networks.torch_refusal import why_not_loaded

STATE = "checkpoint.pth"


@dataclass
class TrainingState:
    """Network, moving average of its weights, optimizer, and what each epoch so far has given.

    Attributes:
        judged_by: the number of an epoch that its weights are chosen by.
        fingerprint: of all that the run's result depends on; see `fingerprint_of`.
        kept: what the weights that were kept reach, with their epoch; empty where the training does not say.
        extra: tensors that a training keeps besides, by name and row.
    """

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    judged_by: str
    fingerprint: str
    epoch: int = 0
    steps: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    kept: dict[str, float] = field(default_factory=dict)
    extra: dict[str, dict[int, torch.Tensor]] = field(default_factory=dict)

    @property
    def best(self) -> float:
        """The best epoch's number so far; -1 before the first epoch that could be measured."""
        return max((row[self.judged_by] for row in self.history if self.judged_by in row), default=-1.0)

    def set_rate(self, rate: float) -> None:
        """Gives the optimizer its learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate


def fingerprint_of(options: Mapping[str, Any], contents: Iterable[bytes]) -> str:
    """Of the options and the contents of files that a run's result depends on, as 64 hex digits."""
    digest = hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode())
    for content in contents:
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def save_state(path: Path, state: TrainingState) -> None:
    """Writes the state atomically. Raises WorkspaceError where it cannot be written."""
    content = {
        "fingerprint": state.fingerprint,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "epoch": state.epoch,
        "steps": state.steps,
        "history": state.history,
        "kept": state.kept,
        "extra": state.extra,
    }
    _save(path, content)


def resume(path: Path, state: TrainingState, remedy: str) -> None:
    """Goes on from the state that lies there, if there is one.

    Raises:
        ConfigError: it belongs to another run; `remedy` says how to start anew.
    """
    if not path.is_file():
        return
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["fingerprint"] != state.fingerprint:
            raise ValueError("its options, its network or its labels were others")
        state.network.load_state_dict(saved["network"], strict=True)
        state.average.load_state_dict(saved["average"], strict=True)
        state.optimizer.load_state_dict(saved["optimizer"])
        state.epoch, state.steps = saved["epoch"], saved["steps"]
        state.history, state.kept, state.extra = saved["history"], saved["kept"], saved.get("extra", {})
    except Exception as error:  # torch's reader raises nearly anything at damaged bytes
        reason = f"{path} is the state of another training run: {_first_line(error)}"
        raise ConfigError(reason, remedy) from None


def save_weights(path: Path, network: nn.Module, half: bool = False) -> None:
    """Writes a bare state dict, atomically; `half` in half precision."""
    tensors = {
        name: value.half() if half and value.is_floating_point() else value
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    _save(path, tensors)


def require_finite(finite: bool, remedy: str) -> None:
    """Raises ConfigError where an epoch's loss is not a number: it never becomes one again."""
    if not finite:
        raise ConfigError("the loss is not a number any more", remedy)


def _first_line(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it holds no {error.args[0]}"
    return why_not_loaded(error)


def _save(path: Path, content: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_bytes(path, buffer.getvalue())
