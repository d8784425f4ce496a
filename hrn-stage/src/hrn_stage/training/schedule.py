"""The learning rate of every epoch (pure)."""

from __future__ import annotations

import math

from hrn_stage.config_keys import TrainConfig


def learning_rate(train: TrainConfig, progress_epochs: float) -> float:
    """LR after `progress_epochs` (a fraction counts): warmed up linearly, then by steps as published, or by a cosine.

    Steps multiply by LR_FACTOR at every epoch of LR_STEP; the cosine reaches zero at END_EPOCH.
    """
    warm = min(1.0, (progress_epochs + 1e-9) / train.WARMUP_EPOCHS) if train.WARMUP_EPOCHS else 1.0
    if train.SCHEDULE == "cosine":
        return train.LR * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, progress_epochs / train.END_EPOCH)))
    passed = sum(progress_epochs >= step for step in train.LR_STEP)
    return float(train.LR * warm * train.LR_FACTOR**passed)
