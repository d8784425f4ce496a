"""Weights of an earlier person_lite -> the same function in the larger network, to be trained on.

    python grow.py OLD.cfg OLD.weights NEW.cfg NEW.weights

NEW.cfg has OLD.cfg's layers in their order, residual blocks of two convolutions between them, and perhaps other
anchors. The second convolution of a block begins by adding nothing, and what the anchors gain the heads' biases lose:
both networks give the same boxes. Runs in the environment of `make setup TORCH=1`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from yolo_stage.cfg_layers import Layer
from yolo_stage.darknet import DarknetNetwork, read_network
from yolo_torch.torch_engine import build_model, load_weights
from yolo_torch.training.loop import ANCHORS, anchors_of
from yolo_torch.training.state import write_darknet_weights

BLOCK = 3  # layers: two convolutions and the shortcut
SHAPE = ("filters", "size", "stride")


def layers_before(old: Sequence[Layer], new: Sequence[Layer]) -> list[int | None]:
    """For each new layer the old one that it continues, None within a block that is new.

    Raises:
        ValueError: the old layers are not all there, in their order.
    """
    origins: list[int | None] = []
    at = 0
    while len(origins) < len(new):
        rest_new, rest_old = len(new) - len(origins), len(old) - at
        if rest_new > rest_old and _is_block(new[len(origins) :]) and not _continues(old[at:], new[len(origins) :]):
            origins += [None] * BLOCK
        elif at < len(old) and _same(old[at], new[len(origins)]):
            origins.append(at)
            at += 1
        else:
            raise ValueError(f"layer {len(origins)} of the new cfg is neither an old one nor begins a new block")
    if at < len(old):
        raise ValueError(f"layer {at} of the old cfg is missing in the new one")
    return origins


def _same(old: Layer, new: Layer) -> bool:
    keys = SHAPE if old.kind == "convolutional" else ()
    return old.kind == new.kind and all(old.section.integer(key, 1) == new.section.integer(key, 1) for key in keys)


def _is_block(layers: Sequence[Layer]) -> bool:
    return [layer.kind for layer in layers[:BLOCK]] == ["convolutional", "convolutional", "shortcut"]


def _continues(old: Sequence[Layer], new: Sequence[Layer]) -> bool:
    return all(_same(one, other) for one, other in zip(old[: BLOCK + 1], new, strict=False))


@torch.no_grad()
def grow(old_model: Any, old: DarknetNetwork, new_model: Any, new: DarknetNetwork) -> None:
    """Fills the new model."""
    origins = layers_before(old.layers, new.layers)
    for number, (origin, layer) in enumerate(zip(origins, new.layers, strict=True)):
        module = new_model.module_list[number]
        if layer.kind != "convolutional":
            continue
        if origin is not None:
            values = old_model.module_list[origin].state_dict().values()
            module.load_state_dict(dict(zip(module.state_dict(), values, strict=True)))
            continue
        nn.init.kaiming_normal_(module[0].weight, a=0.1, mode="fan_out", nonlinearity="leaky_relu")
        if origins[number - 1] is None and new.layers[number + 1].kind == "shortcut":
            nn.init.zeros_(module[1].weight)
    heads = [number - 1 for number, layer in enumerate(new.layers) if layer.kind == "yolo"]
    for head, before, after in zip(heads, anchors_of(old), anchors_of(new), strict=True):
        biases = new_model.module_list[head][0].bias.view(ANCHORS, -1)
        biases[:, 2:4] += (before / after).log()


def main(old_cfg: Path, old_weights: Path, new_cfg: Path, new_weights: Path) -> None:
    """Writes the new weights."""
    torch.manual_seed(1)
    old, new = read_network(old_cfg), read_network(new_cfg)
    old_model, new_model = build_model(old), build_model(new)
    load_weights(old_model, old, old_weights)
    grow(old_model, old, new_model, new)
    write_darknet_weights(new_weights, new_model)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:5]))
