"""Which of a run's images int8 is calibrated and measured on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
CALIBRATION = 160  # at most


def spread(items: Sequence[Item], most: int = CALIBRATION) -> Sequence[Item]:
    """At most `most` of the items, spread evenly over all of them; the same ones for the same items."""
    return items[:: max(1, len(items) // most)][:most]
