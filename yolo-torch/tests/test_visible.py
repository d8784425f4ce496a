"""What is left of labels in a window."""

from __future__ import annotations

import numpy as np
import pytest

from yolo_torch.training.visible import Labelled, seen_in, seen_part, visible_boxes

WINDOW = (0, 0, 64, 64)


@pytest.mark.parametrize(
    ("box", "found", "left_open"),
    [
        ([70, 40, 80, 60], False, False),  # out of the window
        ([-30, 0, 9, 20], False, True),  # 9 parts of 39 are seen
        ([-20, 0, 10, 20], True, False),  # a third is seen
        ([0, 0, 3, 20], False, True),  # too thin
        ([0, 0, 8, 8], False, True),  # too short
        ([2, 3, 6, 12], True, False),
        ([63.5, 0, 90, 40], False, False),  # a sliver
    ],
)
def test_visible_boxes(box: list[float], found: bool, left_open: bool) -> None:
    clipped, are_found, are_open = visible_boxes(np.array([box], np.float64), WINDOW)
    assert (are_found.tolist(), are_open.tolist()) == ([found], [left_open])
    assert clipped.min() >= 0 and clipped.max() <= 64


def test_no_boxes() -> None:
    assert [part.shape[0] for part in visible_boxes(np.zeros((0, 4)), WINDOW)] == [0, 0, 0]


def test_who_is_hardly_seen_is_left_open_and_open_regions_are_clipped() -> None:
    labelled = Labelled(
        np.zeros((100, 100, 3), np.uint8),
        people=np.array([[10.0, 10, 20, 30], [-30, 0, 5, 30]]),
        left_open=np.array([[20.0, 20, 50, 50], [90, 90, 95, 95]]),
    )
    people, regions = seen_in(WINDOW, labelled, np.array([2.0, 2.0]), np.array([4.0, 0.0]))
    assert people.tolist() == [[24, 20, 44, 60]]
    assert regions.tolist() == [[0, 0, 14, 60], [44, 40, 64, 64]]


def test_of_somebody_cut_off_the_outline_tells_how_wide_the_part_in_view_is() -> None:
    body = np.stack([np.full(21, 32.0), np.linspace(10, 110, 21)], axis=1)
    arms = np.stack([np.linspace(2, 62, 13), np.full(13, 100.0)], axis=1)  # stretched out below the window
    labelled = Labelled(
        np.zeros((120, 64, 3), np.uint8), np.array([[0.0, 4, 64, 116]]), outlines={0: np.concatenate([body, arms])}
    )
    people, _ = seen_in(WINDOW, labelled, np.ones(2), np.zeros(2))
    margin = 0.07 * 112
    np.testing.assert_allclose(people, [[32 - margin, 4, 32 + margin, 64]])
    whole, _ = seen_in((0, 0, 64, 120), labelled, np.ones(2), np.zeros(2))
    assert whole.tolist() == [[0, 4, 64, 116]], "of somebody seen whole the box stays as it was labelled"


def test_without_an_outline_in_view_the_person_is_left_open() -> None:
    outline = np.stack([np.full(30, 80.0), np.linspace(0, 60, 30)], axis=1)
    labelled = Labelled(np.zeros((64, 90, 3), np.uint8), np.array([[30.0, 0, 90, 60]]), outlines={0: outline})
    people, regions = seen_in(WINDOW, labelled, np.ones(2), np.zeros(2))
    assert len(people) == 0 and regions.tolist() == [[30, 0, 64, 60]]
    assert seen_part(outline[:4] - [40, 0], labelled.people[0], labelled.people[0], WINDOW) is None


def test_labels_follow_the_picture_s_size() -> None:
    labelled = Labelled(
        np.zeros((100, 200, 3), np.uint8), np.array([[20.0, 10, 40, 50]]), np.array([[0.0, 0, 200, 100]]),
        {0: np.array([[30.0, 20.0]])},
    )  # fmt: skip
    half = labelled.scaled(np.zeros((25, 100, 3), np.uint8))
    assert half.people.tolist() == [[10, 2.5, 20, 12.5]] and half.left_open.tolist() == [[0, 0, 100, 25]]
    assert half.outlines[0].tolist() == [[15, 5]]
