"""The classifier: trained, kept in a file, asked. LightGBM is imported here alone, when it is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from motion_stage.sequence import Floats
from motion_stage.strokes.features import SCHEMA
from motion_stage.strokes.samples import Samples
from pose_contract.errors import ConfigError, UsageError
from pose_contract.records import Record, Sha256
from pose_contract.storage import write_record

if TYPE_CHECKING:
    from lightgbm import Booster

ROUNDS = 150
# One thread and one way of counting, so that equal labels give equal bytes. Few columns a tree: neighbours are alike.
PARAMETERS: Mapping[str, object] = {
    "num_leaves": 15,
    "learning_rate": 0.08,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "objective": "multiclass",
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "verbosity": -1,
}
LARGEST_MODEL = 200_000_000  # bytes


class StrokeModel(Record):
    """A trained classifier as a file.

    Attributes:
        features_sha256: the digest of the schema that its columns have.
        classes: what it tells apart, in the order of its probabilities.
        recordings: what it was trained on.
        strokes: how many labelled stretches of each class.
        trees: LightGBM's own text.
    """

    schema_version: Literal[1] = 1
    kind: Literal["strokes"] = "strokes"
    features_sha256: Sha256
    classes: tuple[str, ...] = Field(min_length=2)
    recordings: tuple[str, ...]
    strokes: dict[str, int]
    trees: str


class StrokeClassifier:
    """A model that can be asked."""

    def __init__(self, model: StrokeModel) -> None:
        """Raises ConfigError where LightGBM cannot read the trees, UsageError where it is not installed."""
        lightgbm = require_lightgbm()
        self.model = model
        try:
            self._booster: Booster = lightgbm.Booster(model_str=model.trees)
        except lightgbm.basic.LightGBMError as error:
            raise ConfigError(f"a model of strokes that LightGBM cannot read: {error}", "train it again") from None

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the probabilities."""
        return self.model.classes

    def probabilities(self, features: NDArray[np.float32]) -> Floats:
        """[N, C] of [N, F]."""
        if not len(features):
            return np.empty((0, len(self.classes)))
        answers: Floats = np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)
        return answers


def train(samples: Samples) -> StrokeModel:
    """A model of all the windows; the same windows give the same model.

    Raises UsageError where there is one class only, or LightGBM is not installed.
    """
    lightgbm = require_lightgbm()
    classes = samples.classes
    if len(classes) < 2:
        known = f"only {classes[0]}" if classes else "nothing"
        raise UsageError(f"the labels name {known}: there is nothing to tell apart", "label strokes of another class")
    answers = np.array([classes.index(name) for name in samples.names])[samples.stretches]
    data = lightgbm.Dataset(samples.features, answers, weight=_weights(answers), free_raw_data=False)
    booster = lightgbm.train({**PARAMETERS, "num_class": len(classes)}, data, ROUNDS)
    return StrokeModel(
        features_sha256=SCHEMA.digest,
        classes=classes,
        recordings=tuple(sorted(set(samples.recordings))),
        strokes=dict(sorted(Counter(samples.names).items())),
        trees=booster.model_to_string(),
    )


def _weights(answers: NDArray[np.int64]) -> Floats:
    """A rare class counts for more: by the root, as full balance makes it guessed too often."""
    counts = np.bincount(answers)
    weights: Floats = np.sqrt(len(answers) / (len(counts) * counts[answers]))
    return weights


def write_model(path: Path, model: StrokeModel) -> None:
    """Atomically. Raises WorkspaceError where the folder cannot be written."""
    write_record(path, model)


def read_model(path: Path) -> StrokeModel:
    """A model from its file. Raises ConfigError where it is none, or was trained on other features."""
    try:
        if path.stat().st_size > LARGEST_MODEL:
            raise ConfigError(
                f"{path} is too large to be a model of strokes", "name the file that `strokes train` wrote"
            )
        model = StrokeModel.model_validate_json(path.read_bytes())
    except OSError as error:
        remedy = "train one: motion-stage strokes train --labels labels.csv"
        raise ConfigError(f"{path} cannot be read: {error.strerror}", remedy) from None
    except ValidationError:
        raise ConfigError(f"{path} is no model of strokes", "name the file that `strokes train` wrote") from None
    if model.features_sha256 != SCHEMA.digest:
        raise ConfigError(f"{path} was trained on other features than this version makes", "train it again")
    return model


def require_lightgbm() -> ModuleType:
    """LightGBM. Raises UsageError where it is not installed, or cannot run here."""
    try:
        import lightgbm
    except ImportError:
        remedy = "install it: make setup STROKES=1, or motion-stage[strokes] by pip"
        raise UsageError("strokes are told by LightGBM, which is not installed", remedy) from None
    except OSError as error:  # its library wants OpenMP, which slim systems lack
        remedy = "install the system's package libgomp1"
        raise UsageError(f"LightGBM cannot run here: {error}", remedy) from None
    return lightgbm
