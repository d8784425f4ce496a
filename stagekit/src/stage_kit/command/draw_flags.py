"""The style of drawing that a command's flags ask for."""

from __future__ import annotations

import argparse
from dataclasses import fields

from stage_kit.command.refusals import require
from stage_kit.pictures.draw_style import DrawStyle

SCORES = ("min_score", "min_person_score")
SIZES = ("circle_radius", "circle_thickness", "label_font_scale", "label_thickness", "line_thickness")
MOST_PIXELS = 1000


def style_of(args: argparse.Namespace, stage: str) -> DrawStyle:
    """The style by those flags that have the name of a field of it; a stage need not have all of them.

    Raises:
        UsageError: a score that is none, or a size without a meaning.
    """
    given = {field.name: getattr(args, field.name) for field in fields(DrawStyle) if hasattr(args, field.name)}
    for flag in SCORES:
        require(0 <= given.get(flag, 0) <= 1, flag, given.get(flag), "0 to 1", stage)
    for flag in SIZES:
        size = given.get(flag)
        filled = flag == "circle_thickness" and size == -1
        require(size is None or filled or 0 < size <= MOST_PIXELS, flag, size, f"over 0, up to {MOST_PIXELS}", stage)
    switches = {flag: bool(value) for flag, value in given.items() if flag not in (*SCORES, *SIZES)}
    return DrawStyle(**given | switches)
