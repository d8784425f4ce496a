"""Step 2: which points belong together. Every pair that a link could join is judged by the fields between. Pure.

A field's vector points from the first part of a link to its second, with a length of 1 on a limb and 0 beside it. A
pair's samples are the fields at ten places from point to point, along the line: near 1 on a limb, 0 beside one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from openpose_stage.layouts import Layout
from openpose_stage.points import Points

Pairing = Literal["greedy", "hungarian"]
AT_ONCE = 40_000  # candidates: of more the samples would take hundreds of megabytes


class Verdict(IntEnum):
    """Why a candidate is a link, or none."""

    LINKED = 0
    NO_LENGTH = 1
    FEW_GOOD_SAMPLES = 2
    LOW_MEAN = 3
    BEATEN = 4


IN_WORDS = {
    Verdict.LINKED: "linked",
    Verdict.NO_LENGTH: "both points are one",
    Verdict.FEW_GOOD_SAMPLES: "too few good samples",
    Verdict.LOW_MEAN: "no field along it",
    Verdict.BEATEN: "another link has one of its points",
}


@dataclass(frozen=True)
class LinkRules:
    """How candidates are judged.

    Attributes:
        samples: how many places between two points are looked at; both ends are among them.
        least_field: a sample over this is a good one.
        min_good: least number of good samples. The lecture's "more than 0.7 of them" is 8 of 10.
        pairing: `greedy`: the best candidate first; `hungarian`: the pairs whose sum is the largest.
    """

    samples: int = 10
    least_field: float = 0.1
    min_good: int = 8
    pairing: Pairing = "greedy"


@dataclass(frozen=True)
class Candidates:
    """All pairs of points that a link could join, link after link.

    Attributes:
        link: int64 [K], the link's number.
        a, b: int64 [K], the points' ids.
        samples: float64 [K, S], the fields along the line.
        mean: float64 [K], of all samples: the link's score.
        good: int64 [K], how many samples are good ones.
        verdict: int64 [K], see `Verdict`.
    """

    link: NDArray[np.int64]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    samples: NDArray[np.float64]
    mean: NDArray[np.float64]
    good: NDArray[np.int64]
    verdict: NDArray[np.int64]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.link)

    @property
    def linked(self) -> NDArray[np.int64]:
        """The rows that are links: link after link, the best first."""
        rows = np.flatnonzero(self.verdict == Verdict.LINKED)
        return rows[np.lexsort((rows, -self.mean[rows], self.link[rows]))]


def find_links(fields: NDArray[np.float32], points: Points, layout: Layout, rules: LinkRules) -> Candidates:
    """Every candidate of fields [2 L, h, w], judged."""
    link, a, b = _pairs(points, layout)
    starts = range(0, len(link), AT_ONCE)
    parts = [
        _samples(fields, points, layout, rules, (link[i : i + AT_ONCE], a[i : i + AT_ONCE], b[i : i + AT_ONCE]))
        for i in starts
    ]
    samples = np.concatenate(parts) if parts else np.zeros((0, rules.samples))
    mean = samples.mean(axis=1) if len(samples) else np.zeros(0)
    good = (samples > rules.least_field).sum(axis=1)
    verdict = np.full(len(link), Verdict.BEATEN, np.int64)
    verdict[mean <= 0] = Verdict.LOW_MEAN
    verdict[good < rules.min_good] = Verdict.FEW_GOOD_SAMPLES
    verdict[(points.xy[a] == points.xy[b]).all(axis=1)] = Verdict.NO_LENGTH
    chosen = _greedy if rules.pairing == "greedy" else _hungarian
    left = np.flatnonzero(verdict == Verdict.BEATEN)
    verdict[left[chosen(link[left], a[left], b[left], mean[left])]] = Verdict.LINKED
    return Candidates(link, a, b, samples, mean, good, verdict)


def _pairs(points: Points, layout: Layout) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each link every point of its first part with every one of its second: the link, and their ids."""
    by_part = np.argsort(points.part, kind="stable")
    counts = np.bincount(points.part, minlength=layout.parts)
    begins = np.cumsum(counts) - counts
    first, second = (
        np.array(ends, np.int64) for ends in zip(*((link.a, link.b) for link in layout.links), strict=True)
    )
    many = counts[first] * counts[second]
    link = np.repeat(np.arange(len(many)), many)
    number = np.arange(len(link)) - np.repeat(np.cumsum(many) - many, many)
    one, other = np.divmod(number, np.maximum(counts[second], 1)[link])
    return link, by_part[begins[first][link] + one], by_part[begins[second][link] + other]


def _samples(
    fields: NDArray[np.float32],
    points: Points,
    layout: Layout,
    rules: LinkRules,
    pairs: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.float64]:
    """The fields along the lines of pairs, [K, S]; between cells they are interpolated."""
    link, a, b = pairs
    start, way = points.xy[a], points.xy[b] - points.xy[a]
    length = np.linalg.norm(way, axis=1)
    unit = np.divide(way, length[:, None], out=np.zeros_like(way), where=length[:, None] > 0)
    places = start[:, None] + np.linspace(0, 1, rules.samples)[None, :, None] * way[:, None]
    channel = np.array([ends.field for ends in layout.links], np.int64)[link][:, None]
    x, y = (along_the_line(fields, channel + axis, places) for axis in (0, 1))
    return np.asarray(x * unit[:, :1] + y * unit[:, 1:])


def along_the_line(
    fields: NDArray[np.float32], channel: NDArray[np.int64], places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values of `channel` [K, 1] at places [K, S, 2] between the cells, [K, S]; outside, those of the rim."""
    _, height, width = fields.shape
    x = np.clip(places[..., 0], 0, width - 1)
    y = np.clip(places[..., 1], 0, height - 1)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right_part, low_part = x - left, y - top
    flat = fields.ravel()
    row = (channel * height + top) * width
    below = (channel * height + np.minimum(top + 1, height - 1)) * width
    right = np.minimum(left + 1, width - 1)
    upper = flat[row + left] * (1 - right_part) + flat[row + right] * right_part
    lower = flat[below + left] * (1 - right_part) + flat[below + right] * right_part
    return np.asarray(upper * (1 - low_part) + lower * low_part, np.float64)


def _greedy(
    link: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64], mean: NDArray[np.float64]
) -> list[int]:
    """The rows taken: the best first, each point once in a link."""
    order = np.lexsort((b, a, -mean, link))
    taken: set[tuple[int, int]] = set()
    chosen = []
    rows = zip(order.tolist(), link[order].tolist(), a[order].tolist(), b[order].tolist(), strict=True)
    for row, number, one, other in rows:
        if (number, one) not in taken and (number, other) not in taken:
            taken |= {(number, one), (number, other)}
            chosen.append(row)
    return chosen


def _hungarian(
    link: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64], mean: NDArray[np.float64]
) -> list[int]:
    """The rows taken: per link the pairs whose means have the largest sum."""
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped, unused-ignore]

    chosen = []
    for number in np.unique(link):
        rows = np.flatnonzero(link == number)
        ones, place_a = np.unique(a[rows], return_inverse=True)
        others, place_b = np.unique(b[rows], return_inverse=True)
        table = np.zeros((len(ones), len(others)))
        table[place_a, place_b] = mean[rows]
        at = {(int(i), int(j)): int(row) for i, j, row in zip(place_a, place_b, rows, strict=True)}
        pairs = zip(*linear_sum_assignment(table, maximize=True), strict=True)
        chosen += [at[int(i), int(j)] for i, j in pairs if (int(i), int(j)) in at]
    return chosen
