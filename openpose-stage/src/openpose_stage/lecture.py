"""The lecture's four functions with their signatures and shapes, thin over the decoder, so that its notebooks run.

    (ptGrp, ptList) = getAllPoints(output, imgWidth, imgHeight)
    (linksWithPairs, linksNoPairs) = getAllLinks(output, links, pafCh, ptGrp, (imgHeight, imgWidth))
    persons = getPersons(linksWithPairs, linksNoPairs, links[0:17], ptList)
    drawSkeleton(image, links[0:17], persons, ptList, lineColours, ptColours)

`output` is what a network gives, [1, 57, h, w]: 18 parts, background, 38 fields. Coordinates are those of the image of
that width and height, x first. The steps are the stage's own: points by local maxima, between the pixels; links that
share no point; persons that are joined. `peaks="region"` finds points as taught.

`LINKS` and `PAF_CHANNELS` are the lecture's tables with the right ears; `SEED_LINKS` has the last two as it lists them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpose_stage.layouts import COCO, Layout, Link, with_seed_links
from openpose_stage.links import Candidates, LinkRules, Verdict, find_links
from openpose_stage.persons import assemble
from openpose_stage.points import Peaks, PointRules, Points, find_points
from pose_contract.errors import UsageError

__all__ = ["LINKS", "PAF_CHANNELS", "SEED_LINKS", "drawSkeleton", "getAllLinks", "getAllPoints", "getPersons"]

PARTS = 18
LINKS: list[list[int]] = [[link.a, link.b] for link in COCO.links]
SEED_LINKS: list[list[int]] = [[link.a, link.b] for link in with_seed_links(COCO).links]
PAF_CHANNELS: list[list[int]] = [[PARTS + 1 + link.field, PARTS + 2 + link.field] for link in COCO.links]
ONLY_ADDING = {(2, 16), (5, 17), (2, 17), (5, 16)}  # a shoulder and an ear

PointGroups = list[list[tuple[float, float, float, int]]]
LinkTables = list["NDArray[np.float64] | list[float]"]


def getAllPoints(  # noqa: N802 - the lecture's name
    cfMaps: NDArray[np.float32],  # noqa: N803
    imgWidth: int,  # noqa: N803
    imgHeight: int,  # noqa: N803
    cfThres: float = 0.1,  # noqa: N803
    numOfKeyPts: int = PARTS,  # noqa: N803
    peaks: Peaks = "nms",
) -> tuple[PointGroups, NDArray[np.float64]]:
    """Step 1: where the parts are.

    Args:
        cfMaps: [1, at least numOfKeyPts, h, w].
        imgWidth, imgHeight: of the image that the points are to lie in.
        cfThres: least value of a map.
        numOfKeyPts: how many maps are parts.
        peaks: `nms`, or `region` as taught.

    Returns:
        ptGrp: per part a list of points (x, y, probability, id); and ptList [n, 3], whose row is a point's id.
    """
    maps = _single(cfMaps)[:numOfKeyPts]
    found = find_points(maps, PointRules(threshold=cfThres, peaks=peaks))
    scale = _scale(maps, imgWidth, imgHeight)
    table = np.column_stack([(found.xy + 0.5) * scale - 0.5, found.score]).reshape(-1, 3)
    limit = np.array([imgWidth - 1, imgHeight - 1])
    table[:, :2] = np.clip(table[:, :2], 0, limit)
    groups: PointGroups = [[] for _ in range(numOfKeyPts)]
    for point, (part, (x, y, score)) in enumerate(zip(found.part.tolist(), table.tolist(), strict=True)):
        groups[part].append((x, y, score, point))
    return groups, table


def getAllLinks(  # noqa: N802
    pafs: NDArray[np.float32],
    links: Sequence[Sequence[int]],
    linkCh: Sequence[Sequence[int]],  # noqa: N803
    ptGrp: PointGroups,  # noqa: N803
    imgSize: tuple[int, int],  # noqa: N803
    numOfPtsForLine: int = 10,  # noqa: N803
    pafThres: float = 0.1,  # noqa: N803
    cfThres: float = 0.7,  # noqa: N803
) -> tuple[LinkTables, list[int]]:
    """Step 2: which points belong together.

    Args:
        pafs: [1, C, h, w], the network's whole output.
        links: two parts each.
        linkCh: the two channels of each link's field.
        ptGrp: of `getAllPoints`.
        imgSize: height and width of the image that the points lie in.
        numOfPtsForLine: samples between two points.
        pafThres: a sample over this is a good one.
        cfThres: more than this part of the samples must be good ones: of ten, eight.

    Returns:
        per link a table [n, 3] of two points' ids and the link's score, or an empty list; and the numbers of those
        links that have none.
    """
    fields = _single(pafs)
    height, width = imgSize
    points = _points_of(ptGrp, _scale(fields, width, height))
    layout = _layout(links, [channels[0] for channels in linkCh])
    good = int(np.floor(cfThres * numOfPtsForLine + 1e-9)) + 1
    found = find_links(fields, points, layout, LinkRules(numOfPtsForLine, pafThres, good))
    rows = found.linked
    tables: LinkTables = []
    for number in range(len(links)):
        own = rows[found.link[rows] == number]
        tables.append(np.column_stack([found.a[own], found.b[own], found.mean[own]]) if len(own) else [])
    return tables, [number for number, table in enumerate(tables) if not len(table)]


def getPersons(  # noqa: N802
    linksWithPairs: LinkTables,  # noqa: N803
    linksNoPairs: Sequence[int],  # noqa: N803
    selLinks: Sequence[Sequence[int]],  # noqa: N803
    ptList: ArrayLike,  # noqa: N803
) -> NDArray[np.float64]:
    """Step 3: who is who.

    Args:
        linksWithPairs, linksNoPairs: of `getAllLinks`.
        selLinks: the first links of those, as many as are to count.
        ptList: [n, 3] of `getAllPoints`.

    Returns:
        persons [p, 19]: the ids of their points, -1 for none, then the total: the scores of all points and links.
    """
    table = np.asarray(ptList, np.float64).reshape(-1, 3)
    rows = [
        (number, int(a), int(b), float(score))
        for number in range(len(selLinks))
        if number not in set(linksNoPairs)
        for a, b, score in np.asarray(linksWithPairs[number], np.float64).reshape(-1, 3)
    ]
    part = np.full(len(table), -1, np.int64)
    for number, a, b, _ in rows:
        part[[a, b]] = selLinks[number]
    points = Points(part, table[:, :2], table[:, 2])
    columns = np.array(rows, np.float64).reshape(-1, 4)
    numbers, ones, others = columns[:, :3].astype(np.int64).T
    linked = np.full(len(rows), Verdict.LINKED, np.int64)
    none = np.zeros((len(rows), 0))
    candidates = Candidates(numbers, ones, others, none, columns[:, 3], np.zeros(len(rows), np.int64), linked)
    return assemble(points, candidates, _layout(selLinks, [0] * len(selLinks)))


def drawSkeleton(  # noqa: N802
    image: NDArray[np.uint8],
    selLinks: Sequence[Sequence[int]],  # noqa: N803
    persons: NDArray[np.float64],
    ptList: ArrayLike,  # noqa: N803
    lineColours: Sequence[Sequence[int]],  # noqa: N803
    ptColours: Sequence[Sequence[int]],  # noqa: N803
    pltThres: float = 4,  # noqa: N803
) -> NDArray[np.uint8]:
    """Draws everybody whose total is over `pltThres` into the image itself, and returns it."""
    places = np.asarray(ptList, np.float64).reshape(-1, 3)[:, :2].astype(np.int64)
    for person in persons[persons[:, -1] > pltThres]:
        ids = person[:-1].astype(np.int64)
        for number, (a, b) in enumerate(selLinks):
            if ids[a] >= 0 and ids[b] >= 0:
                ends = [tuple(map(int, places[ids[end]])) for end in (a, b)]
                cv2.line(image, ends[0], ends[1], _color(lineColours[number % len(lineColours)]), 3, cv2.LINE_AA)
        for part, point in enumerate(ids):
            if point >= 0:
                centre = (int(places[point, 0]), int(places[point, 1]))
                cv2.circle(image, centre, 5, (255, 255, 255), -1, cv2.LINE_AA)
                cv2.circle(image, centre, 5, _color(ptColours[part % len(ptColours)]), 1, cv2.LINE_AA)
    return image


def _single(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """[1, C, h, w] -> [C, h, w]. Raises UsageError for other shapes, and for NaN or infinity."""
    array = np.asarray(maps, np.float32)
    if array.ndim != 4 or len(array) != 1:
        raise UsageError(f"expected maps [1, C, h, w], got {list(array.shape)}", "give the network's whole output")
    if not np.isfinite(array).all():
        raise UsageError("the maps hold NaN or infinity", "the weights do not work: fetch them again")
    return np.asarray(array[0], np.float32)


def _scale(maps: NDArray[np.float32], width: int, height: int) -> NDArray[np.float64]:
    """Image pixels of a cell, in x and in y."""
    return np.array([width / maps.shape[2], height / maps.shape[1]])


def _points_of(groups: PointGroups, scale: NDArray[np.float64]) -> Points:
    rows = sorted((point, part, x, y, score) for part, group in enumerate(groups) for x, y, score, point in group)
    table = np.array(rows, np.float64).reshape(-1, 5)
    if not (table[:, 0] == np.arange(len(table))).all():
        raise UsageError("the points' ids are not 0, 1, 2, …", "give ptGrp as getAllPoints returned it")
    return Points(table[:, 1].astype(np.int64), (table[:, 2:4] + 0.5) / scale - 0.5, table[:, 4])


def _layout(links: Sequence[Sequence[int]], fields: Sequence[int]) -> Layout:
    """Of the lecture's tables; an ear and a shoulder begin no person."""
    rows = [(int(a), int(b), field) for (a, b), field in zip(links, fields, strict=True)]
    return Layout(COCO.skeleton, tuple(Link(a, b, field, (a, b) in ONLY_ADDING) for a, b, field in rows))


def _color(values: Sequence[int]) -> tuple[int, int, int]:
    first, second, third = (int(value) for value in values)
    return first, second, third
