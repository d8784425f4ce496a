"""Step 1: where the parts are. Maxima of the heatmaps, refined between the cells. Pure.

Frame: cells of the maps, cell centres at integers. [J, h, w] -> points, ordered by part, then by row and column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Peaks = Literal["nms", "region"]
MOST_OF_A_PART = 127  # as OpenPose; a map of nothing but noise costs no minutes
_FAINTEST = 0.02  # of the peak: what is less is noise, and its logarithm would pull the peak away
_LECTURES_BLUR = 3  # cells
_MARGIN = 3  # cells around what is enlarged
_AROUND = np.ones((3, 3), np.uint8)
_COLUMNS = 7
_CROSS = np.array([[0, 0, 0, -1, 1], [0, -1, 1, 0, 0]])  # rows and columns of a cell and of those beside it
_BEFORE = np.array([[-1, -1, -1, 0], [-1, 0, 1, -1]])  # of the neighbours that come before a cell


@dataclass(frozen=True)
class PointRules:
    """How points are found.

    Attributes:
        threshold: least value of a part's map.
        peaks: `nms`: every cell that no neighbour exceeds; `region`: as taught, the highest cell of each connected
            region over the threshold, so that two people whose regions touch share one point.
        smooth: standard deviation of a Gaussian over the maps before, in cells; 0: none. `region` blurs a little by
            itself, as taught.
        upsample: the maps are enlarged so many times before maxima are looked for: close ones come apart.
    """

    threshold: float = 0.1
    peaks: Peaks = "nms"
    smooth: float = 0.0
    upsample: int = 4


@dataclass(frozen=True)
class Points:
    """All points of a picture; a point's id is its row.

    Attributes:
        part: int64 [N].
        xy: float64 [N, 2], in cells.
        score: float64 [N], the map's value.
    """

    part: NDArray[np.int64]
    xy: NDArray[np.float64]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.part)

    def of(self, part: int) -> NDArray[np.int64]:
        """The ids of a part's points."""
        return np.flatnonzero(self.part == part)


def find_points(heatmaps: NDArray[np.float32], rules: PointRules) -> Points:
    """All points in heatmaps [J, h, w] without the background."""
    maps = smoothed(heatmaps, rules)
    if rules.peaks == "region":
        return _most(_points([_region_maxima(one_map, rules) for one_map in maps], rules.upsample))
    coarse = _most(_points(_maxima_in_all(list(maps), rules.threshold)))
    if rules.upsample == 1:
        return coarse
    parts = [_enlarged(one_map, rules) for one_map in maps]
    fine = _maxima_in_all([part.values for part in parts], rules.threshold)
    return _sharpened(
        _most(_points([part.moved(rows) for part, rows in zip(parts, fine, strict=True)], rules.upsample)), coarse
    )


def smoothed(heatmaps: NDArray[np.float32], rules: PointRules) -> NDArray[np.float32]:
    """The maps that maxima are looked for in, at their own size."""
    if rules.smooth <= 0:
        return heatmaps
    result = np.empty_like(heatmaps)
    for source, target in zip(heatmaps, result, strict=True):
        cv2.GaussianBlur(source, (0, 0), rules.smooth, dst=target, borderType=cv2.BORDER_REPLICATE)
    return result


Cells = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Row and column of cells of one map."""


@dataclass(frozen=True)
class _Enlarged:
    """What is over the threshold of one map, enlarged; `left` and `top` are where it begins in the enlarged map."""

    values: NDArray[np.float32]
    left: int = 0
    top: int = 0

    def moved(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows of `_seen_around` of this part as those of the whole map."""
        rows[:, 0] += self.left
        rows[:, 1] += self.top
        return rows


def _enlarged(one_map: NDArray[np.float32], rules: PointRules) -> _Enlarged:
    """Cubic interpolation looks two cells far, so that what the margin holds has no part in any maximum."""
    times = rules.upsample
    hot = one_map > rules.threshold / 2
    rows, columns = np.flatnonzero(hot.any(axis=1)), np.flatnonzero(hot.any(axis=0))
    if not len(rows):
        return _Enlarged(np.zeros((0, 0), np.float32))
    top, left = max(0, int(rows[0]) - _MARGIN), max(0, int(columns[0]) - _MARGIN)
    part = np.ascontiguousarray(one_map[top : rows[-1] + _MARGIN + 1, left : columns[-1] + _MARGIN + 1])
    if times > 1:
        size = part.shape[1] * times, part.shape[0] * times
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), np.float32)
    return _Enlarged(part, left * times, top * times)


def _maxima_in_all(maps: list[NDArray[np.float32]], threshold: float) -> list[NDArray[np.float64]]:
    """The rows of `_seen_around` of the local maxima of each map [h, w].

    They are looked for in one picture of all maps, one below the other, with a row between that nothing exceeds: each
    by itself would take three times as long.
    """
    starts = np.cumsum([0, *(len(one_map) + 1 for one_map in maps)])
    joined = np.full((starts[-1], max(one_map.shape[1] for one_map in maps)), -np.inf, np.float32)
    for start, one_map in zip(starts, maps, strict=False):
        joined[start : start + one_map.shape[0], : one_map.shape[1]] = one_map
    if not joined.size:
        return [np.zeros((0, _COLUMNS)) for _ in maps]
    found = _seen_around(joined, _local_maxima(joined, threshold))
    part = np.searchsorted(starts, found[:, 1], side="right") - 1
    found[:, 1] -= starts[part]
    return np.split(found, np.searchsorted(part, np.arange(1, len(maps))))


