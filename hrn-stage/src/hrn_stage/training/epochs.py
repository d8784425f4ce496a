"""What an epoch of training is made of: batches and a loss, for plain samples or for people of ordinary photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from torch import Tensor
from torch.utils.data import DataLoader

from hrn_stage.config import HrnConfig
from hrn_stage.training.datasets import ordinary_people
from hrn_stage.training.growth import input_size
from hrn_stage.training.loader import People, Row, row_batches
from hrn_stage.training.losses import joint_errors, joint_weights, training_loss, with_hard_joints
from hrn_stage.training.ordinary_rows import OrdinaryPeople, WeightedSampler
from hrn_stage.training.processes import Processes
from hrn_stage.training.refusals import is_ordinary
from hrn_stage.training.samples import Sample
from pose_contract.errors import StageError
from pose_contract.skeletons import Skeleton
from stage_kit.training.loader import EpochSampler


class EpochSource(Protocol):
    """The labelled people of TRAIN_SET, as batches and a loss for every epoch."""

    def __len__(self) -> int:
        """How many people there are."""

    def more_labels(self) -> Iterator[bytes]:
        """What the result depends on besides the samples, for the run's fingerprint."""

    def batches(self, epoch: int) -> DataLoader[Row | StageError]:
        """Batches of network inputs, targets and weights."""

    def loss(self, epoch: int, heatmaps: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """What to lessen."""


def epoch_source(
    config: HrnConfig, skeleton: Skeleton, training: Sequence[Sample], processes: Processes
) -> EpochSource:
    """By DATASET.DATASET: of the samples, or of what people.npz says of them. Raises ConfigError as it is read."""
    if is_ordinary(config):
        return OrdinaryEpochs(config, skeleton, processes)
    return SampleEpochs(config, skeleton, training, processes)


class SampleEpochs:
    """Everybody once, augmented as published, and the published losses."""

    def __init__(self, config: HrnConfig, skeleton: Skeleton, training: Sequence[Sample], processes: Processes) -> None:
        self._people = People(training, config, skeleton, augmented=True)
        self._config, self._processes = config, processes
        self._harder = joint_weights(config.LOSS, skeleton).to(processes.device)

    def __len__(self) -> int:
        return len(self._people)

    def more_labels(self) -> Iterator[bytes]:
        """Nothing: a sample says it all."""
        return iter(())

    def batches(self, epoch: int) -> DataLoader[Row | StageError]:
        """All samples, shuffled."""
        train, share = self._config.TRAIN, (self._processes.rank, self._processes.count)
        return row_batches(self._people, EpochSampler(len(self), train.SEED, epoch, train.SHUFFLE, share), self._config)

    def loss(self, epoch: int, heatmaps: Tensor, targets: Tensor, weights: Tensor) -> Tensor:  # noqa: ARG002
        """As LOSS says."""
        return training_loss(heatmaps, targets, weights * self._harder, self._config.LOSS)


class OrdinaryEpochs:
    """People of ordinary photos by their share, a growing input, and the loss that minds sides and hard joints."""

    def __init__(self, config: HrnConfig, skeleton: Skeleton, processes: Processes) -> None:
        self._people = ordinary_people(config, config.DATASET.TRAIN_SET)
        self._config, self._skeleton, self._processes = config, skeleton, processes
        self._harder = joint_weights(config.LOSS, skeleton).to(processes.device)

    def __len__(self) -> int:
        return len(self._people)

    def more_labels(self) -> Iterator[bytes]:
        """Of each person what a sample leaves out: weights, absent joints, box and share."""
        for person in self._people:
            yield b"".join(part.tobytes() for part in (person.weights, person.absent, person.box_xyxy))
            yield repr(person.draws).encode()

    def batches(self, epoch: int) -> DataLoader[Row | StageError]:
        """PEOPLE.PER_EPOCH people at the size that PEOPLE.GROW gives this epoch."""
        config, processes = self._config, self._processes
        size_wh = input_size(config.PEOPLE.GROW, config.MODEL.IMAGE_SIZE, self._progress(epoch))
        rows = OrdinaryPeople(self._people, config, self._skeleton, size_wh)
        draws = [person.draws for person in self._people]
        count = config.PEOPLE.PER_EPOCH or len(draws)
        share = (processes.rank, processes.count)
        return row_batches(rows, WeightedSampler(draws, count, (config.TRAIN.SEED, epoch), share), config)

    def loss(self, epoch: int, heatmaps: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """The weighted squared difference; from PEOPLE.HARD_FROM on the worst joints count more."""
        config = self._config
        weights = weights * self._harder
        errors = joint_errors(heatmaps, targets, weights, self._skeleton.mirror_index, config.PEOPLE.SIDES)
        hard = config.LOSS.USE_OHKM and self._progress(epoch) >= config.PEOPLE.HARD_FROM
        return with_hard_joints(errors, config.LOSS.TOPK if hard else 0)

    def _progress(self, epoch: int) -> float:
        return epoch / max(1, self._config.TRAIN.END_EPOCH)
