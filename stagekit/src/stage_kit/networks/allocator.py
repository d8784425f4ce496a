"""glibc's malloc, told to keep freed memory: else pictures and activations are mapped and zeroed anew each time."""

from __future__ import annotations

import ctypes

# mallopt's parameters, from glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> None:
    """Call it before torch is imported. HRNet-W32 in batches of four ran ten times as fast for it on two cores; where
    pictures are the larger part, a whole run took a seventh less time.

    It does nothing on systems without glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 1 << 30)
        mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
        mallopt(_TOP_PAD, 1 << 28)
