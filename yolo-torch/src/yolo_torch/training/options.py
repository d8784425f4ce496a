"""What a training run is asked to do: frozen and validated."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from stage_kit.command.run_options import MAX_BATCH, require
from yolo_stage import STAGE
from yolo_stage.corrected import is_workspace
from yolo_torch.training.augment import Augmentation

COMMAND = f"{STAGE} train"


@dataclass(frozen=True)
class TrainOptions:
    """One training run. `workers` 0: batches are made in the training process itself."""

    model_def: Path
    train: Path
    valid: Path
    output: Path
    images: Path | None = None
    pretrained_weights: Path | None = None
    epochs: int = 100
    batch_size: int = 32
    img_size: int | None = None
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
        """Whether one workspace gives both sets."""
        return self.valid.resolve() == self.train.resolve() and is_workspace(self.train)

    def __post_init__(self) -> None:
        """Refuses values without a meaning. Raises UsageError."""
        least, most = self.augmentation.scale
        require(self.epochs >= 1, "epochs", self.epochs, "1 or more", COMMAND)
        require(1 <= self.batch_size <= MAX_BATCH, "batch_size", self.batch_size, f"1 to {MAX_BATCH}", COMMAND)
        require(0 < self.learning_rate < 1, "learning_rate", self.learning_rate, "over 0, below 1", COMMAND)
        require(0 <= self.weight_decay < 1, "weight_decay", self.weight_decay, "from 0, below 1", COMMAND)
        require(0 <= self.average < 1, "average", self.average, "from 0, below 1", COMMAND)
        require(0 <= self.augmentation.mosaic <= 1, "mosaic", self.augmentation.mosaic, "0 to 1", COMMAND)
        require(0 <= self.augmentation.background <= 1, "background", self.augmentation.background, "0 to 1", COMMAND)
        require(0 <= self.augmentation.colour < 1, "colour", self.augmentation.colour, "from 0, below 1", COMMAND)
        require(
            0 < least <= most <= 4, "scale", f"{least:g} {most:g}", "two numbers, the smaller first, up to 4", COMMAND
        )
        require(0 <= self.seed < 2**63, "seed", self.seed, "0 or more", COMMAND)
        own = self.output / self.model_def.name
        require(
            own.resolve() != self.model_def.resolve(), "output", self.output, "a folder without the cfg itself", COMMAND
        )
        require(self.workers >= 0, "n_cpu", self.workers, "0 or more", COMMAND)
