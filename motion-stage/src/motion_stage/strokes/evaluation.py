"""How good the classifier is on recordings that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_stage.sequence import Floats
from motion_stage.strokes.model import StrokeClassifier, train
from motion_stage.strokes.samples import Samples
from pose_contract.errors import UsageError


@dataclass(frozen=True)
class Measured:
    """Of labelled stretches, each told by the mean of its windows' probabilities.

    Attributes:
        classes: C names.
        confusion: [C, C]: how many stretches of the row's class were taken for the column's.
        recordings: each recording that was left out, with its own macro-F1 over the classes that it shows.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    recordings: dict[str, float]

    @property
    def f1(self) -> dict[str, float]:
        """Each class's F1 over all recordings together."""
        return dict(zip(self.classes, f1_of(self.confusion), strict=True))

    @property
    def macro_f1(self) -> float:
        """The mean of the classes' F1: one that is rare counts as much as one that is not."""
        return float(np.mean(f1_of(self.confusion)))

    def as_text(self) -> str:
        """For people: numbers and the confusion."""
        width = max(8, *(len(name) for name in self.classes)) + 2
        lines = [f"macro-F1 {self.macro_f1:.3f}; each recording left out in turn:"]
        lines += [f"  {name}: {score:.3f}" for name, score in self.recordings.items()]
        lines.append("labelled (row) taken for (column):")
        lines.append(" " * width + "".join(f"{name:>{width}}" for name in (*self.classes, "F1")))
        for name, row in zip(self.classes, self.confusion, strict=True):
            lines.append(f"{name:<{width}}{''.join(f'{count:>{width}}' for count in row)}{self.f1[name]:>{width}.3f}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """All numbers."""
        return {
            "macro_f1": self.macro_f1,
            "f1": self.f1,
            "recordings": self.recordings,
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
        }


def evaluate(samples: Samples) -> Measured:
    """Leaves each recording out in turn: a model of all the others tells its stretches.

    Raises UsageError where there is one recording only, or what is left has one class only.
    """
    recordings = sorted(set(samples.recordings))
    if len(recordings) < 2:
        remedy = "label another recording: a model that is measured on what it has seen looks better than it is"
        raise UsageError(f"the labels are of {len(recordings)} recording", remedy)
    classes = samples.classes
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
    scores: dict[str, float] = {}
    for left_out in recordings:
        training, measured = samples.only(set(recordings) - {left_out}), samples.only({left_out})
        assert not set(training.recordings) & set(measured.recordings)
        own = _confusion(measured, StrokeClassifier(train(training)), classes)
        confusion += own
        scores[left_out] = float(np.mean(f1_of(own)[own.sum(axis=1) > 0]))
    return Measured(classes, confusion, scores)


def _confusion(samples: Samples, classifier: StrokeClassifier, classes: tuple[str, ...]) -> NDArray[np.int64]:
    result = np.zeros((len(classes), len(classes)), dtype=np.int64)
    probabilities = classifier.probabilities(samples.features)
    for number, name in enumerate(samples.names):
        rows = samples.stretches == number
        if rows.any():
            answer = classifier.classes[int(np.argmax(probabilities[rows].mean(axis=0)))]
            result[classes.index(name), classes.index(answer)] += 1
    return result


def f1_of(confusion: NDArray[np.int64]) -> Floats:
    """[C]: 2 x right / (labelled + told); 0 for a class that is neither."""
    both = confusion.sum(axis=0) + confusion.sum(axis=1)
    scores: Floats = np.diag(confusion) * 2 / np.maximum(both, 1)
    return scores
