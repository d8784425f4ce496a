"""Which of a run's images int8 is calibrated and measured on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")
CALIBRATION = 160  # at most
FEWEST_HELD = 12
MOST_BYTES = 512 << 20


def spread(items: Sequence[Item], most: int = CALIBRATION) -> Sequence[Item]:
    """At most `most` of the items, spread evenly over all of them; the same ones for the same items."""
    count = min(len(items), most)
    return [items[index * len(items) // count] for index in range(count)]


def held_in_memory(samples: Iterable[NDArray[np.float32]], most_bytes: int = MOST_BYTES) -> list[NDArray[np.float32]]:
    """The samples, or where they are too large every second, fourth, … of them; at least `FEWEST_HELD` of as many."""
    kept: list[NDArray[np.float32]] = []
    step = 1
    for index, sample in enumerate(samples):
        if index % step == 0:
            kept.append(sample)
        if len(kept) > FEWEST_HELD * 2 and len(kept) * sample.nbytes > most_bytes:
            kept, step = kept[::2], step * 2
    return kept


def fingerprint_of(samples: Iterable[NDArray[np.float32]]) -> str:
    """16 hex digits of what a network was calibrated on."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(sample.tobytes())
    return digest.hexdigest()[:16]
