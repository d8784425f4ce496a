from __future__ import annotations

import numpy as np
import pytest

from yolo_torch.training.augment import (
    Augmentation,
    Labelled,
    free_region,
    training_picture,
    vary_colour,
    visible_boxes,
)

RED = (255, 0, 0)


def with_box(box: tuple[int, int, int, int], size: int = 100) -> Labelled:
    """A blue picture whose person is a red rectangle."""
    picture = np.zeros((size, size, 3), np.uint8)
    picture[..., 2] = 255
    x1, y1, x2, y2 = box
    picture[y1:y2, x1:x2] = RED
    return picture, np.array([box], np.float64)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([], []),
        ([[40, 40, 60, 60]], []),  # out of the window
        ([[-30, 0, 10, 20]], []),  # a quarter is seen
        ([[-10, 0, 10, 20]], [[0, 0, 10, 20]]),  # half is seen
        ([[0, 0, 5, 20]], []),  # too thin
        ([[2, 3, 20, 25]], [[2, 3, 20, 25]]),
    ],
)
def test_visible_boxes(boxes: list[list[float]], expected: list[list[float]]) -> None:
    seen = visible_boxes(np.array(boxes, np.float64).reshape(-1, 4), (0, 0, 32, 32))
    np.testing.assert_array_equal(seen, np.array(expected).reshape(-1, 4))


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([], (0, 0, 100, 50)),
        ([[0, 0, 100, 50]], None),
        ([[10, 5, 90, 45]], None),  # only thin strips are left
        ([[60, 0, 100, 50]], (0, 0, 60, 50)),
        ([[0, 0, 30.5, 50]], (31, 0, 100, 50)),
        ([[0, 30, 100, 50]], (0, 0, 100, 30)),
        ([[0, 0, 100, 19.2]], (0, 20, 100, 50)),
        ([[0, 0, 20, 50], [80, 0, 100, 50]], None),  # between them is not looked for
    ],
)
def test_free_region(boxes: list[list[float]], expected: tuple[int, int, int, int] | None) -> None:
    assert free_region(np.array(boxes, np.float64).reshape(-1, 4), (100, 50)) == expected


@pytest.mark.parametrize("count", [1, 4])
def test_boxes_lie_where_the_people_are(count: int) -> None:
    augmentation = Augmentation(background=0, colour=0)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pictures = [with_box((30, 20, 60, 90)) for _ in range(count)]
        picture, boxes = training_picture(pictures, 128, augmentation, rng)
        assert picture.shape == (128, 128, 3)
        red = (picture[..., 0] > 128) & (picture[..., 2] < 100)
        inside = np.zeros_like(red)
        for x1, y1, x2, y2 in np.rint(boxes).astype(int):
            assert 0 <= x1 < x2 <= 128 and 0 <= y1 < y2 <= 128
            inner = red[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2]
            assert inner.mean() > 0.97, f"seed {seed}: the box lies beside the person"
            inside[max(0, y1 - 2) : y2 + 2, max(0, x1 - 2) : x2 + 2] = True
        if count == 1 and len(boxes):
            assert not (red & ~inside).any(), f"seed {seed}: the person reaches beyond the box"


def test_sizes_span_the_scale() -> None:
    rng = np.random.default_rng(0)
    augmentation = Augmentation(mosaic=0, scale=(0.4, 0.8), background=0, colour=0)
    widths = []
    for _ in range(200):
        picture, boxes = training_picture([with_box((0, 0, 100, 100))], 100, augmentation, rng)
        assert (picture == 128).all(axis=-1).any(), "what the picture does not cover is grey"
        widths.append(boxes[0, 3] - boxes[0, 1])
    assert 39 <= min(widths) < 44 and 76 < max(widths) <= 81


def test_half_of_the_pictures_are_mirrored() -> None:
    left = 0
    for seed in range(100):
        augmentation = Augmentation(mosaic=0, scale=(1, 1), background=0, colour=0)
        _, boxes = training_picture([with_box((5, 5, 30, 95))], 100, augmentation, np.random.default_rng(seed))
        left += bool(boxes[0, 0] < 40)
    assert 35 < left < 65


def test_background_has_nobody() -> None:
    augmentation = Augmentation(mosaic=0, background=1, colour=0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        picture, boxes = training_picture([with_box((0, 0, 40, 100))], 96, augmentation, rng)
        assert boxes.shape == (0, 4)
        assert not (picture == RED).all(axis=-1).any()


def test_colour_zero_changes_nothing_and_more_does() -> None:
    picture, _ = with_box((10, 10, 50, 50))
    np.testing.assert_array_equal(vary_colour(picture, 0, np.random.default_rng(1)), picture)
    varied = vary_colour(picture, 0.3, np.random.default_rng(1))
    assert varied.dtype == np.uint8 and varied.shape == picture.shape
    assert (varied != picture).any()


def test_the_same_seed_gives_the_same_picture() -> None:
    pictures = [with_box((30, 20, 60, 90)) for _ in range(4)]
    first, second = (training_picture(pictures, 64, Augmentation(), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
