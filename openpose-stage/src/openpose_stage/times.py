"""How long the network and the reading of its maps took: a run's own clock, which changes no result."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Times:
    """Seconds of a run's parts, over all threads; `pictures` are photos and frames. Threads may share it."""

    pictures: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def of(self, part: str, pictures: int = 0) -> Iterator[None]:
        """Measures what happens inside."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - begun
            with self._lock:
                self.pictures += pictures
                self.seconds[part] += took  # type: ignore[assignment]

    def in_words(self) -> str:
        """`  network 131.0 ms, reading its maps 3.1 ms a picture`."""
        parts = [f"{part} {1000 * took / self.pictures:.1f} ms" for part, took in self.seconds.items()]
        return f"  {', '.join(parts)} a picture"
