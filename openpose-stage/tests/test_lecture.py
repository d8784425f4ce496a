"""The lecture's four functions: signatures, shapes, tables, and what they find."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from synthetic import STRIDE, Scene, person_at, render

from openpose_stage import lecture
from openpose_stage.lecture import (
    LINKS,
    PAF_CHANNELS,
    SEED_LINKS,
    drawSkeleton,
    getAllLinks,
    getAllPoints,
    getPersons,
)
from openpose_stage.maps import Maps
from pose_contract.errors import UsageError

# The lecture's own tables.
LECTURES_LINKS = [
    [1, 2], [1, 5], [2, 3], [3, 4], [5, 6], [6, 7], [1, 8], [8, 9], [9, 10], [1, 11], [11, 12], [12, 13], [1, 0],
    [0, 14], [14, 16], [0, 15], [15, 17], [2, 17], [5, 16],
]  # fmt: skip
LECTURES_CHANNELS = [
    [31, 32], [39, 40], [33, 34], [35, 36], [41, 42], [43, 44], [19, 20], [21, 22], [23, 24], [25, 26], [27, 28],
    [29, 30], [47, 48], [49, 50], [53, 54], [51, 52], [55, 56], [37, 38], [45, 46],
]  # fmt: skip
WH = (656, 368)


def output_of(maps: Maps) -> np.ndarray:
    """What the network of the lecture gives: 18 parts, the background, 38 fields."""
    background = 1 - maps.heatmaps.max(axis=0, keepdims=True)
    return np.concatenate([maps.heatmaps, background, maps.fields])[None]


@pytest.fixture(scope="module")
def output() -> np.ndarray:
    return output_of(render(Scene(np.stack([person_at(180, 180, 300), person_at(430, 190, 260)]))))


def test_the_tables() -> None:
    assert SEED_LINKS == LECTURES_LINKS and PAF_CHANNELS == LECTURES_CHANNELS
    assert LINKS[:17] == LECTURES_LINKS[:17] and LINKS[17:] == [[2, 16], [5, 17]]
    assert set(lecture.__all__) >= {"getAllPoints", "getAllLinks", "getPersons", "drawSkeleton"}


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (getAllPoints, ["cfMaps", "imgWidth", "imgHeight", "cfThres", "numOfKeyPts"]),
        (
            getAllLinks,
            ["pafs", "links", "linkCh", "ptGrp", "imgSize", "numOfPtsForLine", "pafThres", "cfThres"],
        ),
        (getPersons, ["linksWithPairs", "linksNoPairs", "selLinks", "ptList"]),
        (drawSkeleton, ["image", "selLinks", "persons", "ptList", "lineColours", "ptColours", "pltThres"]),
    ],
)
def test_the_signatures_are_the_lectures(function: object, names: list[str]) -> None:
    parameters = inspect.signature(function).parameters  # type: ignore[arg-type]
    assert list(parameters)[: len(names)] == names
    defaults = {name: one.default for name, one in parameters.items() if one.default is not inspect.Parameter.empty}
    wanted = {
        "cfThres": {"getAllPoints": 0.1, "getAllLinks": 0.7},
        "pafThres": 0.1,
        "numOfPtsForLine": 10,
        "pltThres": 4,
    }
    for name, value in defaults.items():
        if name in wanted:
            expected = wanted[name]
            assert value == (expected[function.__name__] if isinstance(expected, dict) else expected)  # type: ignore[attr-defined]


def test_three_steps_as_the_lecture_calls_them(output: np.ndarray) -> None:
    (groups, points) = getAllPoints(output, *WH)
    assert len(groups) == 18 and [len(group) for group in groups] == [2] * 18
    assert points.shape == (36, 3) and points.dtype == np.float64
    for group in groups:
        for x, y, score, number in group:
            assert points[number].tolist() == [x, y, score] and isinstance(number, int)
    (tables, none) = getAllLinks(output, SEED_LINKS, PAF_CHANNELS, groups, (WH[1], WH[0]))
    assert len(tables) == 19 and none == [17, 18], "the crossed ears are found nowhere, as the lecture reports"
    assert [np.shape(table) for table in tables] == [(2, 3)] * 17 + [(0,)] * 2
    persons = getPersons(tables, none, SEED_LINKS[0:17], points)
    assert persons.shape == (2, 19) and (persons[:, :18] >= 0).all()
    for person in persons:
        ids = person[:18].astype(int)
        own = [row[2] for table in tables[:17] for row in table if int(row[0]) in ids]
        assert person[18] == pytest.approx(points[ids, 2].sum() + sum(own))
    right, none = getAllLinks(output, LINKS, PAF_CHANNELS, groups, (WH[1], WH[0]))
    assert none == [] and len(right[17]) == len(right[18]) == 2


def test_points_are_in_the_images_pixels(output: np.ndarray) -> None:
    people = np.stack([person_at(180, 180, 300), person_at(430, 190, 260)])
    for factor in (1, 2):
        groups, _ = getAllPoints(output, WH[0] * factor, WH[1] * factor)
        for part, group in enumerate(groups):
            found = sorted((x, y) for x, y, _, _ in group)
            expected = (people[np.argsort(people[:, part, 0]), part] + 0.5) * factor - 0.5
            assert np.abs(np.array(found) - expected).max() < 0.2 * factor
    taught, _ = getAllPoints(output, *WH, peaks="region")
    assert [len(group) for group in taught] == [2] * 18


def test_the_total_is_the_sum_of_all_points_and_links() -> None:
    """The lecture's second person: points that sum to 13.9446 and links that sum to 13.9057 make 27.8503."""
    points = np.column_stack([np.arange(36.0), np.arange(36.0), np.full(36, 0.5)])
    points[18:, 2] = 13.9446 / 18
    tables = [np.array([[a, b, 0.25], [18 + a, 18 + b, 13.9057 / 17]]) for a, b in SEED_LINKS[:17]]
    persons = getPersons([*tables, [], []], [17, 18], SEED_LINKS[0:17], points)
    assert persons.shape == (2, 19)
    persons = persons[persons[:, 0].argsort()]
    assert persons[0, 18] == pytest.approx(18 * 0.5 + 17 * 0.25, abs=1e-9)
    assert persons[1, 18] == pytest.approx(27.8503, abs=1e-4)
    assert persons[1, :18].tolist() == list(range(18, 36))


