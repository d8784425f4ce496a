"""What a training run is asked to do: frozen and validated."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from stage_kit.command.run_options import MAX_BATCH, require
from yolo_stage import STAGE
from yolo_stage.corrected import is_workspace
from yolo_torch.training.augment import Augmentation

COMMAND = f"{STAGE} train"


@dataclass(frozen=True)
class TrainOptions:
    """One training run.

    `train` has one or more sets of labels, `set_weights` how often pictures of each are drawn (none: all alike).
    `mine_sets` are those of them in which the half-trained network looks for its mistakes, five times in a run.
    `input_sizes` are trained in turn (none: the network's own). `workers` 0: batches are made in the training process
    itself.
    """

    model_def: Path
    train: tuple[Path, ...]
    valid: Path
    output: Path
    images: Path | None = None
    set_weights: tuple[float, ...] = ()
    mine_sets: tuple[Path, ...] = ()
    paste: Path | None = None
    pretrained_weights: Path | None = None
    epochs: int = 100
    batch_size: int = 32
    img_size: int | None = None
    input_sizes: tuple[tuple[int, int], ...] = ()
    learning_rate: float = 0.002
    weight_decay: float = 0.0005
    average: float = 0.998
    precision: str = "bf16"
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 1
    workers: int = 1
    hold: bool = False
    device: str = "auto"
    overwrite: bool = False
    quiet: bool = False

    @property
    def splits(self) -> bool:
        """Whether a workspace that trains measures too."""
        return is_workspace(self.valid) and self.valid.resolve() in {path.resolve() for path in self.train}

    def __post_init__(self) -> None:
        """Refuses values without a meaning. Raises UsageError."""
        self._check_sets()
        self._check_augmentation()
        require(self.epochs >= 1, "epochs", self.epochs, "1 or more", COMMAND)
        require(1 <= self.batch_size <= MAX_BATCH, "batch_size", self.batch_size, f"1 to {MAX_BATCH}", COMMAND)
        require(0 < self.learning_rate < 1, "learning_rate", self.learning_rate, "over 0, below 1", COMMAND)
        require(0 <= self.weight_decay < 1, "weight_decay", self.weight_decay, "from 0, below 1", COMMAND)
        require(0 <= self.average < 1, "average", self.average, "from 0, below 1", COMMAND)
        require(0 <= self.seed < 2**63, "seed", self.seed, "0 or more", COMMAND)
        own = self.output / self.model_def.name
        require(
            own.resolve() != self.model_def.resolve(), "output", self.output, "a folder without the cfg itself", COMMAND
        )
        require(self.workers >= 0, "n_cpu", self.workers, "0 or more", COMMAND)

    def _check_sets(self) -> None:
        weights = " ".join(f"{weight:g}" for weight in self.set_weights)
        fits = len(self.set_weights) in (0, len(self.train)) and all(
            0 < weight < math.inf for weight in self.set_weights
        )
        require(fits, "set_weights", weights, "a number over 0 for each of --train", COMMAND)
        others = [str(path) for path in self.mine_sets if path not in self.train]
        require(not others, "mine", " ".join(others), "some of --train", COMMAND)
        sizes = " ".join(f"{width}x{height}" for width, height in self.input_sizes)
        multiples = all(side >= 32 and side % 32 == 0 for size in self.input_sizes for side in size)
        require(multiples, "input_sizes", sizes, "multiples of 32, such as 416 544x320", COMMAND)

    def _check_augmentation(self) -> None:
        varied = self.augmentation
        least, most = varied.scale
        shown = f"{varied.zoom:g} {varied.close_up:g}"
        shares = varied.zoom >= 0 and varied.close_up >= 0 and varied.zoom + varied.close_up <= 1
        require(shares, "zoom and --close_ups", shown, "0 or more each, 1 at most together", COMMAND)
        require(0 <= varied.faults <= 1, "faults", varied.faults, "0 to 1", COMMAND)
        require(0 <= varied.mosaic <= 1, "mosaic", varied.mosaic, "0 to 1", COMMAND)
        require(0 <= varied.background <= 1, "background", varied.background, "0 to 1", COMMAND)
        require(0 <= varied.colour < 1, "colour", varied.colour, "from 0, below 1", COMMAND)
        require(
            0 < least <= most <= 4, "scale", f"{least:g} {most:g}", "two numbers, the smaller first, up to 4", COMMAND
        )
