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
    """Keypoints [N, J, 2] in image pixels, heatmap maxima [N, J], heatmaps [N, J, h, w] of N people."""

    keypoints_xy: NDArray[np.float64]
    scores: NDArray[np.float32]
    heatmaps: NDArray[np.float32]


def decode_method(config: HrnConfig) -> Method:
    """TEST.POST_PROCESS switches the refinement of maxima on, TEST.DECODE says which."""
    return config.TEST.DECODE if config.TEST.POST_PROCESS else "argmax"


def estimate_people(
    people: Sequence[PreparedPerson], estimator: PoseEstimator, config: HrnConfig, skeleton: Skeleton, batch_size: int
) -> Estimated:
    """Runs at most `batch_size` people through the network; where the batch's shape must not change it is padded."""
    width, height = config.MODEL.IMAGE_SIZE
    pictures = np.zeros((batch_size if estimator.fixed_batch else len(people), height, width, 3), np.uint8)
    for row, person in enumerate(people):
        pictures[row] = person.network_input
    inputs = normalize(pictures, config.DATASET.COLOR_RGB)
    if config.TEST.FLIP_TEST:
        both = estimator.heatmaps(np.concatenate([inputs, inputs[:, :, :, ::-1]]))
        heatmaps, mirrored = both[: len(inputs)], both[len(inputs) :]
        heatmaps = merge_flipped(heatmaps, mirrored, skeleton.mirror_index, config.TEST.SHIFT_HEATMAP)
    else:
        heatmaps = estimator.heatmaps(inputs)
    heatmaps = heatmaps[: len(people)]
    keypoints, scores = decode(heatmaps, decode_method(config), config.TEST.BLUR_KERNEL)
    centers = np.stack([person.center for person in people])
    scales = np.stack([person.scale for person in people])
    return Estimated(keypoints_to_image(keypoints, centers, scales, config.MODEL.HEATMAP_SIZE), scores, heatmaps)
