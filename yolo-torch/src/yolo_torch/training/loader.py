"""Labelled pictures -> batches for the network and the loss, the same ones for the same seed, epoch and index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pose_contract.errors import ConfigError, StageError
from stage_kit.runs.workers import worker_count
from stage_kit.training.loader import Collate
from yolo_stage.labels import LabelledPicture, read_picture
from yolo_torch.training.augment import Augmentation, training_picture
from yolo_torch.training.sampling import Draw, EpochBatches, Mined, Shares
from yolo_torch.training.visible import Labelled

MOSAIC, PAIRS = 4, 0.2
ZOOMED = 1.5  # by how much more than the network's input a picture that is zoomed into is kept
LARGEST_OBJECT = 160  # pixels
Row = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Batch:
    """Network inputs [N, 3, H, W]; of each picture the people [K, 4] and open regions [L, 4], in network pixels."""

    inputs: Tensor
    people: tuple[Tensor, ...]
    left_open: tuple[Tensor, ...]

    @property
    def width(self) -> int:
        """Of the inputs."""
        return int(self.inputs.shape[-1])


@dataclass
class Pictures(Dataset[Row | StageError]):
    """Network input [3, H, W], people [K, 4] and open regions [L, 4] of one draw.

    `hold` keeps decoded pictures, no larger than the network sees them, in memory: call `fill` before workers start.
    `objects` are pictures [H, W, 4] of things without people, to be pasted.
    """

    labelled: Sequence[LabelledPicture]
    longest: int
    augmentation: Augmentation
    seed: int
    objects: Sequence[NDArray[np.uint8]] = ()
    held: list[Labelled] = field(default_factory=list)

    def fill(self) -> None:
        """Decodes all pictures once, shrunk to what the strongest enlargement of the network's input needs."""
        self.held = [self._read(index) for index in range(len(self.labelled))]

    def __len__(self) -> int:
        return len(self.labelled)

    def __getitem__(self, draw: Draw) -> Row | StageError:
        """A row that cannot be made gives its error: one that is raised in a worker loses what it says."""
        try:
            return self._made(draw)
        except StageError as error:
            return error

    def _made(self, draw: Draw) -> Row:
        rng = np.random.default_rng((self.seed, draw.epoch, draw.index))
        others = rng.integers(len(self.labelled), size=joined_with(self.augmentation.mosaic, rng)).tolist()
        chosen = [self.held[index] if self.held else self._read(index) for index in (draw.index, *others)]
        focus = None
        if draw.focus is not None:
            height, width = chosen[0].picture.shape[:2]
            focus = np.array(draw.focus) * [width, height, width, height]
        made = training_picture(chosen, draw.size_wh, self.augmentation, rng, self.objects, focus)
        inputs = np.ascontiguousarray(made.picture.transpose(2, 0, 1)).astype(np.float32) / 255
        people, left_open = (torch.from_numpy(boxes.astype(np.float32)) for boxes in (made.people, made.left_open))
        return torch.from_numpy(inputs), people, left_open

    def _read(self, index: int) -> Labelled:
        row = self.labelled[index]
        whole = Labelled(read_picture(row), row.people, row.boxes_xyxy[row.crowd], row.outlines)
        enlarged = max(self.augmentation.scale[1], ZOOMED if self.augmentation.zoom + self.augmentation.close_up else 0)
        factor = self.longest * enlarged / max(whole.picture.shape[:2])
        if factor >= 1:
            return whole
        width, height = (max(1, round(side * factor)) for side in whole.picture.shape[1::-1])
        return whole.scaled(cv2.resize(whole.picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8))


def joined_with(mosaic: float, rng: np.random.Generator) -> int:
    """With how many more pictures one is joined: three, in a fifth of the mosaics one, or none."""
    if rng.random() >= mosaic:
        return 0
    return 1 if rng.random() < PAIRS else MOSAIC - 1


def read_objects(folder: Path | None) -> list[NDArray[np.uint8]]:
    """The .png files with opacity in a folder and those in it, [H, W, 4] RGBA, no larger than they are ever shown.

    Raises:
        ConfigError: there is none.
    """
    if folder is None:
        return []
    found = [cv2.imread(os.fspath(path), cv2.IMREAD_UNCHANGED) for path in sorted(folder.rglob("*.png"))]
    kept = [picture for picture in found if picture is not None and picture.ndim == 3 and picture.shape[2] == 4]
    if not kept:
        raise ConfigError(f"{folder} has no .png with opacity", "give a folder of cut-out things to --paste")
    objects = []
    for picture in kept:
        factor = min(1.0, LARGEST_OBJECT / max(picture.shape[:2]))
        size = tuple(max(1, round(side * factor)) for side in picture.shape[1::-1])
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        objects.append(cv2.cvtColor(small, cv2.COLOR_BGRA2RGBA).astype(np.uint8))
    return objects


def join(rows: Sequence[Row]) -> Batch:
    """The batch of some draws of one size."""
    inputs, people, left_open = zip(*rows, strict=True)
    return Batch(torch.stack(inputs), people, left_open)


def picture_batches(
    pictures: Pictures, epoch: int, shares: Shares, workers: int, mined: Mined | None = None
) -> DataLoader[Batch | StageError]:
    """The batches of one epoch, made ahead by `workers` processes; a batch that cannot be made is its error.

    OpenCV's threads are off from here on, for the reason that `stage_kit.training.loader.batches` tells.
    """
    cv2.setNumThreads(0)
    return DataLoader(
        cast("Dataset[Batch | StageError]", pictures),  # one draw of it is a row; `join` makes batches of them
        batch_sampler=EpochBatches(shares, mined or Mined(), pictures.seed, epoch),
        num_workers=min(workers, worker_count(0)),
        collate_fn=Collate(join),
        pin_memory=torch.cuda.is_available(),
    )
