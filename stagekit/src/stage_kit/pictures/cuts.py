"""The part of a picture that is cut out around one person: its rectangle as a record, and its pixels. Pure."""

from __future__ import annotations

from pose_contract.records import Box, Cut
from stage_kit.pictures.boxes import clip_boxes, cut_rectangle
from stage_kit.pictures.images import Picture

CUT_SCALE = 1.25
"""Size of a cut over that of the box, unless something else is asked for."""


def cut_around(box: Box, picture_wh: tuple[int, int], cut_scale: float = CUT_SCALE, file: str = "") -> Cut:
    """The record of a box's cut. The box must have an area inside the picture, beyond which it may reach."""
    inside = clip_boxes([box.xyxy], picture_wh)[0]
    x, y, width, height = cut_rectangle(inside, picture_wh, cut_scale)
    return Cut(file=file, x=x, y=y, width=width, height=height)


def cut_out(picture: Picture, cut: Cut) -> Picture:
    """The cut's pixels [height, width, 3]: a view of the picture."""
    return picture[cut.y : cut.y + cut.height, cut.x : cut.x + cut.width]
