"""What a cfg may ask for at most, so that a stranger's file is refused before memory or time is taken.

YOLOv3 has 107 layers, 1,024 channels, kernels of 3 and pools of up to 13 cells.
"""

from __future__ import annotations

from pose_contract.errors import ConfigError

MOST_BYTES = 1 << 18  # of the file
MOST_SECTIONS = 1000
MOST_OPTIONS = 200  # in one section
MOST_CELLS = 4096  # along a side of the input and of every map
MOST_CHANNELS = 1 << 16
MOST_VALUES = 1 << 30  # of one map, or of one layer's parameters
LARGEST_KERNEL = 64  # cells of a convolution or a pool along a side, and of their padding
_REMEDY = "give another network; no published one comes near this limit"


def require_at_most(place: str, what: str, value: int, limit: int) -> None:
    """Refuses what is over a limit. Raises ConfigError, which names it."""
    if value > limit:
        shown = f"{value:,}" if value < 1 << 64 else "far more"
        raise ConfigError(f"{place}: {what} {shown}; {limit:,} is the limit", _REMEDY)


def require_bounded_map(place: str, channels: int, size: int, parameters: int) -> None:
    """Refuses a layer whose map or parameters are too many. Raises ConfigError."""
    require_at_most(place, "a map with a side of", size, MOST_CELLS)
    require_at_most(place, "channels:", channels, MOST_CHANNELS)
    require_at_most(place, "values of its map:", channels * size * size, MOST_VALUES)
    require_at_most(place, "parameters:", parameters, MOST_VALUES)