@pytest.mark.parametrize(("good", "linked"), [(7, False), (8, True)])
def test_more_than_seven_of_ten_samples_must_be_good(good: int, linked: bool) -> None:
    output = np.zeros((1, 57, 20, 20), np.float32)
    output[0, 31, :, :good] = 1  # neck to right shoulder, in the first columns
    groups: list[list[tuple[float, float, float, int]]] = [[] for _ in range(18)]
    groups[1], groups[2] = [(0.0, 5.0, 0.9, 0)], [(9.0, 5.0, 0.9, 1)]
    tables, none = getAllLinks(output, LINKS, PAF_CHANNELS, groups, (20, 20))
    assert (0 not in none) == linked
    if linked:
        assert tables[0].tolist() == [[0, 1, pytest.approx(0.8)]]


def test_nobody(output: np.ndarray) -> None:
    groups, points = getAllPoints(np.zeros_like(output), *WH)
    assert groups == [[] for _ in range(18)] and points.shape == (0, 3)
    tables, none = getAllLinks(np.zeros_like(output), LINKS, PAF_CHANNELS, groups, (WH[1], WH[0]))
    assert none == list(range(19)) and [len(table) for table in tables] == [0] * 19
    persons = getPersons(tables, none, LINKS[0:17], points)
    assert persons.shape == (0, 19)
    image = np.zeros((40, 40, 3), np.uint8)
    assert not drawSkeleton(image, LINKS, persons, points, [[1, 2, 3]] * 19, [[1, 2, 3]] * 18).any()


def test_skeletons_are_drawn_into_the_image(output: np.ndarray) -> None:
    groups, points = getAllPoints(output, *WH)
    tables, none = getAllLinks(output, LINKS, PAF_CHANNELS, groups, (WH[1], WH[0]))
    persons = getPersons(tables, none, LINKS[0:17], points)
    image = np.zeros((WH[1], WH[0], 3), np.uint8)
    assert drawSkeleton(image, LINKS[0:17], persons, points, [[255, 0, 0]] * 18, [[0, 255, 0]] * 18) is image
    middle = ((points[int(persons[0, 2]), :2] + points[int(persons[0, 3]), :2]) / 2).astype(int)
    assert image[middle[1], middle[0], 0] > 200 and (image[..., 1] == 255).any()
    blank = np.zeros_like(image)
    drawSkeleton(blank, LINKS[0:17], persons, points, [[255, 0, 0]] * 18, [[0, 255, 0]] * 18, pltThres=1e6)
    assert not blank.any()


@pytest.mark.parametrize(
    ("maps", "reason"),
    [
        (np.zeros((57, 46, 82)), r"expected maps \[1, C, h, w\]"),
        (np.zeros((2, 57, 4, 4)), r"expected maps"),
        (np.full((1, 57, 4, 4), np.nan), "NaN"),
    ],
)
def test_other_maps_are_refused(maps: np.ndarray, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        getAllPoints(maps, 100, 100)


def test_points_whose_ids_were_changed_are_refused(output: np.ndarray) -> None:
    groups, _ = getAllPoints(output, *WH)
    groups[3][0] = (*groups[3][0][:3], 999)
    with pytest.raises(UsageError, match="ids"):
        getAllLinks(output, LINKS, PAF_CHANNELS, groups, (WH[1], WH[0]))
    assert STRIDE == 8
