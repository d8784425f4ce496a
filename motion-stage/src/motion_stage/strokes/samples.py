"""Labelled windows, and which recording each is of. Data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_stage.sequence import Track
from motion_stage.strokes.features import features_at, mirrored

IDLE = "idle"
STRIDE_SECONDS = 2 / 30  # between the middles of two windows of one stretch: nearer ones are nearly alike


@dataclass(frozen=True)
class Stretch:
    """A stretch of time that has one label; `name` is a class."""

    start_seconds: float
    end_seconds: float
    name: str


@dataclass(frozen=True)
class Samples:
    """N windows of S stretches.

    Attributes:
        features: [N, F].
        stretches: [N], the number of the stretch that each is of.
        names: [S], each stretch's class.
        recordings: [S], each stretch's recording: what is split between training and measuring.
    """

    features: NDArray[np.float32]
    stretches: NDArray[np.int64]
    names: tuple[str, ...]
    recordings: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(set(self.names)))

    def only(self, recordings: set[str]) -> Samples:
        """The windows of these recordings."""
        kept = [index for index, recording in enumerate(self.recordings) if recording in recordings]
        place = np.full(len(self.names), -1)
        place[kept] = np.arange(len(kept))
        rows = place[self.stretches] >= 0
        return Samples(
            features=self.features[rows],
            stretches=place[self.stretches[rows]],
            names=tuple(self.names[index] for index in kept),
            recordings=tuple(self.recordings[index] for index in kept),
        )


def samples_of(track: Track, stretches: Sequence[Stretch], recording: str, left_handed: bool = False) -> Samples:
    """Windows whose middles lie in labelled stretches of one track; a left-hander is mirrored."""
    player = mirrored(track) if left_handed else track
    features, numbers = [features_at(player, np.empty(0))], []
    for number, stretch in enumerate(stretches):
        moments = np.arange(stretch.start_seconds, stretch.end_seconds + STRIDE_SECONDS / 2, STRIDE_SECONDS)
        features.append(features_at(player, moments))
        numbers += [number] * len(moments)
    names = tuple(stretch.name for stretch in stretches)
    indices = np.array(numbers, dtype=np.int64)
    return Samples(np.concatenate(features), indices, names, (recording,) * len(names))


def joined(parts: Sequence[Samples]) -> Samples:
    """All of them, one after the other; at least one."""
    starts = np.cumsum([0, *(len(part.names) for part in parts)])
    return Samples(
        features=np.concatenate([part.features for part in parts]),
        stretches=np.concatenate([part.stretches + start for part, start in zip(parts, starts[:-1], strict=True)]),
        names=tuple(name for part in parts for name in part.names),
        recordings=tuple(recording for part in parts for recording in part.recordings),
    )


def with_idle(strokes: Sequence[Stretch], start_seconds: float, end_seconds: float) -> list[Stretch]:
    """The labelled strokes, and what lies between them as `idle`; in order of time."""
    result: list[Stretch] = []
    moment = start_seconds
    for stroke in sorted(strokes, key=lambda one: one.start_seconds):
        if stroke.start_seconds > moment:
            result.append(Stretch(moment, stroke.start_seconds, IDLE))
        result.append(stroke)
        moment = max(moment, stroke.end_seconds)
    if end_seconds > moment:
        result.append(Stretch(moment, end_seconds, IDLE))
    return result
