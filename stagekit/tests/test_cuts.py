from __future__ import annotations

import numpy as np

from pose_contract.records import Box
from stage_kit.pictures.boxes import cut_rectangle
from stage_kit.pictures.cuts import CUT_SCALE, cut_around, cut_out


def test_a_cut_is_the_rectangle_of_the_part_inside_the_picture() -> None:
    inside = cut_around(Box(x1=155.2, y1=46.8, x2=368, y2=402.5), (590, 422), file="7")
    assert (inside.file, inside.x, inside.y, inside.width, inside.height) == ("7", 37, 0, 449, 422)
    beyond = cut_around(Box(x1=-50, y1=10, x2=60, y2=80), (100, 90))
    assert (beyond.x, beyond.y, beyond.width, beyond.height) == cut_rectangle((0, 10, 60, 80), (100, 90), CUT_SCALE)


def test_a_larger_scale_cuts_more() -> None:
    box = Box(x1=40, y1=40, x2=60, y2=60)
    assert cut_around(box, (100, 100), 2).width > cut_around(box, (100, 100)).width


def test_the_pixels_are_those_of_the_rectangle() -> None:
    picture = np.arange(90 * 100 * 3, dtype=np.uint32).reshape(90, 100, 3).astype(np.uint8)
    cut = cut_around(Box(x1=40, y1=40, x2=60, y2=60), (100, 90))
    pixels = cut_out(picture, cut)
    assert pixels.shape == (cut.height, cut.width, 3)
    np.testing.assert_array_equal(pixels[0, 0], picture[cut.y, cut.x])
