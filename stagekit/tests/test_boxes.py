from __future__ import annotations

import numpy as np
import pytest

from stage_kit.pictures.boxes import clip_boxes, cut_rectangle, iou_matrix, order_people, valid_boxes

EMPTY = np.empty((0, 4))
Box = tuple[float, float, float, float]


@pytest.mark.parametrize(
    ("box_a", "box_b", "iou"),
    [
        ((0, 0, 0, 0), (0, 0, 0, 0), 0),
        ((0, 0, 4, 4), (10, 10, 14, 14), 0),
        ((0, 0, 4, 4), (4, 0, 8, 4), 0),
        ((0, 0, 4, 4), (0, 0, 4, 4), 1),
        ((0, 0, 4, 4), (2, 0, 6, 4), 1 / 3),
        ((0, 0, 4, 4), (1, 1, 3, 3), 1 / 4),
        ((4, 4, 0, 0), (0, 0, 4, 4), 0),
    ],
)
def test_iou(box_a: Box, box_b: Box, iou: float) -> None:
    np.testing.assert_allclose(iou_matrix([box_a], [box_b]), [[iou]])
    np.testing.assert_allclose(iou_matrix([box_b], [box_a]), [[iou]])


def test_iou_shapes() -> None:
    assert iou_matrix(EMPTY, EMPTY).shape == (0, 0)
    assert iou_matrix(EMPTY, [[0, 0, 1, 1]]).shape == (0, 1)
    assert iou_matrix(np.ones((3, 4)), np.ones((2, 4))).shape == (3, 2)


@pytest.mark.parametrize(
    ("box", "clipped", "valid"),
    [
        ((-9, -9, -1, -1), (0, 0, 0, 0), False),
        ((200, 10, 300, 20), (100, 10, 100, 20), False),
        ((-5, 10, 20, 70), (0, 10, 20, 50), True),
        ((10, 10, 20, 20), (10, 10, 20, 20), True),
        ((10, 10, 10.009, 20), (10, 10, 10.009, 20), False),
        ((20, 10, 10, 20), (20, 10, 10, 20), False),
        ((-np.inf, 0, np.inf, 50), (0, 0, 100, 50), True),
    ],
)
def test_clipping_and_degenerate_boxes(box: Box, clipped: Box, valid: bool) -> None:
    result = clip_boxes([box], (100, 50))
    np.testing.assert_array_equal(result, [clipped])
    assert valid_boxes(result).tolist() == [valid]


def test_no_boxes() -> None:
    assert clip_boxes(EMPTY, (100, 50)).shape == (0, 4)
    assert valid_boxes(EMPTY).tolist() == []
    assert order_people(EMPTY).tolist() == []


def test_boxes_that_are_not_finite_are_not_valid() -> None:
    assert valid_boxes([[0, 0, np.nan, 5], [0, 0, np.inf, 5], [0, 0, 5, 5]]).tolist() == [False, False, True]


def test_people_are_ordered_by_centre_and_then_reproducibly() -> None:
    boxes = np.array(
        [
            [50, 0, 60, 10],  # centre 55
            [0, 20, 20, 40],  # centre 10, 30
            [0, 0, 20, 20],  # centre 10, 10
            [5, 5, 15, 15],  # centre 10, 10, narrower
            [0, 0, 20, 20],
        ]
    )
    assert order_people(boxes).tolist() == [2, 4, 3, 1, 0]
    shuffled = np.random.default_rng(0).permutation(len(boxes))
    np.testing.assert_array_equal(boxes[order_people(boxes)], boxes[shuffled][order_people(boxes[shuffled])])


@pytest.mark.parametrize(
    ("box", "picture_wh", "cut_scale", "cut"),
    [
        ((155.2, 46.8, 368.0, 402.5), (590, 422), 1.25, (37, 0, 449, 422)),  # the example of the design
        ((100, 100, 200, 200), (1000, 1000), 1.0, (98, 81, 104, 138)),  # square: 4/3 high
        ((100, 100, 140, 200), (1000, 1000), 1.0, (68, 98, 104, 104)),  # upright: as wide as high
        ((100, 100, 400, 200), (1000, 1000), 1.0, (98, 0, 304, 352)),  # lying, clipped above
        ((0, 0, 10, 10), (10, 10), 1.25, (0, 0, 10, 10)),
        ((9.99, 9.99, 10, 10), (10, 10), 1.25, (7, 7, 3, 3)),
        ((0, 0, 0.01, 0.01), (1, 1), 1.25, (0, 0, 1, 1)),
    ],
)
def test_cut_rectangle(box: Box, picture_wh: tuple[int, int], cut_scale: float, cut: tuple[int, ...]) -> None:
    assert cut_rectangle(box, picture_wh, cut_scale) == cut


def test_cut_holds_what_both_inputs_see() -> None:
    """Inside the picture, a cut contains the 1:1 and the 3:4 rectangle around its box."""
    rng = np.random.default_rng(1)
    for _ in range(500):
        x1, y1 = rng.uniform(2000, 3000, 2)
        w, h = rng.uniform(1, 400, 2)
        x, y, width, height = cut_rectangle((x1, y1, x1 + w, y1 + h), (6000, 6000))
        for aspect in (1.0, 3 / 4):
            seen_w = 1.25 * max(w, h * aspect)
            seen_h = seen_w / aspect
            cx, cy = x1 + w / 2, y1 + h / 2
            assert x + 2 <= cx - seen_w / 2 + 1e-6 and cx + seen_w / 2 <= x + width - 2 + 1e-6
            assert y + 2 <= cy - seen_h / 2 + 1e-6 and cy + seen_h / 2 <= y + height - 2 + 1e-6
