"""Who trains and who measures: the two sets of a YAML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hrn_stage.config import HrnConfig
from hrn_stage.training.datasets import read_samples
from hrn_stage.training.detections import measured_people
from hrn_stage.training.samples import Sample
from hrn_stage.training.selection import well_centred
from pose_contract.errors import ConfigError
from stage_kit.training.split import measured_photos


def read_sets(config: HrnConfig) -> tuple[list[Sample], list[Sample]]:
    """The people that train and those that measure; a workspace's photos are split by TRAIN.SEED.

    Raises:
        ConfigError: as `read_samples`; a picture that is not there; a workspace with one photo.
    """
    training, testing = read_samples(config, config.DATASET.TRAIN_SET), read_measured(config)
    if is_workspace(config):
        training = _parted(config, training, measures=False)
    if config.DATASET.SELECT_DATA:
        training = well_centred(training)
    if not training:
        raise ConfigError("DATASET.SELECT_DATA leaves nobody to train on", "set DATASET.SELECT_DATA false")
    require_pictures([*training, *testing], config.DATASET.ROOT)
    return training, testing


def read_measured(config: HrnConfig) -> list[Sample]:
    """The people that measure: TEST_SET's, or a detector's; in a workspace every fifth photo's, who never train."""
    samples = measured_people(config)
    return _parted(config, samples, measures=True) if is_workspace(config) else samples


def is_workspace(config: HrnConfig) -> bool:
    """Whether the labels are a workspace's records."""
    return config.DATASET.DATASET.lower() == "workspace"


def _parted(config: HrnConfig, samples: list[Sample], measures: bool) -> list[Sample]:
    held = measured_photos((sample.image.as_posix() for sample in samples), config.TRAIN.SEED)
    return [sample for sample in samples if (sample.image.as_posix() in held) == measures]


def require_pictures(samples: Sequence[Sample], root: str) -> None:
    """Raises ConfigError where the picture of a labelled person is not there, before hours of work are done in vain."""
    seen: dict[Path, bool] = {}
    for number, sample in enumerate(samples):
        if sample.image not in seen:
            seen[sample.image] = sample.image.is_file()
        if not seen[sample.image]:
            reason = f"{sample.image} is not there, the picture of labelled person {number} of {root}"
            raise ConfigError(reason, "put the pictures where the labels say, or correct DATASET.ROOT")
