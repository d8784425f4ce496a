"""Progress for people: a bar on a terminal, one line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

LOG_EVERY_SECONDS = 5.0


class Progress:
    """Counts images up to `total`; use as a context manager. `quiet` shows nothing."""

    def __init__(self, stage: str, total: int, quiet: bool = False) -> None:
        self._stage = stage
        self._total = total
        self._done = 0
        self._skipped = 0
        self._started = self._logged = time.monotonic()
        self._bar: Any = None
        self._quiet = quiet
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=stage, unit="image", dynamic_ncols=True)

    def step(self, worked: bool = True) -> None:
        """One more image is settled; `worked` tells whether it took the network or was merely skipped."""
        self._done += 1
        self._skipped += not worked
        if self._bar is not None:
            self._bar.update(1)
        elif not self._quiet and time.monotonic() - self._logged >= LOG_EVERY_SECONDS:
            self._logged = time.monotonic()
            print(self.line(self._logged - self._started), file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """The line for a log after `seconds`; the time left is reckoned from the images that took work."""
        rate = (self._done - self._skipped) / seconds if seconds > 0 else 0.0
        left = f", {_clock((self._total - self._done) / rate)} left" if rate > 0 else ""
        return f"{self._stage}: {self._done}/{self._total} images, {rate:.2f} images/s{left}"

    def say(self, text: str) -> None:
        """Prints a line without breaking the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        elif not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
