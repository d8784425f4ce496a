"""Figures without a display and without pyplot's global state, and what all plots share."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motion_stage.sequence import Floats, Track, median_dt

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_INCHES, TOP_INCHES, BOTTOM_INCHES, DPI = 12.0, 0.5, 0.5, 80
COMPRESSION = 3  # zlib's: half the time of its usual 6 for a tenth more bytes
POINTS = ("hand",)  # what plots need of `Motion.paths`
MOST_FRAMES = 6000  # of a plot: more are no longer told apart
RAW, SMOOTH, FILLED = "#2e9e3f", "#d62728", "#9a9a9a"
FILLED_ALPHA = 0.35


def panels(rows: int, columns: int, title: str, row_inches: float = 2.0) -> tuple[Figure, list[list[Axes]]]:
    """A figure of `rows` x `columns` panels above one another that share the time axis, in seconds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    height = TOP_INCHES + BOTTOM_INCHES + row_inches * rows
    figure = Figure(figsize=(WIDTH_INCHES, height), dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, sharex=True, squeeze=False)
    # A layout engine would draw everything twice.
    figure.subplots_adjust(0.075, BOTTOM_INCHES / height, 0.99, 1 - TOP_INCHES / height, wspace=0.15, hspace=0.12)
    figure.suptitle(title, x=0.01, y=1 - 0.1 / height, ha="left", va="top", fontsize=10)
    for row in axes:
        for panel in row:
            panel.grid(alpha=0.25)
            panel.margins(x=0.01)
            if rows > 1:  # every number on an axis takes a millisecond
                panel.yaxis.set_major_locator(MaxNLocator(3))
    for panel in axes[-1]:
        panel.set_xlabel("time (s)")
    return figure, axes.tolist()


def png_of(figure: Figure) -> bytes:
    """The figure as a PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, pil_kwargs={"compress_level": COMPRESSION})
    return buffer.getvalue()


def thinned(track: Track, most: int = MOST_FRAMES) -> Track:
    """Every n-th frame of a long track, copied: what a plot of it holds."""
    step = max(1, -(-len(track.frames) // most))
    return replace(
        track,
        frames=track.frames[::step].copy(),
        t_seconds=track.t_seconds[::step].copy(),
        keypoints_xy=track.keypoints_xy[::step].copy(),
        scores=track.scores[::step].copy(),
        states=track.states[::step].copy(),
    )


def shade(panel: Axes, stretches: Sequence[tuple[float, float]], colour: str, label: str, alpha: float = 0.2) -> None:
    """Colours stretches of time."""
    if stretches:  # one artist for all of them: a hundred would take seconds
        bars = [(start, end - start) for start, end in stretches]
        across = panel.get_xaxis_transform()
        panel.broken_barh(bars, (0, 1), color=colour, alpha=alpha, linewidth=0, label=label, transform=across)


def legend(figure: Figure, axes: Sequence[Sequence[Axes]]) -> None:
    """One legend for all panels, above them, where it hides nothing."""
    handles: dict[str, Artist] = {}
    for row in axes:
        for panel in row:
            for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="upper right", ncols=len(handles), fontsize=8)


def stretches_where(t_seconds: Floats, chosen: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Start and end of each stretch of chosen samples, half a frame before its first and after its last."""
    half = median_dt(t_seconds) / 2 if len(t_seconds) > 1 else 0.5
    return [(float(t_seconds[first]) - half, float(t_seconds[last]) + half) for first, last in _runs(chosen)]


def _runs(chosen: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], chosen, [False])).astype(np.int8)))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        yield int(first), int(end) - 1
