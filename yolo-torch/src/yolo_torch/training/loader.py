"""Labelled pictures -> batches for the network and the loss, the same ones for the same seed, epoch and index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pose_contract.errors import StageError
from stage_kit.runs.workers import worker_count
from yolo_stage.labels import LabelledPicture, read_picture
from yolo_torch.training.augment import Augmentation, Labelled, training_picture, without_crowds

MOSAIC = 4
Row = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Draw:
    """Which picture, in which epoch: together with the seed it determines every random choice."""

    epoch: int
    index: int


@dataclass
class Pictures(Dataset[Row | StageError]):
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

    def __getitem__(self, draw: Draw) -> Row | StageError:
        """A picture that cannot be read gives its error: one that is raised in a worker loses what it says."""
        try:
            return self._made(draw)
        except StageError as error:
            return error

    def _made(self, draw: Draw) -> Row:
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


def collate(rows: Sequence[Row | StageError]) -> Row | StageError:
    """Inputs [N, 3, S, S] and the boxes of all, [K, 6], whose column 0 says which picture; or the first error."""
    inputs, boxes = [], []
    for number, row in enumerate(rows):
        if isinstance(row, StageError):
            return row
        row[1][:, 0] = number
        inputs.append(row[0])
        boxes.append(row[1])
    return torch.stack(inputs), torch.cat(boxes)


class EpochSampler(Sampler[Draw]):
    """The draws of one epoch, shuffled by seed and epoch."""

    def __init__(self, length: int, seed: int, epoch: int) -> None:
        self._length = length
        self._seed = seed
        self._epoch = epoch

    def __iter__(self) -> Iterator[Draw]:
        order = np.random.default_rng((self._seed, self._epoch)).permutation(self._length)
        return (Draw(self._epoch, int(index)) for index in order)

    def __len__(self) -> int:
        return self._length


def batches(pictures: Pictures, epoch: int, batch_size: int, workers: int) -> DataLoader[Row | StageError]:
    """The batches of one epoch, made ahead by `workers` processes; a batch that cannot be made is its error."""
    return DataLoader(
        pictures,
        batch_size=min(batch_size, len(pictures)),
        sampler=EpochSampler(len(pictures), pictures.seed, epoch),
        num_workers=min(workers, worker_count(0)),
        collate_fn=collate,
        drop_last=True,
        pin_memory=torch.cuda.is_available(),
    )
