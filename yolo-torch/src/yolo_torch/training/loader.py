"""Labelled pictures -> batches for the network and the loss, the same ones for the same seed, epoch and index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from pose_contract.errors import StageError
from stage_kit.training.loader import Batching, Draw, EpochSampler, Rows, batches
from yolo_stage.labels import LabelledPicture, read_picture
from yolo_torch.training.augment import Augmentation, Labelled, training_picture, without_crowds

MOSAIC = 4
Row = tuple[Tensor, Tensor]


@dataclass
class Pictures(Rows[Row]):
    """Network input [3, S, S] and boxes [K, 6] for the loss: 0, class 0, centre x, y, width, height in parts of S.

    `hold` keeps decoded pictures, no larger than the network sees them, in memory: call `fill` before workers start.
    """

    labelled: Sequence[LabelledPicture]
    size: int
    augmentation: Augmentation
    seed: int
    held: list[Labelled] = field(default_factory=list)

    def fill(self) -> None:
        """Decodes all pictures once, shrunk to what the strongest enlargement of the network's input needs."""
        self.held = [self._read(index) for index in range(len(self.labelled))]

    def __len__(self) -> int:
        return len(self.labelled)

    def make(self, draw: Draw) -> Row:
        """Of one picture or of four."""
        rng = np.random.default_rng((self.seed, draw.epoch, draw.index))
        mosaic = rng.random() < self.augmentation.mosaic
        others = rng.integers(len(self.labelled), size=MOSAIC - 1 if mosaic else 0).tolist()
        chosen = [self.held[index] if self.held else self._read(index) for index in (draw.index, *others)]
        picture, boxes = training_picture(chosen, self.size, self.augmentation, rng)
        inputs = np.ascontiguousarray(picture.transpose(2, 0, 1)).astype(np.float32) / 255
        return torch.from_numpy(inputs), torch.from_numpy(loss_targets(boxes, self.size))

    def _read(self, index: int) -> Labelled:
        picture, boxes = read_picture(self.labelled[index]), self.labelled[index].people
        picture = without_crowds(picture, self.labelled[index].boxes_xyxy[self.labelled[index].crowd])
        factor = self.size * self.augmentation.scale[1] / max(picture.shape[:2])
        if factor < 1:
            width, height = (max(1, round(side * factor)) for side in picture.shape[1::-1])
            boxes = boxes * ([width / picture.shape[1], height / picture.shape[0]] * 2)
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        return picture, boxes


def loss_targets(boxes_xyxy: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """Boxes [K, 4] in network pixels as pytorchyolo's loss takes them, [K, 6]."""
    centres, sides = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2, boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    rows = np.concatenate([np.zeros((len(boxes_xyxy), 2)), centres / size, sides / size], axis=1)
    return np.asarray(rows, np.float32)


def join(rows: Sequence[Row]) -> Row:
    """Inputs [N, 3, S, S] and the boxes of all, [K, 6], whose column 0 says which picture."""
    for number, (_, boxes) in enumerate(rows):
        boxes[:, 0] = number
    return torch.stack([inputs for inputs, _ in rows]), torch.cat([boxes for _, boxes in rows])


def picture_batches(pictures: Pictures, epoch: int, batch_size: int, workers: int) -> DataLoader[Row | StageError]:
    """The batches of one epoch, made ahead by `workers` processes; a batch that cannot be made is its error."""
    sampler = EpochSampler(len(pictures), pictures.seed, epoch)
    return batches(pictures, sampler, join, Batching(batch_size, workers))