def _local_maxima(one_map: NDArray[np.float32], threshold: float) -> Cells:
    """Cells over the threshold that none of their eight neighbours exceeds; of equal neighbours the first one."""
    cells = np.flatnonzero((one_map > threshold) & (one_map >= cv2.dilate(one_map, _AROUND)))
    row, column = np.divmod(cells, one_map.shape[1])
    if len(cells) > 1 and np.abs(np.diff(np.sort(one_map.ravel()[cells]))).min() == 0:
        before = _BEFORE[0] * one_map.shape[1] + _BEFORE[1]
        place = column[:, None] + _BEFORE[1]
        inside = (row[:, None] + _BEFORE[0] >= 0) & (place >= 0) & (place < one_map.shape[1])
        first = ~(np.isin(cells[:, None] + before, cells) & inside).any(axis=1)
        return row[first], column[first]
    return row, column


def regions(one_map: NDArray[np.float32], threshold: float) -> tuple[int, NDArray[np.int32]]:
    """How many connected regions of a blurred map [h, w] are over the threshold, and each cell's region; 0 is none."""
    count, labels = cv2.connectedComponents((_blurred(one_map) > threshold).astype(np.uint8), connectivity=8)
    return count - 1, labels.astype(np.int32)


def _region_maxima(one_map: NDArray[np.float32], rules: PointRules) -> NDArray[np.float64]:
    """The rows of `_seen_around` as taught: the highest cell of every region of the blurred map, enlarged."""
    part = _enlarged(one_map, rules)
    if not part.values.size:
        return np.zeros((0, _COLUMNS))
    count, labels = regions(part.values, rules.threshold)
    if not count:
        return np.zeros((0, _COLUMNS))
    blurred = _blurred(part.values).ravel()
    cells = np.flatnonzero(labels)
    order = cells[np.lexsort((cells, -blurred[cells], labels.ravel()[cells]))]
    _, first = np.unique(labels.ravel()[order], return_index=True)
    row, column = np.divmod(np.sort(order[first]), part.values.shape[1])
    return part.moved(_seen_around(part.values, (row, column)))


def _blurred(one_map: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(one_map, (_LECTURES_BLUR, _LECTURES_BLUR), 0), np.float32)


def _seen_around(one_map: NDArray[np.float32], cells: Cells) -> NDArray[np.float64]:
    """Rows [N, 7]: x, y, and the map's values in the cell, left, right, above and below of it; 0 beyond the rim."""
    row, column = cells
    height, width = one_map.shape
    y, x = row[:, None] + _CROSS[0], column[:, None] + _CROSS[1]
    values = one_map[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    found = np.empty((len(row), _COLUMNS))
    found[:, 0], found[:, 1] = column, row
    found[:, 2:] = np.where((y >= 0) & (y < height) & (x >= 0) & (x < width), values, -np.inf)
    return found


def _points(of_parts: list[NDArray[np.float64]], times: int = 1) -> Points:
    """Points of the rows of `_seen_around`, part by part, of maps that are so many times as large.

    A point is the top of parabolas through the logarithms of three cells, in x and in y: a Gaussian's top is met
    exactly. It stays within half a cell of its maximum; at the rim, and on a plateau, in the middle of the cell.
    """
    table = np.concatenate(of_parts)
    peak = table[:, 2]
    logs = np.log(np.maximum(table[:, 2:], np.maximum(_FAINTEST * peak, 1e-9)[:, None]))
    before, after, centre = logs[:, [1, 3]], logs[:, [2, 4]], logs[:, :1]
    curve = before - 2 * centre + after
    bent = (curve < -1e-6) & np.isfinite(table[:, [3, 5]]) & np.isfinite(table[:, [4, 6]])
    offset = np.divide(before - after, 2 * curve, out=np.zeros_like(curve), where=bent)
    xy = table[:, :2] + np.clip(offset, -0.5, 0.5)
    part = np.repeat(np.arange(len(of_parts)), [len(rows) for rows in of_parts]).astype(np.int64)
    return Points(part, (xy + 0.5) / times - 0.5, peak.copy())


def _sharpened(fine: Points, coarse: Points) -> Points:
    """Points of the enlarged maps; where one goes with just one of the maps themselves, that one's more exact place.

    Enlarging separates close maxima, and moves them by up to half a cell: the logarithm is not interpolated.
    """
    if not len(fine) or not len(coarse):
        return fine
    near = (fine.part[:, None] == coarse.part) & (np.abs(fine.xy[:, None] - coarse.xy).max(axis=2) <= 1)
    alone = (near.sum(axis=1) == 1) & (near[:, near.sum(axis=0) == 1].any(axis=1))
    xy = fine.xy.copy()
    xy[alone] = coarse.xy[near[alone].argmax(axis=1)]
    return Points(fine.part, xy, fine.score)


def _most(points: Points) -> Points:
    """The surest `MOST_OF_A_PART` points of every part, in their order."""
    if len(points) <= MOST_OF_A_PART:
        return points
    order = np.lexsort((np.arange(len(points)), -points.score, points.part))
    parts = points.part[order]
    rank = np.arange(len(points)) - np.searchsorted(parts, parts)
    kept = np.sort(order[rank < MOST_OF_A_PART])
    return Points(points.part[kept], points.xy[kept], points.score[kept])
