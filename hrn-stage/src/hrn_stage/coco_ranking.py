"""How people found in COCO's pictures are ranked before they are measured, as the published HRNet code does (pure).

COCO's AP depends on the order of the people as much as on their keypoints. The published numbers rest on three things:
a person's score is the box's times the mean of the keypoints' (TEST.IN_VIS_THRE); of people whose keypoints are alike
only the best stays (TEST.OKS_THRE, TEST.SOFT_NMS); and a person's size is what the network saw of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Per keypoint of COCO's 17, how far people's own labels of it lie apart, relative to a person's size: COCO's constants.
COCO_SIGMAS = np.array(
    (26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89),
    np.float64,
) / np.float64(1000)
MOST_PEOPLE = 20  # COCO's own limit for a picture, which soft suppression counts up to


@dataclass(frozen=True)
class Found:
    """The people found in one picture, one row each.

    Attributes:
        keypoints_xy: float64 [N, J, 2] in image pixels.
        keypoint_scores: float64 [N, J], the heatmaps' maxima.
        box_scores: float64 [N], the detector's; 1 for labelled boxes.
        areas: float64 [N] in square pixels, of what the network saw.
    """

    keypoints_xy: NDArray[np.float64]
    keypoint_scores: NDArray[np.float64]
    box_scores: NDArray[np.float64]
    areas: NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """TEST's IN_VIS_THRE, OKS_THRE and SOFT_NMS."""

    in_vis_thre: float
    oks_thre: float
    soft_nms: bool


def ranked(found: Found, ranking: Ranking) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which people [K] of a picture stay, in the order of their rank, and the score [K] of each.

    Example: two people with the same keypoints and the scores 0.9 and 0.8 -> ([0], [0.9])
    """
    scores = person_scores(found.box_scores, found.keypoint_scores, ranking.in_vis_thre)
    suppress = soft_oks_nms if ranking.soft_nms else oks_nms
    kept = suppress(found, scores, ranking.oks_thre)
    return kept, scores[kept]


def person_scores(
    box_scores: NDArray[np.float64], keypoint_scores: NDArray[np.float64], in_vis_thre: float
) -> NDArray[np.float64]:
    """Per person [N] the box's score times the mean of the keypoint scores [N, J] over `in_vis_thre`; 0 without any."""
    counted = keypoint_scores > in_vis_thre
    sums = np.where(counted, keypoint_scores, 0).sum(axis=1)
    return np.asarray(box_scores * sums / np.maximum(1, counted.sum(axis=1)), np.float64)


def oks(found: Found, one: int, others: NDArray[np.intp]) -> NDArray[np.float64]:
    """How alike person `one` and each of the `others` [K] are, 0..1: COCO's OKS over all keypoints.

    The size is the mean of the two people's areas, so that it does not matter who is compared with whom.
    """
    squared = np.square(found.keypoints_xy[others] - found.keypoints_xy[one]).sum(axis=2)
    area = (found.areas[others] + found.areas[one]) / 2 + np.spacing(1)
    variances = np.square(2 * sigmas_for(found.keypoints_xy.shape[1]))
    return np.asarray(np.exp(-squared / (2 * variances * area[:, None])).mean(axis=1), np.float64)


def sigmas_for(keypoints: int) -> NDArray[np.float64]:
    """COCO's constants for its 17 keypoints; their mean for each keypoint of another skeleton."""
    return COCO_SIGMAS if keypoints == len(COCO_SIGMAS) else np.full(keypoints, COCO_SIGMAS.mean())


def oks_nms(found: Found, scores: NDArray[np.float64], threshold: float) -> NDArray[np.intp]:
    """Indices [K] of the people that stay, best first: one goes when its OKS with a better one is over `threshold`."""
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while left.size:
        best, left = int(left[0]), left[1:]
        kept.append(best)
        left = left[oks(found, best, left) <= threshold]
    return np.array(kept, np.intp)


def soft_oks_nms(found: Found, scores: NDArray[np.float64], threshold: float) -> NDArray[np.intp]:
    """Indices [K] of at most 20 people in the order in which they are chosen.

    Nobody goes for being alike; whoever is like one chosen before falls back by exp(-OKS^2 / `threshold`). That
    decides the order and who is beyond the twentieth, and is not written into the scores: as published.
    """
    left = np.argsort(-scores, kind="stable")
    weighed = scores[left]
    kept: list[int] = []
    while left.size and len(kept) < MOST_PEOPLE:
        best, left = int(left[0]), left[1:]
        kept.append(best)
        weighed = weighed[1:] * np.exp(-np.square(oks(found, best, left)) / threshold)
        order = np.argsort(-weighed, kind="stable")
        left, weighed = left[order], weighed[order]
    return np.array(kept, np.intp)


def by_picture(image_ids: Sequence[int]) -> dict[int, NDArray[np.intp]]:
    """Rows of each picture, pictures in the order in which they first come."""
    rows: dict[int, list[int]] = {}
    for row, image_id in enumerate(image_ids):
        rows.setdefault(image_id, []).append(row)
    return {image_id: np.array(listed, np.intp) for image_id, listed in rows.items()}
