"""The sets of labelled pictures that train, and the one that measures."""

from __future__ import annotations

from dataclasses import dataclass

from yolo_stage.darknet import DarknetNetwork
from yolo_stage.labels import LabelledPicture, read_labels, read_sets
from yolo_torch.training.options import TrainOptions
from yolo_torch.training.sampling import Shares, set_weights


@dataclass(frozen=True)
class LabelledSets:
    """The pictures of each of --train, and those that measure."""

    by_source: tuple[list[LabelledPicture], ...]
    testing: list[LabelledPicture]

    @property
    def training(self) -> list[LabelledPicture]:
        """Those of all sets, in a row."""
        return [row for labels in self.by_source for row in labels]

    def mined(self, options: TrainOptions) -> list[int]:
        """Indices into `training` of the pictures in which mistakes are looked for."""
        indices: list[int] = []
        begin = 0
        for path, labels in zip(options.train, self.by_source, strict=True):
            indices += range(begin, begin + len(labels)) if path in options.mine_sets else ()
            begin += len(labels)
        return indices

    def shares(self, options: TrainOptions, network: DarknetNetwork) -> Shares:
        """How often each picture is drawn, and for inputs of which sizes."""
        sizes = options.input_sizes or ((network.input_size, network.input_size),)
        weights = set_weights([len(labels) for labels in self.by_source], options.set_weights)
        return Shares(weights, sizes, options.batch_size)


def read_all(options: TrainOptions, person_class: int) -> LabelledSets:
    """Reads all labels; a workspace that trains and measures is split by photo, by the seed.

    Raises:
        ConfigError: as `yolo_stage.labels.read_sets`.
    """
    sets: list[list[LabelledPicture]] = []
    testing: list[LabelledPicture] | None = None
    for path in options.train:
        if path.resolve() == options.valid.resolve():
            training, testing = read_sets((path, options.valid), options.images, person_class, options.seed)
        else:
            training = read_labels(path, options.images, person_class)
        sets.append(training)
    if testing is None:
        testing = read_labels(options.valid, options.images, person_class)
    return LabelledSets(tuple(sets), testing)
