from __future__ import annotations

import numpy as np
import pytest

from yolo_torch.training.appearance import degrade, paste_objects, vary_colour
from yolo_torch.training.augment import Augmentation, free_region, mirrored, training_picture
from yolo_torch.training.visible import Labelled

RED = (255, 0, 0)
VARIED = Augmentation(zoom=0.3, close_up=0.3, faults=0.5)


def with_box(box: tuple[int, int, int, int], size: int = 100) -> Labelled:
    """A blue picture whose person is a red rectangle."""
    picture = np.zeros((size, size, 3), np.uint8)
    picture[..., 2] = 255
    x1, y1, x2, y2 = box
    picture[y1:y2, x1:x2] = RED
    return Labelled(picture, np.array([box], np.float64))


def made(
    pictures: list[Labelled], size: int, augmentation: Augmentation, rng: np.random.Generator, **more: object
) -> tuple[np.ndarray, np.ndarray]:
    """A square training picture and its people."""
    result = training_picture(pictures, (size, size), augmentation, rng, **more)  # type: ignore[arg-type]
    return result.picture, result.people


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


@pytest.mark.parametrize("count", [1, 2, 4])
def test_boxes_lie_where_the_people_are(count: int) -> None:
    augmentation = Augmentation(background=0, colour=0)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pictures = [with_box((30, 20, 60, 90)) for _ in range(count)]
        picture, boxes = made(pictures, 128, augmentation, rng)
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
        picture, boxes = made([with_box((0, 0, 100, 100))], 100, augmentation, rng)
        assert (picture == 128).all(axis=-1).any(), "what the picture does not cover is grey"
        widths.append(boxes[0, 3] - boxes[0, 1])
    assert 39 <= min(widths) < 44 and 76 < max(widths) <= 81


def test_half_of_the_pictures_are_mirrored() -> None:
    left = 0
    for seed in range(100):
        augmentation = Augmentation(mosaic=0, scale=(1, 1), background=0, colour=0)
        _, boxes = made([with_box((5, 5, 30, 95))], 100, augmentation, np.random.default_rng(seed))
        left += bool(boxes[0, 0] < 40)
    assert 35 < left < 65


def test_background_has_nobody() -> None:
    augmentation = Augmentation(mosaic=0, background=1, colour=0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        picture, boxes = made([with_box((0, 0, 40, 100))], 96, augmentation, rng)
        assert boxes.shape == (0, 4)
        assert not (picture == RED).all(axis=-1).any()


def test_colour_zero_changes_nothing_and_more_does() -> None:
    picture = with_box((10, 10, 50, 50)).picture
    np.testing.assert_array_equal(vary_colour(picture, 0, np.random.default_rng(1)), picture)
    varied = vary_colour(picture, 0.3, np.random.default_rng(1))
    assert varied.dtype == np.uint8 and varied.shape == picture.shape
    assert (varied != picture).any()


def test_the_same_seed_gives_the_same_picture() -> None:
    pictures = [with_box((30, 20, 60, 90)) for _ in range(4)]
    first, second = (made(pictures, 64, VARIED, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("count", [1, 2, 4])
def test_views_of_people_have_boxes_where_they_are(count: int) -> None:
    augmentation = Augmentation(zoom=0.5, close_up=0.5, background=0, colour=0)
    for seed in range(40):
        pictures = [with_box((30, 20, 60, 90)) for _ in range(count)]
        result = training_picture(pictures, (128, 96), augmentation, np.random.default_rng(seed))
        assert result.picture.shape == (96, 128, 3)
        for x1, y1, x2, y2 in np.rint(result.people).astype(int):
            assert 0 <= x1 < x2 <= 128 and 0 <= y1 < y2 <= 96
            inner = result.picture[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2]
            assert ((inner[..., 0] > 128) & (inner[..., 2] < 100)).mean() > 0.97, f"seed {seed}"


def test_a_focus_is_shown() -> None:
    augmentation = Augmentation(background=1, colour=0)
    shown = 0
    for seed in range(40):
        labelled = with_box((45, 45, 55, 55))
        picture, people = made([labelled], 96, augmentation, np.random.default_rng(seed), focus=labelled.people[0])
        shown += bool((picture == RED).all(axis=-1).any() and len(people))
    assert shown >= 36, "a region without people would have been taken, had there been no focus"


def test_mirrored_takes_open_regions_along() -> None:
    labelled = Labelled(np.zeros((50, 100, 3), np.uint8), np.array([[10.0, 5, 30, 45]]), np.array([[90.0, 0, 100, 9]]))
    turned = mirrored(labelled)
    assert turned.people.tolist() == [[70, 5, 90, 45]] and turned.left_open.tolist() == [[0, 0, 10, 9]]


def test_each_fault_changes_the_picture_and_keeps_its_shape() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    for seed in range(12):
        worse = degrade(picture, np.random.default_rng(seed))
        assert worse.shape == picture.shape and worse.dtype == np.uint8 and (worse != picture).any()


def test_objects_hide_nobody() -> None:
    thing = np.full((30, 20, 4), 255, np.uint8)
    thing[:, :10, 3] = 0
    people, pasted = np.array([[30.0, 0, 50, 96]]), 0
    for seed in range(40):
        picture = np.zeros((96, 96, 3), np.uint8)
        paste_objects(picture, people, [thing], np.random.default_rng(seed))
        white = (picture > 200).all(axis=-1)
        pasted += bool(white.any())
        assert white[:, 30:50].mean() < 0.5
        assert not white.all(axis=1).any(), "half of the thing is transparent"
    assert pasted > 20


def test_no_object_is_pasted_where_there_are_none() -> None:
    augmentation = Augmentation(mosaic=0, scale=(1, 1), background=0, colour=0)
    thing = np.full((30, 30, 4), 255, np.uint8)
    changed = 0
    for seed in range(40):
        plain, _ = made([with_box((0, 0, 10, 100))], 100, augmentation, np.random.default_rng(seed))
        other, _ = made([with_box((0, 0, 10, 100))], 100, augmentation, np.random.default_rng(seed), objects=[thing])
        assert not (plain == 255).all(axis=-1).any()
        changed += bool((other == 255).all(axis=-1).any())
    assert 3 < changed < 25
