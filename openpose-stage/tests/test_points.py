"""Points: maxima of the maps, between the cells."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import SIGMA, STRIDE, in_pixels

from openpose_stage.points import MOST_OF_A_PART, PointRules, find_points

Place = tuple[float, float]


def gaussians(places: list[Place], noise: float = 0.0, seed: int = 0, size: int = 24) -> NDArray[np.float32]:
    """One map [1, size, size] with a peak of 1 at each place, in pixels of the input."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) * STRIDE - 0.5
    total = np.zeros((size, size))
    for place in places:
        total = np.maximum(total, np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * SIGMA**2)))
    total += np.random.default_rng(seed).normal(0, noise, total.shape)
    return total[None].astype(np.float32)


def flat(rows: list[list[float]]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)[None]


@pytest.mark.parametrize("upsample", [1, 2, 4])
@pytest.mark.parametrize("peaks", ["nms", "region"])
def test_no_points_in_nothing(peaks: str, upsample: int) -> None:
    found = find_points(np.zeros((3, 5, 7), np.float32), PointRules(peaks=peaks, upsample=upsample))  # type: ignore[arg-type]
    assert len(found) == 0 and found.xy.shape == (0, 2)
    assert len(find_points(np.full((3, 5, 7), -1, np.float32), PointRules(upsample=upsample))) == 0


@pytest.mark.parametrize("upsample", [1, 4])
def test_a_peak_is_met_between_the_cells(upsample: int) -> None:
    """A Gaussian's top exactly; with noise of 0.01 within a fifth of a pixel on the average."""
    rng = np.random.default_rng(1)
    errors = []
    for seed in range(200):
        x, y = rng.uniform(40, 150, 2)
        (exact,) = in_pixels(find_points(gaussians([(x, y)]), PointRules(upsample=upsample)).xy)
        assert np.abs(exact - [x, y]).max() < 1e-3
        noisy = find_points(gaussians([(x, y)], 0.01, seed), PointRules(upsample=upsample))
        assert len(noisy) == 1
        errors.append(float(np.linalg.norm(in_pixels(noisy.xy)[0] - [x, y])))
    assert np.mean(errors) < 0.2


def test_the_score_is_the_maps_value() -> None:
    found = find_points(gaussians([(83.5, 83.5)]) * np.float32(0.7), PointRules(upsample=1))
    assert found.score == pytest.approx([0.7], abs=1e-6) and found.part.tolist() == [0]


def separated(distance: float, rules: PointRules) -> float:
    """Part of the pairs so far apart that give two points, in all directions and places."""
    rng = np.random.default_rng(int(distance))
    hits = 0
    for seed in range(150):
        angle, middle = rng.uniform(0, np.pi), rng.uniform(80, 110, 2)
        half = distance / 2 * np.array([np.cos(angle), np.sin(angle)])
        hits += len(find_points(gaussians([tuple(middle - half), tuple(middle + half)], 0.01, seed), rules)) == 2
    return hits / 150


def test_close_parts_are_told_apart_but_not_as_taught() -> None:
    """Acceptance 2: 16 pixels by local maxima; one point a region needs over 32."""
    assert separated(16, PointRules()) >= 0.95
    assert separated(26, PointRules()) == 1
    region = PointRules(peaks="region", upsample=4)
    assert separated(26, region) == 0 and separated(48, region) == 1


def test_the_taught_way_finds_the_highest_place_of_each_region() -> None:
    places = [(40.0, 40.0), (120.0, 130.0)]
    for upsample, near in ((4, 1.5), (1, 4)):
        found = find_points(gaussians(places), PointRules(peaks="region", upsample=upsample))
        assert np.abs(in_pixels(found.xy) - places).max() < near


@pytest.mark.parametrize(
    ("rows", "places"),
    [
        ([[0.05, 0.09], [0.0, 0.02]], []),
        ([[1.0]], [(0, 0)]),
        ([[0.0, 0.2, 0.0, 0.9, 0.0]], [(1, 0), (3, 0)]),
        ([[0.9], [0.0], [0.4]], [(0, 0), (0, 2)]),
        ([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]], [(0, 0)]),
        ([[0.0, 0.0, 0.0, 0.0], [0.0, 0.7, 0.7, 0.0], [0.0, 0.0, 0.0, 0.0]], [(1.5, 1)]),
        ([[0.9, 0.0, 0.9], [0.0, 0.0, 0.0], [0.9, 0.0, 0.9]], [(0, 0), (2, 0), (0, 2), (2, 2)]),
        ([[0.0, 0.0, 0.0], [0.0, 0.0, 0.3]], [(2, 1)]),
    ],
)
def test_rims_and_plateaus(rows: list[list[float]], places: list[Place]) -> None:
    found = find_points(flat(rows), PointRules(upsample=1))
    assert found.xy == pytest.approx(np.array(places, float).reshape(-1, 2), abs=1e-6)
    fine = find_points(flat(rows), PointRules(upsample=4))
    assert len(fine) >= len(places), "whoever is there without enlarging is there with it"


def test_the_background_is_not_searched_and_parts_stay_apart() -> None:
    maps = np.concatenate([gaussians([(40, 40)]), np.zeros((1, 24, 24), np.float32), gaussians([(99, 60), (40, 150)])])
    found = find_points(maps, PointRules())
    assert found.part.tolist() == [0, 2, 2] and found.of(1).tolist() == [] and found.of(2).tolist() == [1, 2]
    assert in_pixels(found.xy)[1:] == pytest.approx(np.array([(99, 60), (40, 150)]), abs=0.01)


def test_smoothing_leaves_one_peak_of_a_rough_one() -> None:
    rough = gaussians([(90, 90)], 0.08, 3)
    assert len(find_points(rough, PointRules(upsample=1))) > 1
    assert len(find_points(rough, PointRules(upsample=1, smooth=1.0, threshold=0.2))) == 1


def test_a_part_has_at_most_so_many_points_and_keeps_the_surest() -> None:
    noise = np.random.default_rng(0).random((2, 80, 80), np.float32)
    found = find_points(noise, PointRules(upsample=1))
    assert np.bincount(found.part).tolist() == [MOST_OF_A_PART] * 2
    every = np.sort(noise[0].ravel())[::-1]
    assert found.score[found.part == 0].min() > every[6400 // 10]
    assert (np.diff(found.part) >= 0).all()


@pytest.mark.parametrize("upsample", [1, 4])
def test_parts_at_the_rims_of_their_maps_do_not_outdo_each_other(upsample: int) -> None:
    """All maps are searched at once, one below the other: the last row of one has nothing to do with the next one."""
    maps = np.zeros((3, 6, 7), np.float32)
    maps[0, 5, 3], maps[1, 0, 3], maps[2, 0, 6] = 0.9, 0.95, 0.8
    found = find_points(maps, PointRules(upsample=upsample))
    assert found.part.tolist() == [0, 1, 2]
    assert np.abs(found.xy - [[3, 5], [3, 0], [6, 0]]).max() <= 0.5
