from __future__ import annotations

import numpy as np
import pytest

from stage_kit.pictures.tags import Tag, add_tags, is_free, lettering, place_tags

NOWHERE = np.empty((0, 2))


def overlapping(places: np.ndarray) -> int:
    low, high = (
        np.maximum(places[:, None, :2], places[None, :, :2]),
        np.minimum(places[:, None, 2:], places[None, :, 2:]),
    )
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    return int(np.count_nonzero(np.triu(shared, 1)))


def test_no_tags() -> None:
    assert place_tags([], [], (100, 100), NOWHERE).shape == (0, 4)
    canvas = np.full((10, 10, 3), 7, np.uint8)
    assert add_tags(canvas, [], NOWHERE).shape == (0, 4) and (canvas == 7).all()


@pytest.mark.parametrize("people", [2, 30, 150])
def test_no_tag_covers_another_however_close_the_heads_are(people: int) -> None:
    """All at one point, at the picture's edge: 150 tags of 30 x 20 fill a third of it."""
    places = place_tags([(5.0, 3.0)] * people, [(30, 20)] * people, (480, 640), NOWHERE)
    assert overlapping(places) == 0
    assert (places[:, :2] >= 0).all() and (places[:, 2] <= 640).all() and (places[:, 3] <= 480).all()


def test_a_tag_stands_above_its_point_and_beside_the_points_of_others() -> None:
    (free,) = place_tags([(300.0, 200.0)], [(30, 20)], (480, 640), NOWHERE)
    assert free[3] <= 200 and free[0] < 300 < free[2]
    above = np.array([[300.0, 190.0], [300.0, 180.0], [295.0, 185.0]])
    (moved,) = place_tags([(300.0, 200.0)], [(30, 20)], (480, 640), above)
    assert not ((above >= moved[:2]) & (above <= moved[2:])).all(axis=1).any()


def test_more_tags_than_a_picture_has_room_for_stay_inside() -> None:
    places = place_tags([(5.0, 5.0)] * 40, [(30, 20)] * 40, (50, 50), NOWHERE)
    assert (places[:, 2:] <= 50).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (480, 640), (4000, 6000)])
def test_letters_fit_any_picture(size: tuple[int, int]) -> None:
    canvas = np.zeros((*size, 3), np.uint8)
    add_tags(canvas, [Tag("7", 7, (0.0, 0.0))], NOWHERE)
    assert lettering(size).size_wh("7")[1] >= 12


def test_what_is_free() -> None:
    taken = np.array([[10.0, 10, 20, 20]])
    assert is_free((20, 10, 30, 20), taken, NOWHERE, (50, 50))
    assert not is_free((19, 10, 30, 20), taken, NOWHERE, (50, 50))
    assert not is_free((45, 10, 55, 20), taken, NOWHERE, (50, 50))
    assert not is_free((30, 30, 40, 40), taken, np.array([[35.0, 35]]), (50, 50))
