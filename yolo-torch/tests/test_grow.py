"""What made the embedded detector's first weights."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from yolo_stage.darknet import read_network
from yolo_torch.torch_engine import build_model

RECIPE = Path(__file__).parents[1] / "recipes" / "lite"


@pytest.fixture(scope="module")
def growing() -> Iterator[ModuleType]:
    sys.path.insert(0, str(RECIPE))
    yield importlib.import_module("grow")
    sys.path.remove(str(RECIPE))


SMALL = """
[net]
width=64
height=64
channels=3
[convolutional]
batch_normalize=1
filters=8
size=3
stride=4
pad=1
activation=leaky
[convolutional]
batch_normalize=1
filters=8
size=3
stride=8
pad=1
activation=leaky
{block}[convolutional]
filters=18
size=1
stride=1
pad=1
activation=linear
[yolo]
mask=0,1,2
anchors={anchors}
classes=1
num=3
"""
BLOCK = """[convolutional]
batch_normalize=1
filters=4
size=1
stride=1
pad=1
activation=leaky
[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=leaky
[shortcut]
from=-3
activation=linear
"""


def test_a_grown_network_gives_the_same_boxes(growing: ModuleType, tmp_path: Path) -> None:
    old_cfg, new_cfg = tmp_path / "old.cfg", tmp_path / "new.cfg"
    old_cfg.write_text(SMALL.format(block="", anchors="8,16, 16,32, 32,48"), encoding="utf-8")
    new_cfg.write_text(SMALL.format(block=BLOCK, anchors="10,20, 18,30, 40,60"), encoding="utf-8")
    old, new = read_network(old_cfg), read_network(new_cfg)
    torch.manual_seed(0)
    old_model, new_model = build_model(old), build_model(new)
    growing.grow(old_model, old, new_model, new)
    picture = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        before, after = old_model.eval()(picture), new_model.eval()(picture)
    torch.testing.assert_close(after, before, atol=1e-3, rtol=1e-4)
    with pytest.raises(ValueError, match=r"missing|neither"):
        growing.layers_before(new.layers, old.layers)
