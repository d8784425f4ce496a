"""Angles of the joints, left and right, and of the trunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from motion_stage.plots.figures import legend, panels
from motion_stage.sequence import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"left": "#1f77b4", "right": "#d62728", "": "black"}


def angles_plot(person: int, t_seconds: Floats, angles: Mapping[str, Floats]) -> Figure:
    """A panel a joint: `left_knee` and `right_knee` share one, `trunk` has its own. Angles [T] in degrees by name."""
    joints: dict[str, dict[str, Floats]] = {}
    for name, values in angles.items():
        side, _, joint = name.rpartition("_") if name.startswith(("left_", "right_")) else ("", "", name)
        joints.setdefault(joint, {})[side] = values
    figure, axes = panels(max(len(joints), 1), 1, f"person {person}: angles", row_inches=1.8)
    for (joint, sides), [panel] in zip(joints.items(), axes, strict=False):
        for side, values in sides.items():
            panel.plot(t_seconds, values, color=COLOURS[side], linewidth=1.1, label=side or None)
        panel.set_ylabel(f"{joint.replace('_', ' ')} (°)")
    legend(figure, axes)
    return figure
