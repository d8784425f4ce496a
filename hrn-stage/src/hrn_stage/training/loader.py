"""Samples -> batches of network inputs and targets, the same ones for the same seed, epoch and index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from hrn_stage.config import HrnConfig
from hrn_stage.preprocess import normalize, warp_person
from hrn_stage.training.augment import joints_in_view, plain_view, random_view, vary_colour, view_affine
from hrn_stage.training.samples import Sample
from hrn_stage.training.targets import gaussian_heatmaps
from pose_contract.errors import ImageError, StageError
from pose_contract.skeletons import Skeleton
from stage_kit.pictures.images import read_image
from stage_kit.training.loader import Batching, Draw, DrawSampler, Rows, batches

Row = tuple[Tensor, Tensor, Tensor]


class People(Rows[Row]):
    """Network input [3, H, W], target heatmaps [J, h, w] and weights [J] of a `Draw`."""

    def __init__(self, samples: Sequence[Sample], config: HrnConfig, skeleton: Skeleton, augmented: bool) -> None:
        self._samples = samples
        self._config = config
        self._skeleton = skeleton
        self._augmented = augmented

    def __len__(self) -> int:
        return len(self._samples)

    def make(self, draw: Draw) -> Row:
        """Of one person, seen in a view of this draw's own."""
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


def join(rows: Sequence[Row]) -> Row:
    """The rows as one batch."""
    inputs, targets, weights = (torch.stack(part) for part in zip(*rows, strict=True))
    return inputs, targets, weights


def row_batches(rows: Rows[Row], sampler: DrawSampler, config: HrnConfig) -> DataLoader[Row | StageError]:
    """Batches of TRAIN.BATCH_SIZE_PER_GPU of the draws of one epoch, made ahead by WORKERS processes.

    A batch that cannot be made is its error.
    """
    return batches(rows, sampler, join, Batching(config.TRAIN.BATCH_SIZE_PER_GPU, config.WORKERS, config.PIN_MEMORY))
