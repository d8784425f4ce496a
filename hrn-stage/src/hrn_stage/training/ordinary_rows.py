"""People of ordinary photos -> rows of a batch, the same ones for the same seed, epoch and index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hrn_stage.config import HrnConfig
from hrn_stage.preprocess import normalize, warp_person
from hrn_stage.training.augment import vary_colour, view_affine
from hrn_stage.training.exact_targets import exact_heatmaps
from hrn_stage.training.framing import random_view
from hrn_stage.training.loader import Row
from hrn_stage.training.looks import poor, with_patches
from hrn_stage.training.ordinary import OrdinaryPerson
from hrn_stage.training.photo_edges import photo_end, within_photo
from pose_contract.errors import ImageError
from pose_contract.skeletons import Skeleton
from stage_kit.pictures.images import read_image
from stage_kit.training.loader import Draw, DrawSampler, Rows


class OrdinaryPeople(Rows[Row]):
    """Network input [3, H, W], target heatmaps [J, h, w] and weights [J] of a `Draw`, at one size of the input."""

    def __init__(
        self, people: Sequence[OrdinaryPerson], config: HrnConfig, skeleton: Skeleton, input_wh: tuple[int, int]
    ) -> None:
        self._people = people
        self._config = config
        self._skeleton = skeleton
        self._input_wh = input_wh

    def __len__(self) -> int:
        return len(self._people)

    def make(self, draw: Draw) -> Row:
        """Of one person, in a photo and a view of this draw's own. Raises ImageError where it cannot be read."""
        person, people, dataset = self._people[draw.index], self._config.PEOPLE, self._config.DATASET
        rng = np.random.default_rng((self._config.TRAIN.SEED, draw.epoch, draw.index, draw.turn))
        try:
            picture = read_image(person.image)
        except ImageError as error:
            raise ImageError(f"{person.image} {error.reason}", error.remedy) from error
        if rng.random() < people.PROB_EDGE:
            person, picture = within_photo(person, picture, photo_end(person, picture.shape[1::-1], rng))
        view = random_view(person, self._config, self._skeleton, self._input_wh, rng)
        affine = view_affine(view, self._input_wh)
        warped = warp_person(picture, affine, self._input_wh)
        order = list(self._skeleton.mirror_index) if view.mirrored else list(range(len(person.weights)))
        joints = (person.joints_xy @ affine[:, :2].T + affine[:, 2])[order]
        if rng.random() < people.PROB_PATCHES:
            warped = with_patches(warped, joints, rng)
        warped = poor(vary_colour(warped, dataset.COLOR_FACTOR, rng), people.PROB_POOR, rng)
        targets, weights = self._targets(joints, person.weights[order], person.absent[order])
        inputs = normalize(warped[None], dataset.COLOR_RGB)[0]
        return torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(weights)

    def _targets(
        self, joints: NDArray[np.float64], weights: NDArray[np.float32], absent: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        model = self._config.MODEL
        shrunk = (self._input_wh[0] // 4, self._input_wh[1] // 4)
        sigma = model.SIGMA * shrunk[0] / model.HEATMAP_SIZE[0]
        return exact_heatmaps(joints, weights, absent, shrunk, self._input_wh, sigma, self._config.PEOPLE.ABSENT)


class WeightedSampler(DrawSampler):
    """The draws of one epoch: `count` people, each as often as its `draws` says beside the others, dealt to `ranks`."""

    def __init__(
        self, draws: Sequence[float], count: int, seed_epoch: tuple[int, int], share: tuple[int, int] = (0, 1)
    ) -> None:
        self._draws = np.asarray(draws, np.float64)
        self._count = count
        self._seed_epoch = seed_epoch
        self._rank, self._ranks = share

    def __iter__(self) -> Iterator[Draw]:
        """Systematic sampling: nobody is drawn one time more or less often than is due."""
        rng = np.random.default_rng(self._seed_epoch)
        order = rng.permutation(len(self._draws))
        due = np.cumsum(self._draws[order]) / self._draws.sum() * self._count
        last = np.floor(due + 1e-6).astype(int)
        times = np.diff(last, prepend=0)
        rows = np.repeat(order, times)
        turns = np.arange(len(rows)) - np.repeat(last - times, times)
        dealt = rng.permutation(len(rows))[self._rank :: self._ranks][: len(self)]
        return (Draw(self._seed_epoch[1], int(rows[place]), int(turns[place])) for place in dealt)

    def __len__(self) -> int:
        return self._count // self._ranks
