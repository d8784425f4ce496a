"""Step 3: who is who. Links that share a point are one person's. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpose_stage.layouts import Layout
from openpose_stage.links import Candidates
from openpose_stage.points import Points

NOBODYS = -1


@dataclass(frozen=True)
class PersonRules:
    """Who counts as a person.

    Attributes:
        min_points: least number of points.
        min_mean: least total over the number of points.
    """

    min_points: int = 4
    min_mean: float = 0.7


@dataclass(frozen=True)
class Found:
    """One person while links are added: the point of each part, and the total so far."""

    points: dict[int, int]
    total: float


def assemble(points: Points, candidates: Candidates, layout: Layout) -> NDArray[np.float64]:
    """All persons [P, J + 1]: per part the id of its point, or -1, then the total, which is the sum of the scores of
    all their points and links. Nobody is left out here; the order is that in which the links came.

    A link adds its unknown end to the person who has the other; joins two persons who share no part; is one more score
    where both ends are the same person's; and begins a person where nobody has an end. It is passed over where the
    person has another point of that part already.
    """
    people: list[Found | None] = []
    owner = np.full(len(points), NOBODYS, np.int64)
    rows = candidates.linked
    table = zip(candidates.link[rows].tolist(), candidates.a[rows].tolist(), candidates.b[rows].tolist(), strict=True)
    for (number, a, b), score in zip(table, candidates.mean[rows].tolist(), strict=True):
        one, other = int(owner[a]), int(owner[b])
        if one == other == NOBODYS:
            if not layout.links[number].only_adds:
                owner[[a, b]] = len(people)
                people.append(_joined(points, (a, b), score))
        elif one == other:
            people[one] = _with(people[one], {}, score)
        elif NOBODYS in (one, other):
            person, new = (other, a) if one == NOBODYS else (one, b)
            part = int(points.part[new])
            known = people[person]
            assert known is not None, "a person who has gone into another owns no point"
            if part not in known.points:
                owner[new] = person
                people[person] = _with(known, {part: new}, score + float(points.score[new]))
        else:
            kept, gone = min(one, other), max(one, other)
            first, second = people[kept], people[gone]
            assert first is not None and second is not None, "a person who has gone into another owns no point"
            if not first.points.keys() & second.points.keys():
                owner[owner == gone] = kept
                people[kept] = _with(first, second.points, score + second.total)
                people[gone] = None
    return _rows([person for person in people if person is not None], layout.parts)


def _joined(points: Points, ids: tuple[int, int], score: float) -> Found:
    total = score + float(points.score[list(ids)].sum())
    return Found({int(points.part[point]): point for point in ids}, total)


def _with(person: Found | None, more: dict[int, int], score: float) -> Found:
    assert person is not None, "a person who has gone into another owns no point"
    return Found(person.points | more, person.total + score)


def _rows(people: list[Found], parts: int) -> NDArray[np.float64]:
    table = np.full((len(people), parts + 1), float(NOBODYS))
    for row, person in zip(table, people, strict=True):
        row[list(person.points)] = list(person.points.values())
        row[-1] = person.total
    return table


def counting(persons: NDArray[np.float64], rules: PersonRules) -> NDArray[np.bool_]:
    """Which rows [P, J + 1] count as persons."""
    count = (persons[:, :-1] != NOBODYS).sum(axis=1)
    return np.asarray((count >= rules.min_points) & (persons[:, -1] >= rules.min_mean * count))
