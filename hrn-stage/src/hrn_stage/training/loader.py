"""Samples -> batches of network inputs and targets, the same ones for the same seed, epoch and index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from hrn_stage.config import HrnConfig
from hrn_stage.preprocess import normalize, warp_person
from hrn_stage.training.augment import joints_in_view, plain_view, random_view, vary_colour, view_affine
from hrn_stage.training.samples import Sample
from hrn_stage.training.targets import gaussian_heatmaps
from pose_contract.errors import ImageError, StageError
from pose_contract.skeletons import Skeleton
from stage_kit.pictures.images import read_image
from stage_kit.runs.workers import worker_count


@dataclass(frozen=True)
class Draw:
    """Which sample, and in which epoch: together with the seed it determines every random choice."""

    epoch: int
    index: int


Row = tuple[Tensor, Tensor, Tensor]


class People(Dataset[Row | StageError]):
    """Network input [3, H, W], target heatmaps [J, h, w] and weights [J] of a `Draw`."""

    def __init__(self, samples: Sequence[Sample], config: HrnConfig, skeleton: Skeleton, augmented: bool) -> None:
        self._samples = samples
        self._config = config
        self._skeleton = skeleton
        self._augmented = augmented

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, draw: Draw) -> Row | StageError:
        """A picture that cannot be read gives its error: one that is raised in a worker loses what it says."""
        try:
            return self._made(draw)
        except StageError as error:
            return error

    def _made(self, draw: Draw) -> Row:
        sample, model, dataset = self._samples[draw.index], self._config.MODEL, self._config.DATASET
        rng = np.random.default_rng((self._config.TRAIN.SEED, draw.epoch, draw.index))
        view = random_view(sample, dataset, self._skeleton, rng) if self._augmented else plain_view(sample)
        try:
            picture = read_image(sample.image)
        except ImageError as error:
            raise ImageError(f"{sample.image} {error.reason}", error.remedy) from error
        warped = warp_person(picture, view_affine(view, model.IMAGE_SIZE), model.IMAGE_SIZE)
        if self._augmented:
            warped = vary_colour(warped, dataset.COLOR_FACTOR, rng)
        joints, labelled = joints_in_view(sample, view, model.IMAGE_SIZE, self._skeleton)
        targets, weights = gaussian_heatmaps(joints, labelled, model.HEATMAP_SIZE, model.IMAGE_SIZE, model.SIGMA)
        inputs = normalize(warped[None], dataset.COLOR_RGB)[0]
        return torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(weights)


class EpochSampler(Sampler[Draw]):
    """The draws of one epoch after the other: shuffled by seed and epoch, dealt to `ranks` processes in turn."""

    def __init__(self, length: int, seed: int, shuffled: bool, rank: int = 0, ranks: int = 1) -> None:
        self._length = length
        self._seed = seed
        self._shuffled = shuffled
        self._rank = rank
        self._ranks = ranks
        self.epoch = 0

    def __iter__(self) -> Iterator[Draw]:
        order = np.arange(self._length)
        if self._shuffled:
            np.random.default_rng((self._seed, self.epoch)).shuffle(order)
        return (Draw(self.epoch, int(index)) for index in order[self._rank :: self._ranks][: len(self)])

    def __len__(self) -> int:
        return self._length // self._ranks


def collate(rows: Sequence[Row | StageError]) -> Row | StageError:
    """The rows as one batch, or the first error."""
    made = [row for row in rows if not isinstance(row, StageError)]
    if len(made) < len(rows):
        return next(row for row in rows if isinstance(row, StageError))
    inputs, targets, weights = (torch.stack(part) for part in zip(*made, strict=True))
    return inputs, targets, weights


def batches(people: People, sampler: EpochSampler, config: HrnConfig) -> DataLoader[Row | StageError]:
    """Batches of TRAIN.BATCH_SIZE_PER_GPU, made ahead by WORKERS processes, at most one per core.

    A batch that cannot be made is its error.
    """
    return DataLoader(
        people,
        batch_size=min(config.TRAIN.BATCH_SIZE_PER_GPU, len(sampler)),
        sampler=sampler,
        num_workers=min(config.WORKERS, worker_count(0)),
        pin_memory=config.PIN_MEMORY and torch.cuda.is_available(),
        drop_last=True,
        persistent_workers=False,
        collate_fn=collate,
    )
