"""Links: what the fields say of two points."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from openpose_stage.layouts import COCO, Layout, Link
from openpose_stage.links import IN_WORDS, LinkRules, Verdict, along_the_line, find_links
from openpose_stage.points import Points

ONE_LINK = Layout(COCO.skeleton, (Link(0, 1, 0),))


def points(a: list[tuple[float, float]], b: list[tuple[float, float]]) -> Points:
    """Points of part 0, then of part 1."""
    part = np.array([0] * len(a) + [1] * len(b), np.int64)
    return Points(part, np.array([*a, *b], np.float64).reshape(-1, 2), np.ones(len(part)))


def field(x: float = 0.0, y: float = 0.0, size: int = 20) -> NDArray[np.float32]:
    return np.stack([np.full((size, size), x), np.full((size, size), y)]).astype(np.float32)


def verdicts(fields: NDArray[np.float32], found: Points, rules: LinkRules | None = None) -> list[Verdict]:
    return [Verdict(int(v)) for v in find_links(fields, found, ONE_LINK, rules or LinkRules()).verdict]


@pytest.mark.parametrize(
    ("fields", "a", "b", "expected"),
    [
        (field(1), [], [], []),
        (field(1), [(2, 2)], [], []),
        (field(1), [(2, 2)], [(12, 2)], [Verdict.LINKED]),
        (field(-1), [(2, 2)], [(12, 2)], [Verdict.FEW_GOOD_SAMPLES]),
        (field(0, 1), [(2, 2)], [(12, 2)], [Verdict.FEW_GOOD_SAMPLES]),
        (field(0, 1), [(2, 2)], [(2, 17)], [Verdict.LINKED]),
        (field(), [(2, 2)], [(12, 2)], [Verdict.FEW_GOOD_SAMPLES]),
        (field(1), [(2, 2)], [(2, 2)], [Verdict.NO_LENGTH]),
        (field(1), [(-3, 2)], [(40, 2)], [Verdict.LINKED]),
        (field(1), [(2, 2), (2, 9)], [(12, 2)], [Verdict.LINKED, Verdict.BEATEN]),
    ],
)
def test_verdicts(
    fields: NDArray[np.float32],
    a: list[tuple[float, float]],
    b: list[tuple[float, float]],
    expected: list[Verdict],
) -> None:
    assert verdicts(fields, points(a, b)) == expected
    assert set(IN_WORDS) == set(Verdict)


@pytest.mark.parametrize(("good", "linked"), [(10, True), (8, True), (7, False), (0, False)])
def test_more_than_seven_of_ten_samples_must_be_good(good: int, linked: bool) -> None:
    """Of a line over ten cells, those of the first so many columns have a field."""
    fields = field()
    fields[0, :, :good] = 1
    found = find_links(fields, points([(0, 5)], [(9, 5)]), ONE_LINK, LinkRules())
    assert found.good.tolist() == [good] and (found.verdict[0] == Verdict.LINKED) == linked
    assert found.mean == pytest.approx([good / 10]), "of all ten, good or not"
    lenient = LinkRules(min_good=7)
    assert (find_links(fields, points([(0, 5)], [(9, 5)]), ONE_LINK, lenient).verdict[0] == 0) == (good >= 7)


def test_a_mean_of_nothing_is_no_link() -> None:
    rules = LinkRules(min_good=0)
    assert verdicts(field(-1), points([(2, 2)], [(12, 2)]), rules) == [Verdict.LOW_MEAN]


def test_samples_begin_and_end_at_the_points_and_lie_between_cells() -> None:
    fields = field()
    fields[0] = np.arange(20)
    found = find_links(fields, points([(2.5, 3)], [(11.5, 3)]), ONE_LINK, LinkRules())
    assert found.samples[0] == pytest.approx(np.linspace(2.5, 11.5, 10))
    places = np.array([[[0.25, 1.75], [-4, 0], [19.5, 30]]])
    fields[1] = np.arange(20)[:, None] * 10
    assert along_the_line(fields, np.array([[0]]), places) == pytest.approx(np.array([[0.25, 0, 19]]))
    assert along_the_line(fields, np.array([[1]]), places) == pytest.approx(np.array([[17.5, 0, 190]]))


def test_the_largest_sum_is_not_always_the_best_link_first() -> None:
    """a0-b0 is the best pair, but leaves nothing for a1 and b1; a0-b1 and a1-b0 together are more."""
    from openpose_stage.links import _greedy, _hungarian

    link = np.zeros(3, np.int64)
    a, b, mean = np.array([0, 0, 1]), np.array([2, 3, 2]), np.array([1.0, 0.9, 0.9])
    assert sorted(_greedy(link, a, b, mean)) == [0] and sorted(_hungarian(link, a, b, mean)) == [1, 2]
    none = np.zeros(0, np.int64)
    assert _greedy(none, none, none, np.zeros(0)) == [] == _hungarian(none, none, none, np.zeros(0))


def test_candidates_of_every_link_come_in_its_order() -> None:
    rng = np.random.default_rng(0)
    part = np.repeat(np.arange(18), 2)
    found = find_links(
        rng.normal(0, 1, (38, 20, 20)).astype(np.float32),
        Points(part, rng.uniform(0, 19, (36, 2)), np.ones(36)),
        COCO,
        LinkRules(),
    )
    assert found.link.tolist() == np.repeat(np.arange(19), 4).tolist()
    for row in range(len(found)):
        link = COCO.links[found.link[row]]
        assert (part[found.a[row]], part[found.b[row]]) == (link.a, link.b)
