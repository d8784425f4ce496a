"""What an engine is given to load a detector."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stage_kit.networks.int8 import Samples
from stage_kit.networks.precision import Precision
from yolo_stage.darknet import DarknetNetwork


@dataclass(frozen=True)
class Loading:
    """What an engine needs to load a detector: a checked network, its weights, and how it is to compute.

    `samples` gives network inputs [1, 3, H, W] that int8 is calibrated on.
    """

    network: DarknetNetwork
    weights: Path
    person_class: int
    device: str = "auto"
    precision: Precision = "fp32"
    samples: Samples = tuple
