"""What every loaded network tells of itself, whichever engine runs it."""

from __future__ import annotations

from typing import Protocol


class Network(Protocol):
    """A loaded network; engines and the fakes in tests have this shape."""

    @property
    def name(self) -> str:
        """The engine, such as `torch`."""

    @property
    def device(self) -> str:
        """Where it runs: `cpu` or `cuda`."""

    @property
    def precision(self) -> str:
        """Its arithmetic, such as `fp32`."""

    @property
    def fixed_batch(self) -> bool:
        """Whether a batch's size changes its numbers or costs time, so that all should be alike."""

    @property
    def at_once(self) -> tuple[int, int]:
        """How many inputs it wants at a time: the fewest and the most."""
