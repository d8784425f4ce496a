"""The moving average of a network's weights, which is measured and kept instead of the last step's."""

from __future__ import annotations

import copy

import torch
from torch import nn


def average_of(network: nn.Module) -> nn.Module:
    """A copy to be led by `follow`."""
    return copy.deepcopy(network).requires_grad_(False)


def decay_at(step: int, most: float) -> float:
    """How much of the average stays at a step (from 0): little at first, so that the beginning is soon forgotten."""
    return min(most, (step + 1) / (step + 10))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float, average_buffers: bool) -> None:
    """The average takes a step of 1 - decay towards the network; decay 0 copies it.

    Batch norms' running numbers are averages already: they are copied unless `average_buffers`.
    """
    for old, new in zip(average.parameters(), network.parameters(), strict=True):
        old.lerp_(new, 1 - decay)
    for kept, latest in zip(average.buffers(), network.buffers(), strict=True):
        if average_buffers and kept.is_floating_point():
            kept.lerp_(latest, 1 - decay)
        else:
            kept.copy_(latest)
