"""The words by which a network is chosen, for flags, settings and the Python API."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from pose_contract.errors import UsageError
from stage_kit.networks.device import Device

Weights = Literal["auto", "published", "lite"]
PrecisionChoice = Literal["auto", "fp32", "bf16", "int8"]


CHOICES: Mapping[str, Sequence[str]] = {
    "weights": get_args(Weights),
    "precision": get_args(PrecisionChoice),
    "device": get_args(Device),
}


def require_choices(engines: Sequence[str], **chosen: str) -> None:
    """Refuses a `weights`, `engine`, `precision` or `device` that there is not, and names the nearest one.

    Raises:
        UsageError: such a value.
    """
    for name, value in chosen.items():
        require_choice(name, value, engines if name == "engine" else CHOICES[name])


def require_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Refuses a value that is none of `choices`, and names the nearest one. Raises UsageError."""
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else "give one of these"
        expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise UsageError(f"{name}: expected {expected}, got {value!r}", remedy)
