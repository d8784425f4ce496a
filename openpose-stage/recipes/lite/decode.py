"""Maps -> people, small and plain: what the figures of the card are made with, for every network alike."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skeleton18 import LINKS

Array = NDArray[np.float64]
SAMPLES, GOOD, SURE = 10, 7, 0.05  # points looked at along a link, how many must agree, from which product on
THRESHOLD, FINE_STRIDE = 0.1, 2  # of a point; the maps are enlarged to so many pixels a cell
FEWEST, LEAST_MEAN = 4, 0.2  # points of a person; its score by points


def people(heatmaps: NDArray[np.float32], fields: NDArray[np.float32], stride: int) -> list[tuple[Array, Array]]:
    """Everybody's points [18, 2] in the input's pixels (NaN: not found) and scores [18], of maps [19 or 38, h, w]."""
    factor = stride // FINE_STRIDE
    size = heatmaps.shape[2] * factor, heatmaps.shape[1] * factor
    large = [cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in (*heatmaps[:18], *fields)]
    points = [peaks(one) for one in large[:18]]
    pairs = [
        linked(points[one], points[other], (large[18 + channel], large[19 + channel])) for one, other, channel in LINKS
    ]
    return [
        ((found[:, :2] + 0.5) * FINE_STRIDE - 0.5, np.nan_to_num(found[:, 2])) for found in assembled(points, pairs)
    ]


def peaks(heat: NDArray[np.float32]) -> Array:
    """Local maxima [K, 3]: x, y in cells, to a part of one by the parabola through the logarithms, and the value."""
    smooth = cv2.GaussianBlur(heat, (0, 0), 1.0)
    top = (smooth == cv2.dilate(smooth, np.ones((5, 5), np.uint8))) & (smooth > THRESHOLD)
    top[[0, -1]] = top[:, [0, -1]] = False
    rows, columns = np.nonzero(top)
    log = np.log(np.maximum(smooth, 1e-6))
    middle = log[rows, columns]
    found = [columns.astype(np.float64), rows.astype(np.float64), heat[rows, columns].astype(np.float64)]
    for axis, (before, after) in enumerate(
        ((log[rows, columns - 1], log[rows, columns + 1]), (log[rows - 1, columns], log[rows + 1, columns]))
    ):
        bend = before - 2 * middle + after
        found[axis] += np.clip(np.where(bend < -1e-6, (before - after) / np.minimum(2 * bend, -1e-6), 0), -0.5, 0.5)
    return np.stack(found, axis=1)


def linked(
    ones: Array, others: Array, field: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> list[tuple[int, int, float]]:
    """The links that hold, the best first, every point in one at most: row of `ones`, of `others`, score."""
    if not len(ones) or not len(others):
        return []
    way = others[None, :, :2] - ones[:, None, :2]
    length = np.linalg.norm(way, axis=2)
    unit = way / np.maximum(length, 1e-6)[..., None]
    at = ones[:, None, None, :2] + way[:, :, None] * np.linspace(0, 1, SAMPLES)[:, None]
    column = np.clip(np.round(at[..., 0]).astype(int), 0, field[0].shape[1] - 1)
    row = np.clip(np.round(at[..., 1]).astype(int), 0, field[0].shape[0] - 1)
    along = field[0][row, column] * unit[..., None, 0] + field[1][row, column] * unit[..., None, 1]
    score = along.mean(axis=2)
    score[((along > SURE).sum(axis=2) < GOOD) | (length < 1e-3)] = 0
    found, used_one, used_other = [], set(), set()
    for place in np.argsort(-score, axis=None):
        one, other = divmod(int(place), len(others))
        if score[one, other] <= 0:
            break
        if one not in used_one and other not in used_other:
            found.append((one, other, float(score[one, other])))
            used_one.add(one)
            used_other.add(other)
    return found


def assembled(points: list[Array], pairs: list[list[tuple[int, int, float]]]) -> list[Array]:
    """People [18, 3] (NaN: not found): links that share a point are one's; ears by the shoulder only complete."""
    people: list[tuple[dict[int, int], float]] = []
    for number, ((start, end, _), links) in enumerate(zip(LINKS, pairs, strict=True)):
        for one, other, score in links:
            having = [k for k, (rows, _) in enumerate(people) if rows.get(start) == one or rows.get(end) == other]
            if not having and number < 17:
                people.append(({start: one, end: other}, score))
            elif having:
                rows, total = people[having[0]]
                if len(having) > 1 and not set(rows) & set(people[having[1]][0]):
                    second, more = people.pop(having[1])
                    people[having[0]] = (rows | second, total + more + score)
                elif len(having) == 1 and rows.get(start, one) == one and rows.get(end, other) == other:
                    people[having[0]] = (rows | {start: one, end: other}, total + score)
    result = []
    for rows, total in people:
        value = total + sum(points[point][row, 2] for point, row in rows.items())
        if len(rows) >= FEWEST and value / len(rows) >= LEAST_MEAN:
            found = np.full((18, 3), np.nan)
            for point, row in rows.items():
                found[point] = points[point][row]
            result.append(found)
    return result
