"""Raw and smoothed places of every keypoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from motion_stage.plots.figures import FILLED, FILLED_ALPHA, RAW, SMOOTH, legend, panels, shade, stretches_where
from motion_stage.sequence import State, Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def keypoints_plot(raw: Track, smooth: Track, names: Sequence[str] = ()) -> Figure:
    """A row a keypoint, x beside y: recorded in green, smoothed in red.

    Samples that the filters rejected are crosses; stretches that were filled in are grey.

    Args:
        raw: as recorded.
        smooth: the same frames after the filters, with the states that they gave.
        names: of keypoints; none of them: all that were ever seen.
    """
    seen = [name for name in smooth.skeleton.keypoints if np.isfinite(raw.point(name)).any()]
    chosen = list(names) or seen or list(smooth.skeleton.keypoints[:1])
    figure, axes = panels(len(chosen), 2, f"person {smooth.id}: keypoints", row_inches=1.5)
    for name, row in zip(chosen, axes, strict=True):
        for axis, panel in enumerate(row):
            _draw(panel, raw, smooth, name, axis)
            panel.set_ylabel(f"{name.replace('_', ' ')}\n{'xy'[axis]} (px)", fontsize=8)
            if axis == 1:
                panel.invert_yaxis()  # y grows downwards in the picture
    legend(figure, axes)
    return figure


def _draw(panel: Axes, raw: Track, smooth: Track, name: str, axis: int) -> None:
    times, states = smooth.t_seconds, smooth.state_of(name)
    recorded, smoothed = raw.point(name)[:, axis].copy(), smooth.point(name)[:, axis]
    recorded[raw.state_of(name) != State.MEASURED] = np.nan  # a low score is no place
    # What was rejected may have been filled in since.
    off = np.isfinite(recorded) & ((states == State.REJECTED) | (states == State.INTERPOLATED))
    panel.plot(times, np.where(off, np.nan, recorded), ".-", color=RAW, markersize=3, linewidth=0.6, label="recorded")
    panel.plot(times[off], recorded[off], "x", color="black", markersize=5, label="rejected")
    panel.plot(times, smoothed, color=SMOOTH, linewidth=1.2, label="smoothed")
    shade(panel, stretches_where(times, states == State.INTERPOLATED), FILLED, "filled in", FILLED_ALPHA)
    kept = recorded[~off & np.isfinite(recorded)]
    if len(kept) > 1 and np.ptp(kept) > 0:  # an outlier must not press the curve flat
        room = 0.25 * float(np.ptp(kept))
        panel.set_ylim(float(kept.min()) - room, float(kept.max()) + room)
