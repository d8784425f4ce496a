"""Progress for people: a bar on a terminal, one line every few seconds in a log."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from pose_contract.names import printable

LOG_EVERY_SECONDS = 5.0


def shown(text: str) -> str:
    """A message as a terminal may see it: without control characters but line ends, and with the host's paths.

    A file name, or a value in somebody's file, may hold what moves the cursor or sets the window's title. In a
    container POSE_HOST_WORKSPACE says where the workspace lies on the host, and POSE_WORKSPACE where it is mounted.
    """
    text = "\n".join(map(printable, text.split("\n")))
    host, mounted = os.environ.get("POSE_HOST_WORKSPACE"), os.environ.get("POSE_WORKSPACE")
    if host and mounted and Path(mounted).is_dir():
        inside = rf"{re.escape(str(Path(mounted).absolute()))}(?=[/'\":;,\s]|$)|{re.escape(mounted)}(?=/)"
        text = re.sub(rf"(?<![\w./-])(?:{inside})", lambda _: host, text)
    return text


def tell(text: str) -> None:
    """Prints a line to the log. That its reader has gone, or its disk is full, is no reason to end a night's run."""
    with contextlib.suppress(OSError, ValueError):
        print(shown(text), file=sys.stderr, flush=True)


class Progress:
    """Counts images up to `total`; use as a context manager. `quiet` shows nothing."""

    def __init__(self, stage: str, total: int, quiet: bool = False) -> None:
        self._stage = stage
        self._total = total
        self._done = 0
        self._worked = 0
        self._first: float | None = None
        self._logged = time.monotonic()
        self._bar: Any = None
        self._quiet = quiet
        self._lock = threading.Lock()
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=stage, unit="image", dynamic_ncols=True)

    def step(self, worked: bool = True) -> None:
        """One more image is settled; `worked` tells whether it took the network or was merely skipped."""
        now = time.monotonic()
        with self._lock:
            self._done += 1
            if worked and self._first is None:
                self._first = now
            elif worked:
                self._worked += 1
            due = now - self._logged >= LOG_EVERY_SECONDS
            if due:
                self._logged = now
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.update(1)
        elif due and not self._quiet:
            tell(self.line(now))

    def line(self, now: float) -> str:
        """The line for a log at `now` (time.monotonic()).

        Rate and time left are reckoned from the first image that took work on, so that loading the network, and
        images that are skipped, do not count.
        """
        seconds = now - self._first if self._first is not None else 0.0
        text = f"{self._stage}: {self._done}/{self._total} images"
        if not self._worked or seconds <= 0:
            return text
        rate = self._worked / seconds
        return f"{text}, {rate:.2f} images/s, {_clock((self._total - self._done) / rate)} left"

    def say(self, text: str) -> None:
        """Prints a line without breaking the bar."""
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.write(shown(text), file=sys.stderr)
        elif not self._quiet:
            tell(text)

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
