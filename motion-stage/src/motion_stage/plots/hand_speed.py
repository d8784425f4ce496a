"""The hand's speed along the stroke: drives, recoveries, catches and finishes."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from motion_stage.events.rowing import Rowing
from motion_stage.plots.figures import legend, panels, shade
from motion_stage.sequence import Floats, Track

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRIVE, RECOVERY, CATCH, FINISH = "#1f77b4", "#ff9f1c", "#1a5f1a", "#8b1a1a"


def hand_speed_plot(track: Track, speed: Floats, floor_px_per_s: float, rowing: Rowing | None = None) -> Figure:
    """The hand's speed [T] in pixels a second, with its noise floor.

    With `rowing` it is the speed along the stroke's axis instead: drives above 0 and shaded blue, recoveries below and
    shaded orange, a line at each catch and finish.
    """
    figure, [[panel]] = panels(1, 1, _title(track, rowing), row_inches=4.0)
    values = speed if rowing is None else rowing.speed_px_per_s
    if rowing is not None:
        moments = [(event.kind, event.t_seconds) for event in rowing.events]
        spans = [(kind, start, end) for (kind, start), (_, end) in itertools.pairwise(moments)]
        # Between two events of one kind lies a gap of the track.
        kinds = [one[0] for one in moments]
        whole = [span for span, following in zip(spans, kinds[1:], strict=True) if following != span[0]]
        shade(panel, [span[1:] for span in whole if span[0] == "catch"], DRIVE, "drive")
        shade(panel, [span[1:] for span in whole if span[0] == "finish"], RECOVERY, "recovery")
        for name, colour, style in (("catch", CATCH, "-"), ("finish", FINISH, "--")):
            times = [moment for kind, moment in moments if kind == name]
            for number, moment in enumerate(times):
                panel.axvline(moment, color=colour, linestyle=style, linewidth=1, label=None if number else name)
        panel.axhline(0, color="black", linewidth=0.6)
    panel.plot(track.t_seconds, values, color="black", linewidth=1.2, label="speed")
    if math.isfinite(floor_px_per_s):
        panel.axhline(floor_px_per_s, color="grey", linestyle=":", label=f"noise floor {floor_px_per_s:.0f} px/s")
        if rowing is not None:
            panel.axhline(-floor_px_per_s, color="grey", linestyle=":")
    panel.set_ylabel("px/s")
    legend(figure, [[panel]])
    return figure


def _title(track: Track, rowing: Rowing | None) -> str:
    title = f"person {track.id}: speed of the hand"
    if rowing is None or not rowing.strokes:
        return title
    rate = float(np.median([stroke.rate_per_minute for stroke in rowing.strokes]))
    ratio = float(np.median([stroke.drive_to_recovery_ratio for stroke in rowing.strokes]))
    return f"{title}; {len(rowing.strokes)} strokes, {rate:.1f} a minute, drive : recovery {ratio:.2f}"
