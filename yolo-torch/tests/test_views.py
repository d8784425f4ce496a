"""Which part of a picture a window shows."""

from __future__ import annotations

import numpy as np

from yolo_torch.training.views import close_view, person_view, somebody, whole_view
from yolo_torch.training.visible import Labelled, Window

PICTURE = Labelled(np.zeros((200, 300, 3), np.uint8), np.array([[100.0, 20, 160, 180]]))
PERSON = PICTURE.people[0]
WINDOW: Window = (0, 0, 160, 128)


def test_a_person_is_shown_in_sizes_from_small_to_cut_off() -> None:
    heights = []
    for seed in range(300):
        view = person_view(PICTURE, WINDOW, PERSON, True, np.random.default_rng(seed))
        heights.append(160 * view.scale_y)
        assert view.scale_x > 0.8 * view.scale_y
        centre = 130 * view.scale_x + view.x, 100 * view.scale_y + view.y
        assert 0 <= centre[0] <= 160 and 0 <= centre[1] <= 128
    least = 0.9 * min(160 / 300, 128 / 200) * 160
    assert least - 1 <= min(heights) < least + 8, "alone in its window a picture is not shrunk onto grey"
    assert 150 < max(heights) <= 1.25 * 128 + 1e-6
    among = [160 * person_view(PICTURE, WINDOW, PERSON, False, np.random.default_rng(s)).scale_y for s in range(300)]
    assert min(among) < 0.8 * least


def test_nobody_is_enlarged_to_mere_blur() -> None:
    tiny = np.array([10.0, 10, 14, 20])
    scales = [person_view(PICTURE, WINDOW, tiny, True, np.random.default_rng(seed)).scale_y for seed in range(100)]
    assert max(scales) <= 2.6


def test_a_close_up_is_cut_between_chest_and_thighs() -> None:
    for seed in range(200):
        view = close_view(WINDOW, PERSON, np.random.default_rng(seed))
        head, feet = 20 * view.scale_y + view.y, 180 * view.scale_y + view.y
        seen = (128 - head) / (feet - head)
        assert 0.29 < seen < 0.76
        assert 60 * view.scale_x <= 0.95 * 160 * np.exp(0.15) + 1e-6, "both shoulders are in the window"


def test_a_whole_picture_lies_in_its_window() -> None:
    for seed in range(50):
        view = whole_view(PICTURE, (10, 20, 170, 148), 100, np.random.default_rng(seed))
        assert abs(view.scale_x / view.scale_y - 1) < 0.17 and abs(300 * view.scale_y - 100) < 1e-6
        assert view.x >= 10 and view.y >= 20 and view.y + 200 * view.scale_y <= 148 + 1e-6


def test_larger_people_are_chosen_more_often() -> None:
    people = np.array([[0.0, 0, 10, 10], [0, 0, 100, 100]])
    rng = np.random.default_rng(0)
    large = sum(somebody(people, rng)[2] == 100 for _ in range(1000))
    assert abs(large / 1000 - 105 / 120) < 0.04
