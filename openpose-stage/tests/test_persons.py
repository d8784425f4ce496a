"""Persons: links that share a point are one person's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from openpose_stage.layouts import COCO, with_seed_links
from openpose_stage.links import Candidates, Verdict
from openpose_stage.persons import PersonRules, assemble, counting
from openpose_stage.points import Points

NUMBER = {(link.a, link.b): number for number, link in enumerate(COCO.links)}
Joined = tuple[tuple[int, int], int, int, float]  # two parts, their points' ids, the link's score


def persons_of(parts: list[int], links: list[Joined], score: float = 0.5) -> np.ndarray:
    points = Points(np.array(parts, np.int64), np.zeros((len(parts), 2)), np.full(len(parts), score))
    rows = sorted((NUMBER[ends], a, b, mean) for ends, a, b, mean in links)
    table = np.array(rows, np.float64).reshape(-1, 4)
    count = len(rows)
    linked = np.full(count, Verdict.LINKED, np.int64)
    ids = table[:, :3].astype(np.int64)
    return assemble(
        points,
        Candidates(ids[:, 0], ids[:, 1], ids[:, 2], np.zeros((count, 10)), table[:, 3], np.zeros(count, int), linked),
        COCO,
    )


def shown(persons: np.ndarray) -> list[tuple[dict[int, int], float]]:
    return [({part: int(p) for part, p in enumerate(row[:-1]) if p >= 0}, round(float(row[-1]), 6)) for row in persons]


@pytest.mark.parametrize(
    ("parts", "links", "expected"),
    [
        ([], [], []),
        ([1, 2], [], []),
        # neither end is known: a person begins
        ([1, 2], [((1, 2), 0, 1, 0.9)], [({1: 0, 2: 1}, 1.9)]),
        # the first end is known, then the second one: nose by 1-0, an eye by 0-14
        ([0, 1, 14], [((1, 0), 1, 0, 1.0), ((0, 14), 0, 2, 0.5)], [({0: 0, 1: 1, 14: 2}, 3.0)]),
        # both ends are one person's: the link counts, no point twice
        (
            [2, 16, 14, 0, 1],
            [
                ((1, 2), 4, 0, 1.0),
                ((1, 0), 4, 3, 1.0),
                ((0, 14), 3, 2, 1.0),
                ((14, 16), 2, 1, 1.0),
                ((2, 16), 0, 1, 1.0),
            ],
            [({0: 3, 1: 4, 2: 0, 14: 2, 16: 1}, 7.5)],
        ),
        # the ends are two persons': they are one
        (
            [1, 2, 3, 4],
            [((3, 4), 2, 3, 1.0), ((1, 2), 0, 1, 1.0), ((2, 3), 1, 2, 1.0)],
            [({1: 0, 2: 1, 3: 2, 4: 3}, 5.0)],
        ),
        # an ear and a shoulder alone are nobody
        ([2, 16], [((2, 16), 0, 1, 0.9)], []),
        # somebody from behind: the shoulder brings the ear
        ([1, 2, 16], [((1, 2), 0, 1, 1.0), ((2, 16), 1, 2, 1.0)], [({1: 0, 2: 1, 16: 2}, 3.5)]),
    ],
)
def test_who_is_who(parts: list[int], links: list[Joined], expected: list[tuple[dict[int, int], float]]) -> None:
    assert shown(persons_of(parts, links)) == expected


def test_persons_who_share_a_part_stay_two() -> None:
    """Head of one and shoulder of the other, each with an ear of the same side."""
    parts = [0, 14, 16, 1, 2, 16]
    links: list[Joined] = [
        ((0, 14), 0, 1, 1.0), ((14, 16), 1, 2, 1.0), ((1, 2), 3, 4, 1.0), ((2, 16), 4, 5, 1.0), ((1, 0), 3, 0, 1.0),
    ]  # fmt: skip
    found = shown(persons_of(parts, links))
    assert len(found) == 1 and found[0][0][16] == 2, "the second ear finds its place taken"


def test_permuting_the_points_keeps_the_persons() -> None:
    parts = [1, 2, 3, 1, 2, 3, 0]
    links: list[Joined] = [
        ((1, 2), 0, 1, 0.9), ((2, 3), 1, 2, 0.8), ((1, 2), 3, 4, 0.7), ((2, 3), 4, 5, 0.6), ((1, 0), 3, 6, 0.5),
    ]  # fmt: skip
    first = sorted(row[-1] for row in persons_of(parts, links))
    for order in itertools.islice(itertools.permutations(range(7)), 0, 5040, 97):
        place = {point: new for new, point in enumerate(order)}
        moved = [(ends, place[a], place[b], mean) for ends, a, b, mean in links]
        assert sorted(row[-1] for row in persons_of([parts[p] for p in order], moved)) == pytest.approx(first)


@pytest.mark.parametrize(
    ("points", "total", "counts"),
    [(0, 0.0, False), (3, 9.0, False), (4, 2.79, False), (4, 2.8, True), (18, 12.5, False), (18, 30.0, True)],
)
def test_who_counts(points: int, total: float, counts: bool) -> None:
    row = np.array([[*range(points), *[-1] * (18 - points), total]], float)
    assert counting(row, PersonRules(min_points=4, min_mean=0.7)).tolist() == [counts]
    assert counting(np.zeros((0, 19)), PersonRules()).shape == (0,)


def test_the_layouts_links() -> None:
    assert [(link.a, link.b) for link in COCO.links[17:]] == [(2, 16), (5, 17)]
    assert [(link.a, link.b) for link in with_seed_links(COCO).links[17:]] == [(2, 17), (5, 16)]
    assert [link.field for link in with_seed_links(COCO).links] == [link.field for link in COCO.links]


@pytest.mark.parametrize("name", ["coco", "mpi", "body25"])
def test_every_layout_fits_its_skeleton_and_uses_every_field_once(name: str) -> None:
    from synthetic import LAYOUTS

    layout = LAYOUTS[name]
    assert sorted(link.field for link in layout.links) == list(range(0, layout.fields, 2))
    assert {end for link in layout.links for end in (link.a, link.b)} == set(range(layout.parts))
    names = layout.skeleton.keypoints
    drawn = {frozenset((limb.a, limb.b)) for limb in layout.skeleton.limbs}
    joined = {frozenset((names[link.a], names[link.b])) for link in layout.links if not link.only_adds}
    assert joined == drawn
    for link in layout.links:  # one side's, or to the middle
        sides = {names[end].split("_")[0] for end in (link.a, link.b)} & {"left", "right"}
        assert len(sides) <= 1
    assert {"coco": (19, 38), "mpi": (16, 28), "body25": (26, 52)}[name] == (layout.heatmaps, layout.fields)


def test_two_halves_that_both_have_a_part_are_not_joined() -> None:
    """A link of one's shoulder to the elbow of another, who has a shoulder too."""
    parts = [1, 2, 1, 2, 3]
    links: list[Joined] = [((1, 2), 0, 1, 1.0), ((1, 2), 2, 3, 1.0), ((2, 3), 3, 4, 1.0), ((2, 3), 1, 4, 0.9)]
    found = shown(persons_of(parts, links))
    assert [who for who, _ in found] == [{1: 0, 2: 1}, {1: 2, 2: 3, 3: 4}]
