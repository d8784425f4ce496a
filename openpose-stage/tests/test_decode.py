"""The three steps together, on maps of people who are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic import LAYOUTS, STRIDE, Scene, Tally, in_pixels, person_at, random_scene, render

from openpose_stage.decode import DecodeRules, decode, decode_single
from openpose_stage.layouts import COCO, MPI, with_seed_links
from openpose_stage.links import LinkRules
from openpose_stage.maps import Maps, checked
from openpose_stage.points import PointRules
from pose_contract.errors import WeightsError

RULES = DecodeRules()
SIDES = {"coco": (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)}


def people_of(maps: Maps, rules: DecodeRules = RULES, layout=COCO) -> tuple[np.ndarray, np.ndarray]:
    """From left to right."""
    xy, scores = decode(maps, layout, rules).poses()
    order = np.argsort([places[sure > 0][:, 0].mean() for places, sure in zip(xy, scores, strict=True)])
    return in_pixels(xy[order]), scores[order]


@pytest.mark.parametrize("shape", [(46, 82), (1, 30), (30, 1), (1, 1), (2, 2)])
def test_nobody_in_empty_maps(shape: tuple[int, int]) -> None:
    found = decode(Maps(np.zeros((18, *shape), np.float32), np.zeros((38, *shape), np.float32)), COCO, RULES)
    assert found.assembled.shape == found.persons.shape == (0, 19)
    assert len(found.points) == len(found.candidates) == 0
    assert [part.shape for part in found.poses()] == [(0, 18, 2), (0, 18)]


@pytest.mark.parametrize(("upsample", "scenes", "people"), [(4, 200, 696), (1, 48, 168)])
def test_people_are_found_where_they_are(upsample: int, scenes: int, people: int) -> None:
    """Acceptance 1: 200 scenes, one to six people, noise 0.02."""
    rng = np.random.default_rng(upsample)
    rules = replace(RULES, points=PointRules(upsample=upsample))
    tally = Tally()
    for number in range(scenes):
        scene = random_scene(rng, 1 + number % 6)
        tally.add(scene, *decode(render(scene, 0.02, rng), COCO, rules).poses())
    errors = np.array(tally.errors)
    told = f"{tally}, mean {errors.mean():.3f}, 95 % {np.percentile(errors, 95):.3f}"
    assert tally.true == people and tally.found >= 0.98 * tally.true and tally.extra <= 0.02 * tally.true, told[-200:]
    assert tally.wrong <= 0.005 * tally.joints and tally.joints >= 0.95 * 18 * tally.found, told[-200:]
    assert errors.mean() <= 0.5 and np.percentile(errors, 95) <= 1, told[-200:]


@pytest.mark.parametrize("name", ["mpi", "body25"])
@pytest.mark.parametrize("pairing", ["greedy", "hungarian"])
def test_other_layouts_and_the_other_pairing(name: str, pairing: str) -> None:
    rng = np.random.default_rng(3)
    layout, tally = LAYOUTS[name], Tally()
    rules = replace(RULES, links=LinkRules(pairing=pairing))  # type: ignore[arg-type]
    for number in range(12):
        scene = random_scene(rng, 1 + number % 4, layout=layout)
        tally.add(scene, *decode(render(scene, 0.02, rng), layout, rules).poses())
    assert tally.found == tally.true == 30 and tally.extra == 0 and tally.wrong == 0
    assert tally.joints >= 0.98 * layout.parts * tally.true


def test_a_mirrored_scene_gives_the_mirrored_people() -> None:
    rng = np.random.default_rng(5)
    scene = random_scene(rng, 3)
    mirror = list(SIDES["coco"])
    mirrored = scene.people[:, mirror] * [-1, 1] + [scene.size_wh[0] - 1, 0]
    xy, scores = people_of(render(scene))
    other, other_scores = people_of(render(replace(scene, people=mirrored)))
    back = other[::-1][:, mirror] * [-1, 1] + [scene.size_wh[0] - 1, 0]
    assert ((scores > 0) == (other_scores[::-1][:, mirror] > 0)).all()
    assert np.abs(back - xy)[scores > 0].max() <= 2


@pytest.mark.parametrize("factor", [0.5, 1.5, 2.0])
def test_a_scene_of_another_size_moves_nobody(factor: float) -> None:
    scene = Scene(np.stack([person_at(200, 180, 300), person_at(420, 190, 280)]))
    size = tuple(int(side * factor) // STRIDE * STRIDE for side in scene.size_wh)
    xy, scores = people_of(render(scene))
    other, other_scores = people_of(render(replace(scene, people=(scene.people + 0.5) * factor - 0.5, size_wh=size)))
    both = (scores > 0) & (other_scores > 0)
    assert both.sum() >= 30
    assert np.abs((other + 0.5) / factor - 0.5 - xy)[both].max() <= STRIDE


def test_noise_of_another_seed_changes_neither_people_nor_their_order() -> None:
    scene = random_scene(np.random.default_rng(8), 4)
    found = [people_of(render(scene, 0.02, np.random.default_rng(seed)))[0] for seed in range(4)]
    assert all(one.shape == (4, 18, 2) and np.abs(one - found[0]).max() <= 2 for one in found)


def test_a_part_that_nobody_shows_is_nobodys() -> None:
    for part in range(18):
        people = np.stack([person_at(200, 180, 300), person_at(420, 190, 280)])
        people[:, part] = np.nan
        xy, scores = people_of(render(Scene(people)))
        if part == 1:  # the neck holds a person together: without it the legs are fragments, ears hold the arms
            assert len(xy) == 2 and ((scores > 0).sum(axis=1) == 11).all() and (scores[:, 8:14] == 0).all()
        else:
            assert len(xy) == 2 and (scores[:, part] == 0).all() and (xy[:, part] == in_pixels(np.zeros(2))).all()
            assert (scores > 0).sum() >= 2 * 15


def test_all_parts_in_one_place_are_no_person() -> None:
    heatmaps = np.zeros((18, 30, 30), np.float32)
    heatmaps[:, 10, 10] = 1
    found = decode(Maps(heatmaps, np.ones((38, 30, 30), np.float32)), COCO, RULES)
    assert len(found.points) == 18 and len(found.candidates) == 19 and not len(found.persons)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_maps_without_a_number_are_an_error(wrong: float, which: int) -> None:
    maps = [np.zeros((19, 4, 4), np.float32), np.zeros((38, 4, 4), np.float32)]
    checked(*maps, COCO)
    maps[which][3, 2, 1] = wrong
    with pytest.raises(WeightsError, match="NaN or infinity"):
        checked(*maps, COCO)


def test_maps_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"expected 16 heatmaps and 28 fields .* got \[19"):
        checked(np.zeros((19, 4, 4), np.float32), np.zeros((38, 4, 4), np.float32), MPI)


def test_maps_of_nothing_but_noise_cost_bounded_work() -> None:
    rng = np.random.default_rng(0)
    maps = Maps(rng.random((18, 60, 60), np.float32), rng.normal(0, 1, (38, 60, 60)).astype(np.float32))
    found = decode(maps, COCO, RULES)
    assert np.bincount(found.points.part).max() == 127 and len(found.candidates) == 19 * 127**2


def test_the_crossed_ears_of_the_lecture_are_found_nowhere() -> None:
    """The fields are those of the same side: between a shoulder and the other ear there is none."""
    maps = render(Scene(person_at(300, 190, 330)[None]))
    for layout, links in ((COCO, 19), (with_seed_links(COCO), 17)):
        found = decode(maps, layout, RULES)
        assert len(set(found.candidates.link[found.candidates.linked].tolist())) == links
        assert (found.persons[0, :-1] >= 0).all(), "the ears are known by the eyes, too"


def test_one_person_by_the_highest_place_of_each_map() -> None:
    big, small = person_at(200, 180, 320, MPI), person_at(480, 200, 150, MPI)
    maps = render(Scene(np.stack([big, small]), layout=MPI))
    faint = Maps(maps.heatmaps.copy(), maps.fields)
    faint.heatmaps[:, :, 45:] *= 0.6  # the small one
    faint.heatmaps[4] *= 0.05  # a wrist that is hardly seen
    xy, scores = decode_single(faint, RULES)
    assert xy.shape == (1, 15, 2) and scores[0, 4] == 0 and (np.delete(scores[0], 4) > 0.8).all()
    assert np.abs(np.delete(in_pixels(xy[0]) - big, 4, axis=0)).max() < 1


def test_sheets_of_nothing_but_noise_cost_bounded_work() -> None:
    from openpose_stage.estimate import Reading
    from openpose_stage.explain import MOST_ROWS, links_table

    rng = np.random.default_rng(0)
    maps = Maps(rng.random((18, 60, 60), np.float32), rng.normal(0, 1, (38, 60, 60)).astype(np.float32))
    reading = Reading(COCO, STRIDE, replace(RULES, points=PointRules(upsample=1)))
    assert links_table(decode(maps, COCO, reading.rules), reading).count("\n") == MOST_ROWS + 1
