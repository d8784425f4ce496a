"""From network inputs to keypoints in image pixels: one batch through an engine, the flip test, decoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config import HrnConfig
from hrn_stage.decode import Method, decode, keypoints_to_image, merge_flipped
from hrn_stage.estimator import PoseEstimator
from hrn_stage.people import PreparedPerson
from hrn_stage.preprocess import normalize
from pose_contract.skeletons import Skeleton


@dataclass(frozen=True)
class Estimated:
    """One person: keypoints [J, 2] in heatmap pixels, heatmap maxima [J], heatmaps [J, h, w]."""

    keypoints_in_heatmap_xy: NDArray[np.float32]
    scores: NDArray[np.float32]
    heatmaps: NDArray[np.float32]


def decode_method(config: HrnConfig) -> Method:
    """TEST.POST_PROCESS switches the refinement of maxima on, TEST.DECODE says which."""
    return config.TEST.DECODE if config.TEST.POST_PROCESS else "argmax"


def estimate_people(
    pictures: NDArray[np.uint8], estimator: PoseEstimator, config: HrnConfig, skeleton: Skeleton
) -> list[Estimated]:
    """Runs people, RGB [N, H, W, 3] as the network sees them, through it; mirrored as well where FLIP_TEST says so."""
    inputs = normalize(pictures, config.DATASET.COLOR_RGB)
    if config.TEST.FLIP_TEST:
        both = estimator.heatmaps(np.concatenate([inputs, inputs[:, :, :, ::-1]]))
        heatmaps, mirrored = both[: len(inputs)], both[len(inputs) :]
        heatmaps = merge_flipped(heatmaps, mirrored, skeleton.mirror_index, config.TEST.SHIFT_HEATMAP)
    else:
        heatmaps = estimator.heatmaps(inputs)
    keypoints, scores = decode(heatmaps, decode_method(config), config.TEST.BLUR_KERNEL)
    return [Estimated(*person) for person in zip(keypoints, scores, heatmaps, strict=True)]


def keypoints_in_image(
    estimated: Sequence[Estimated], people: Sequence[PreparedPerson], config: HrnConfig
) -> NDArray[np.float64]:
    """The keypoints [N, J, 2] of at least one person, in image pixels."""
    keypoints = np.stack([person.keypoints_in_heatmap_xy for person in estimated])
    centers, scales = (np.stack(part) for part in zip(*((p.center, p.scale) for p in people), strict=True))
    return keypoints_to_image(keypoints, centers, scales, config.MODEL.HEATMAP_SIZE)
