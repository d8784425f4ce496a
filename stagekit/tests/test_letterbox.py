from __future__ import annotations

import cv2
import numpy as np
import pytest

from stage_kit.pictures.letterbox import boxes_to_image, letterbox


def test_no_boxes_stay_none() -> None:
    _, mapping = letterbox(np.zeros((10, 20, 3), np.uint8), 32)
    assert boxes_to_image(np.empty((0, 4), np.float32), mapping).shape == (0, 4)


def test_box_outside_the_image_is_clipped_to_nothing() -> None:
    _, mapping = letterbox(np.zeros((10, 20, 3), np.uint8), 32)
    np.testing.assert_allclose(boxes_to_image(np.array([[2.0, 0, 9, 5]]), mapping)[0, [1, 3]], [0, 0])
    np.testing.assert_allclose(
        boxes_to_image(np.array([[-np.inf, -np.inf, np.inf, np.inf]]), mapping), [[0, 0, 20, 10]]
    )


@pytest.mark.parametrize(
    ("width", "height", "fitted"),
    [
        (20, 10, (0, 8, 32, 16)),
        (10, 20, (8, 0, 16, 32)),
        (32, 32, (0, 0, 32, 32)),
        (100, 100, (0, 0, 32, 32)),
        (3, 2, (0, 5, 32, 21)),
        (1, 1, (0, 0, 32, 32)),
        (1, 5000, (15, 0, 1, 32)),
        (5000, 1, (0, 15, 32, 1)),
        (40000, 3, (0, 15, 32, 1)),
    ],
)
def test_picture_is_centred_on_grey(width: int, height: int, fitted: tuple[int, int, int, int]) -> None:
    square, mapping = letterbox(np.full((height, width, 3), 255, np.uint8), 32)
    assert square.shape == (3, 32, 32) and square.dtype == np.float32
    x, y, fitted_width, fitted_height = fitted
    expected = np.full((3, 32, 32), 0.5, np.float32)
    expected[:, y : y + fitted_height, x : x + fitted_width] = 1
    np.testing.assert_array_equal(square, expected)
    assert (mapping.width, mapping.height, mapping.pad_x, mapping.pad_y) == (width, height, x, y)
    assert mapping.scale_x == fitted_width / width and mapping.scale_y == fitted_height / height


@pytest.mark.parametrize(("width", "height"), [(590, 422), (422, 590), (37, 91), (1, 5000), (416, 416), (7, 5)])
def test_boxes_come_back_exactly(width: int, height: int) -> None:
    rng = np.random.default_rng(0)
    _, mapping = letterbox(np.zeros((height, width, 3), np.uint8), 416)
    corners = np.sort(rng.uniform(0, 1, (50, 2, 2)), axis=1) * [width, height]
    boxes = corners.reshape(-1, 4)
    scale, pad = [mapping.scale_x, mapping.scale_y] * 2, [mapping.pad_x, mapping.pad_y] * 2
    np.testing.assert_allclose(boxes_to_image(boxes * scale + pad, mapping), boxes, rtol=0, atol=1e-9 * 5000)


def test_content_stays_where_it_is() -> None:
    """A white rectangle in the picture is found, through the letterbox, where it was painted."""
    picture = np.zeros((300, 500, 3), np.uint8)
    picture[60:240, 100:350] = 255
    square, mapping = letterbox(picture, 416)
    rows, columns = np.nonzero((square[0] > 0.5) & (square[1] > 0.5))
    seen = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    np.testing.assert_allclose(boxes_to_image(seen, mapping), [[100, 60, 350, 240]], atol=0.7)


def test_channels_keep_their_order() -> None:
    square, _ = letterbox(np.full((8, 8, 3), [255, 0, 51], np.uint8), 32)
    np.testing.assert_allclose(square[:, 16, 16], [1, 0, 0.2], atol=1e-6)


def test_shrinking_averages() -> None:
    stripes = np.zeros((320, 320, 3), np.uint8)
    stripes[:, ::5] = 255  # every fifth column: without averaging, or over two columns only, others come out
    square, _ = letterbox(stripes, 32)
    np.testing.assert_allclose(square, 0.2, atol=0.01)


@pytest.mark.parametrize(
    ("wh", "input_wh", "fitted"),
    [
        ((160, 90), (128, 96), (0, 12, 128, 72)),
        ((90, 160), (96, 128), (12, 0, 72, 128)),
        ((160, 90), (96, 128), (0, 37, 96, 54)),
        ((5000, 1), (96, 32), (0, 15, 96, 1)),
    ],
)
def test_a_picture_lies_centred_in_a_rectangle_and_boxes_come_back(
    wh: tuple[int, int], input_wh: tuple[int, int], fitted: tuple[int, int, int, int]
) -> None:
    canvas, mapping = letterbox(np.full((wh[1], wh[0], 3), 255, np.uint8), input_wh)
    x, y, width, height = fitted
    expected = np.full((3, input_wh[1], input_wh[0]), 0.5, np.float32)
    expected[:, y : y + height, x : x + width] = 1
    np.testing.assert_array_equal(canvas, expected)
    np.testing.assert_allclose(boxes_to_image(np.array([[x, y, x + width, y + height]]), mapping), [[0, 0, *wh]])


@pytest.mark.parametrize(
    ("side", "size", "most"), [(40, 32, 0), (62, 32, 0), (65, 32, 0), (66, 32, 0.04), (640, 96, 0.02)]
)
def test_shrinking_is_by_areas_at_once_or_after_halving(side: int, size: int, most: float) -> None:
    """To less than half it goes by way of half the picture: twice as fast, and much the same."""
    noise = np.random.default_rng(0).integers(0, 256, (side // 4 + 1, side // 4 + 1, 3), dtype=np.uint8)
    picture = cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    whole = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA).transpose(2, 0, 1) / np.float32(255)
    assert np.abs(letterbox(picture, size)[0] - whole).mean() <= most + 1e-6
