"""Which of one's own photos train and which measure (pure)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pose_contract.errors import ConfigError

EVERY = 5


def measured_photos(photos: Iterable[str], seed: int) -> frozenset[str]:
    """Every fifth photo of an order drawn by the seed: nobody is measured on a photo that trains.

    Raises:
        ConfigError: fewer than two photos.
    """
    names = sorted(set(photos))
    if len(names) < 2:
        reason = f"{len(names)} photo(s) with labels: one part has to train, another to measure"
        raise ConfigError(reason, "correct the records of two photos or more; ten and more tell something")
    order = np.random.default_rng(seed).permutation(len(names))
    return frozenset(names[index] for index in order[::EVERY])


def split_in_words(seed: int) -> str:
    """For the card."""
    return f"split by photo with seed {seed}: every fifth photo measures"
