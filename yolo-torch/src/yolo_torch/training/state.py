"""What a training run is at the end of an epoch: kept whole, so that a killed run goes on with the same curve."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pose_contract.errors import ConfigError
from pose_contract.storage import write_bytes
from stage_kit.weights.published import sha256_of
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.evaluation import Measured
from yolo_stage.labels import LabelledPicture
from yolo_torch.training.options import TrainOptions

STATE = "checkpoint.pth"


@dataclass
class TrainingState:
    """Model, moving average of its weights, optimizer, and what each epoch so far has given."""

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    fingerprint: str
    epoch: int = 0
    steps: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    kept: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> float:
        """The best AP50 so far; -1 before the first epoch."""
        return max((row["ap50"] for row in self.history), default=-1.0)

    @property
    def kept_measured(self) -> Measured:
        """What the weights that were kept reach."""
        return Measured(**{name: value for name, value in self.kept.items() if name != "epoch"})  # type: ignore[arg-type]


def save_state(options: TrainOptions, state: TrainingState) -> None:
    """Writes the state atomically. Raises WorkspaceError where it cannot be written."""
    content = {
        "fingerprint": state.fingerprint,
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "epoch": state.epoch,
        "steps": state.steps,
        "history": state.history,
        "kept": state.kept,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(options.output / STATE, buffer.getvalue())


def fingerprint_of(
    options: TrainOptions,
    network: DarknetNetwork,
    training: Sequence[LabelledPicture],
    testing: Sequence[LabelledPicture],
) -> str:
    """Of all that a run's result depends on, the content of its files included.

    How long it is trained is left out: more epochs go on from fewer.
    """
    free = {"output", "workers", "hold", "device", "overwrite", "quiet", "epochs"}
    digest = hashlib.sha256(network.text.encode())
    chosen = {name: str(value) for name, value in vars(options).items() if name not in free}
    digest.update(json.dumps(chosen, sort_keys=True).encode())
    if options.pretrained_weights is not None:
        digest.update(sha256_of(options.pretrained_weights).encode())
    for labelled in (*training, *testing):
        digest.update(os.fsencode(labelled.image) + labelled.boxes_xyxy.tobytes() + labelled.crowd.tobytes())
    return digest.hexdigest()


def resume(options: TrainOptions, state: TrainingState) -> None:
    """Goes on from the state that lies in the output folder, if there is one.

    Raises:
        ConfigError: what lies there belongs to another run, and `overwrite` does not say that it may go.
    """
    path = options.output / STATE
    if options.overwrite or not path.is_file():
        return
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["fingerprint"] != state.fingerprint:
            raise ValueError("its options, its cfg or its labels were others")
        state.model.load_state_dict(saved["model"], strict=True)
        state.average.load_state_dict(saved["average"], strict=True)
        state.optimizer.load_state_dict(saved["optimizer"])
        state.epoch, state.steps = saved["epoch"], saved["steps"]
        state.history, state.kept = saved["history"], saved["kept"]
    except Exception as error:
        reason = f"{path} is the state of another training run: {str(error).splitlines()[0]}"
        raise ConfigError(reason, "choose another --output, or start anew with --overwrite") from None


def write_darknet_weights(path: Path, model: Any) -> None:
    """Writes a Darknet file atomically, with the header of version 0.2, which every reader understands."""
    model.header_info = np.array([0, 2, 0, 0, 0], np.int32)
    model.seen = 0
    with tempfile.TemporaryDirectory(prefix="yolo-stage-") as folder:
        file = Path(folder, "network.weights")
        model.save_darknet_weights(str(file))
        write_bytes(path, file.read_bytes())
