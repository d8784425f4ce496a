from __future__ import annotations

import numpy as np
import pytest

from stage_kit.pictures.draw_boxes import draw_boxes


def test_no_boxes_leave_the_picture() -> None:
    picture = np.full((20, 30, 3), 7, np.uint8)
    drawn = draw_boxes(picture, np.empty((0, 4)), np.empty(0))
    np.testing.assert_array_equal(drawn, picture)
    assert drawn is not picture


def test_boxes_outside_the_picture_do_no_harm() -> None:
    picture = np.zeros((50, 80, 3), np.uint8)
    boxes = np.array([[-50.0, -50, -10, -10], [100, 100, 200, 200], [-np.inf, 0, np.inf, 1e30], [np.nan, 0, 5, 5]])
    assert draw_boxes(picture, boxes, np.full(4, 0.5)).shape == picture.shape


def test_the_given_picture_is_not_touched() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture.flags.writeable = False
    assert draw_boxes(picture, np.array([[10.0, 10, 90, 90]]), np.array([0.9])).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 4), (30, 20)])
def test_tiny_and_extreme_pictures(shape: tuple[int, int]) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    assert draw_boxes(picture, np.array([[0.0, 0, shape[1], shape[0]]]), np.array([1.0])).shape == picture.shape


@pytest.mark.parametrize("ground", [0, 128, 255])
def test_box_stands_out_on_any_ground(ground: int) -> None:
    picture = np.full((400, 400, 3), ground, np.uint8)
    drawn = draw_boxes(picture, np.array([[100.0, 100, 300, 300]]), np.array([0.9])).astype(int)
    rim = drawn[200, 90:110]
    assert np.abs(rim - ground).max() >= 100


def test_line_runs_along_the_box() -> None:
    drawn = draw_boxes(np.zeros((1000, 1000, 3), np.uint8), np.array([[200.0, 300, 600, 800]]), np.array([0.9]))
    columns = np.nonzero(drawn[550].any(axis=1))[0]
    rows = np.nonzero(drawn[:, 500].any(axis=1))[0]
    assert [columns.min(), columns.max(), rows.max()] == pytest.approx([200, 599, 799], abs=2)


def test_sizes_follow_the_picture() -> None:
    def inked(side: int) -> float:
        box = np.array([[0.3, 0.3, 0.7, 0.7]]) * side
        return float(draw_boxes(np.zeros((side, side, 3), np.uint8), box, np.array([0.9])).any(axis=2).mean())

    assert inked(3000) == pytest.approx(inked(1000), rel=0.1)


def test_the_label_tells_the_score_and_the_index() -> None:
    box = np.array([[20.0, 60, 180, 180]])
    one, other = (draw_boxes(np.zeros((200, 200, 3), np.uint8), box, np.array([score])) for score in (0.51, 0.98))
    assert (one[:60] != other[:60]).any() and np.array_equal(one[62:], other[62:])
    second = draw_boxes(np.zeros((200, 200, 3), np.uint8), np.repeat(box, 2, axis=0), np.array([0.51, 0.51]))
    assert (second != one).any()


def test_no_tag_covers_another() -> None:
    """Twenty people in one box: each keeps a colour of its own on its tag."""
    boxes, scores = np.repeat([[100.0, 100, 200, 400]], 20, axis=0), np.linspace(0.3, 0.9, 20)
    one = draw_boxes(np.full((480, 640, 3), 128, np.uint8), boxes[:1], scores[:1])
    all_of_them = draw_boxes(np.full((480, 640, 3), 128, np.uint8), boxes, scores)
    tag = (one == 0).all(axis=-1)[:100].sum()
    assert (all_of_them == 0).all(axis=-1).sum() > 15 * tag
