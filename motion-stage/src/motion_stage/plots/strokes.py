"""The racket arm's places, with the strokes shaded as in the lecture: forehand red, backhand purple."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from motion_stage.plots.figures import legend, panels, shade
from motion_stage.sequence import Track
from motion_stage.strokes.spans import Span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARM = ("right_shoulder", "right_elbow", "right_wrist")
OTHERS = ("#17becf", "#bcbd22", "#8c564b", "#7f7f7f")


def colour_of(name: str, classes: Sequence[str]) -> str:
    """Red for every kind of forehand, purple for every backhand, others in turn."""
    for part, colour in (("fore", "red"), ("back", "purple")):
        if name.startswith(part):
            return colour
    others = [one for one in classes if not one.startswith(("fore", "back"))]
    return OTHERS[others.index(name) % len(OTHERS)]


def strokes_plot(track: Track, spans: Sequence[Span], frames_a_row: int = 1) -> Figure:
    """Right shoulder, elbow and wrist, x beside y, with the strokes shaded.

    Args:
        track: smoothed; perhaps thinned.
        spans: rows count in the track before it was thinned.
        frames_a_row: how many of that track's rows one row here stands for.
    """
    figure, axes = panels(len(ARM), 2, f"person {track.id}: strokes", row_inches=2.2)
    classes = sorted({span.name for span in spans})
    times = track.t_seconds
    for name, row in zip(ARM, axes, strict=True):
        for axis, panel in enumerate(row):
            panel.plot(times, track.point(name)[:, axis], color="black", linewidth=1.0)
            for kind in classes:
                alpha = 0.15 if kind.endswith("slice") else 0.3  # a slice is paler than its plain stroke
                stretches = [
                    (
                        float(times[span.first // frames_a_row]),
                        float(times[min(span.last // frames_a_row, len(times) - 1)]),
                    )
                    for span in spans
                    if span.name == kind
                ]
                shade(panel, stretches, colour_of(kind, classes), kind.replace("_", " "), alpha)
            panel.set_ylabel(f"{name.replace('_', ' ')}\n{'xy'[axis]} (px)")
            if axis == 1:
                panel.invert_yaxis()
    legend(figure, axes)
    return figure
