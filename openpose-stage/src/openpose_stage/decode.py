"""From the maps of a picture to the persons in it: points, links, persons. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from openpose_stage.layouts import Layout
from openpose_stage.links import Candidates, LinkRules, find_links
from openpose_stage.maps import Maps
from openpose_stage.persons import NOBODYS, PersonRules, assemble, counting
from openpose_stage.points import PointRules, Points, find_points


@dataclass(frozen=True)
class DecodeRules:
    """The rules of all three steps."""

    points: PointRules = field(default_factory=PointRules)
    links: LinkRules = field(default_factory=LinkRules)
    persons: PersonRules = field(default_factory=PersonRules)


@dataclass(frozen=True)
class OwnRules:
    """What suits one network, where nothing else is asked for; see the rules that have these fields."""

    threshold: float = 0.1
    upsample: int = 4
    min_points: int = 4
    min_mean: float = 0.7


@dataclass(frozen=True)
class Decoded:
    """What the steps found.

    Attributes:
        points, candidates: see their modules.
        assembled: float64 [P, J + 1], all persons, fragments too: point ids or -1, and the total.
        counts: bool [P], who of them is a person.
    """

    points: Points
    candidates: Candidates
    assembled: NDArray[np.float64]
    counts: NDArray[np.bool_]

    @property
    def persons(self) -> NDArray[np.float64]:
        """Those who count."""
        return self.assembled[self.counts]

    def poses(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Keypoints [P, J, 2] in cells and scores [P, J] of those who count; a part that was not found is 0, 0, 0."""
        ids = self.persons[:, :-1].astype(np.int64)
        known = ids != NOBODYS
        xy, scores = np.zeros((*ids.shape, 2)), np.zeros(ids.shape)
        xy[known], scores[known] = self.points.xy[ids[known]], self.points.score[ids[known]]
        return xy, scores


def decode(maps: Maps, layout: Layout, rules: DecodeRules) -> Decoded:
    """The persons of one picture."""
    points = find_points(maps.heatmaps, rules.points)
    candidates = find_links(maps.fields, points, layout, rules.links)
    assembled = assemble(points, candidates, layout)
    return Decoded(points, candidates, assembled, counting(assembled, rules.persons))


def decode_single(maps: Maps, rules: DecodeRules) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One person by the highest place of each map, as the article does: keypoints [1, J, 2] in cells, scores [1, J].

    A part whose map stays under the threshold is 0, 0, 0.
    """
    found = find_points(maps.heatmaps, rules.points)
    parts = len(maps.heatmaps)
    xy, scores = np.zeros((1, parts, 2)), np.zeros((1, parts))
    for part in range(parts):
        ids = found.of(part)
        if len(ids):
            best = ids[found.score[ids].argmax()]
            xy[0, part], scores[0, part] = found.xy[best], found.score[best]
    return xy, scores
