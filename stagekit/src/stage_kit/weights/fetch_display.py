"""How a fetch of weights tells of itself: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tqdm import tqdm

from stage_kit.weights.download import Received
from stage_kit.weights.published import PublishedWeights

LOG_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Display:
    """Where a fetch tells what happens: `say` takes a line, `received` the bytes so far and in all."""

    say: Callable[[str], None]
    received: Received


SILENT = Display(say=lambda _line: None, received=lambda _done, _total: None)


@contextmanager
def display_of(weights: PublishedWeights) -> Iterator[Display]:
    """A bar on a terminal, a line every few seconds in a log."""
    if not sys.stderr.isatty():
        yield Display(say=lambda line: print(line, flush=True), received=_log_lines(weights.name))
        return
    with tqdm(
        desc=weights.name,
        total=weights.size_bytes,
        unit="B",
        unit_scale=True,
        leave=False,
        delay=0.5,
        dynamic_ncols=True,
    ) as bar:

        def received(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield Display(say=bar.write, received=received)


def _log_lines(name: str) -> Received:
    logged = time.monotonic()

    def received(done: int, total: int | None) -> None:
        nonlocal logged
        if time.monotonic() - logged >= LOG_EVERY_SECONDS:
            logged = time.monotonic()
            whole = f" of {total / 1e6:.1f} MB ({done / total:.0%})" if total else " MB"
            print(f"{name}: {done / 1e6:.1f}{whole}", flush=True)

    return received
