"""What belongs to a training run of a pose network alone: optimizer, backbone, and what its result depends on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hrn_stage.config import HrnConfig
from hrn_stage.training.samples import Sample
from pose_contract.errors import ConfigError, UsageError
from stage_kit.training.state import fingerprint_of
from stage_kit.weights.published import sha256_of

JUDGED_BY = "score"
# What changes where and how long a run computes, not what comes out of it.
FREE = {
    "": (
        "AUTO_RESUME",
        "CUDNN",
        "DATA_DIR",
        "DEBUG",
        "GPUS",
        "LOG_DIR",
        "OUTPUT_DIR",
        "PIN_MEMORY",
        "PRINT_FREQ",
        "RANK",
        "WORKERS",
    ),
    "DATASET": ("ANNOTS", "CUTS", "FINAL", "IMAGES"),
    "TEST": ("BATCH_SIZE_PER_GPU", "MODEL_FILE"),
    "TRAIN": ("CHECKPOINT", "END_EPOCH", "RESUME"),
}


def run_fingerprint(
    config: HrnConfig, training: Sequence[Sample], testing: Sequence[Sample], more_labels: Iterable[bytes] = ()
) -> str:
    """Of all that a run's result depends on: options, labels and backbone by their content.

    How long it is trained is left out: more epochs go on from fewer. `more_labels` are what samples do not hold.
    """
    options = config.model_dump(mode="json")
    for section, keys in FREE.items():
        for key in keys:
            (options[section] if section else options).pop(key)
    backbone = Path(config.MODEL.PRETRAINED)
    begun = sha256_of(backbone) if backbone.is_file() and config.MODEL.INIT_WEIGHTS else ""
    labels = [part for sample in (*training, *testing) for part in _content_of(sample)]
    return fingerprint_of(options, [begun.encode(), *labels, *more_labels])


def _content_of(sample: Sample) -> tuple[bytes, ...]:
    numbers = np.concatenate([sample.center, sample.scale, sample.joints_xy.ravel()]).astype(np.float32)
    more = f"{sample.image_id} {sample.area} {sample.head_length} {sample.box_score}".encode()
    return os.fsencode(sample.image), numbers.tobytes(), sample.labelled.tobytes(), more


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


def freeze(network: nn.Module, parts: Sequence[str]) -> None:
    """These direct parts of the network learn no more, and their batch norms keep their statistics.

    Raises:
        ConfigError: there is no such part, or nothing else is left to learn.
    """
    children = dict(network.named_children())
    for name in parts:
        if name not in children:
            raise ConfigError(f"PEOPLE.FROZEN: the network has no part {name}", f"known: {', '.join(children)}")
        children[name].eval().requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ConfigError("PEOPLE.FROZEN: no part of the network is left to learn", "take a part out of PEOPLE.FROZEN")


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
