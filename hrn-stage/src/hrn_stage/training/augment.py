"""What a training sample is put through, as in the published code: scale, rotation, mirror, half body (pure)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config_keys import DatasetConfig
from hrn_stage.training.samples import Sample
from pose_contract.skeletons import Skeleton

ROTATION_PROBABILITY = 0.6
HALF_BODY_SCALE = 1.5
PIXELS_PER_UNIT = 200.0
UPPER_BODY = ("head", "neck", "thorax", "nose", "eye", "ear", "shoulder", "elbow", "wrist")


@dataclass(frozen=True)
class View:
    """How the network sees a person: centre and scale as in `Sample`, rotation, mirrored or not."""

    center: NDArray[np.float32]
    scale: NDArray[np.float32]
    rotation_degrees: float = 0.0
    mirrored: bool = False


def plain_view(sample: Sample) -> View:
    """As inference sees the person."""
    return View(sample.center, sample.scale)


def random_view(sample: Sample, config: DatasetConfig, skeleton: Skeleton, rng: np.random.Generator) -> View:
    """A random view: SCALE_FACTOR, ROT_FACTOR (in 60 % of the cases), FLIP, PROB_HALF_BODY as published."""
    center, scale = sample.center, sample.scale
    if sample.labelled.sum() > config.NUM_JOINTS_HALF_BODY and rng.random() < config.PROB_HALF_BODY:
        center, scale = half_body(sample, skeleton, rng) or (center, scale)
    factor = np.clip(rng.standard_normal() * config.SCALE_FACTOR + 1, 1 - config.SCALE_FACTOR, 1 + config.SCALE_FACTOR)
    turn = np.clip(rng.standard_normal() * config.ROT_FACTOR, -2 * config.ROT_FACTOR, 2 * config.ROT_FACTOR)
    turned = rng.random() < ROTATION_PROBABILITY
    mirrored = config.FLIP and rng.random() < 0.5
    return View(center, scale * np.float32(factor), float(turn) if turned else 0.0, bool(mirrored))


def half_body(
    sample: Sample, skeleton: Skeleton, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Centre and scale of the labelled joints above or below the waist; None for fewer than three, or one point."""
    upper = np.array([any(part in name for part in UPPER_BODY) for name in skeleton.keypoints])
    above, below = sample.labelled & upper, sample.labelled & ~upper
    chosen = above if (rng.random() < 0.5 and above.sum() > 2) or below.sum() <= 2 else below
    if chosen.sum() < 3:
        return None
    joints = sample.joints_xy[chosen]
    width, height = joints.max(axis=0) - joints.min(axis=0)
    if max(width, height) < 1:
        return None
    aspect = sample.scale[0] / sample.scale[1]
    width, height = max(width, height * aspect), max(height, width / aspect)
    scale = np.array([width, height], np.float32) * np.float32(HALF_BODY_SCALE / PIXELS_PER_UNIT)
    return joints.mean(axis=0).astype(np.float32), scale


def view_affine(view: View, input_wh: tuple[int, int]) -> NDArray[np.float64]:
    """The matrix [2, 3] from image to network-input pixels: the centre goes to (W/2, H/2), W spans scale[0] x 200 px.

    Without rotation and mirror it is `preprocess.affine_image_to_input`. A mirrored view maps x to W - 1 - x then.
    """
    width, height = input_wh
    factor = width / (float(view.scale[0]) * PIXELS_PER_UNIT)
    turn = math.radians(view.rotation_degrees)
    cos, sin = factor * math.cos(turn), factor * math.sin(turn)
    x, y = (float(value) for value in view.center)
    matrix = np.array(
        [[cos, sin, width / 2 - cos * x - sin * y], [-sin, cos, height / 2 + sin * x - cos * y]], np.float64
    )
    if view.mirrored:
        matrix[0] = [-matrix[0, 0], -matrix[0, 1], width - 1 - matrix[0, 2]]
    return matrix


def joints_in_view(
    sample: Sample, view: View, input_wh: tuple[int, int], skeleton: Skeleton
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The joints [J, 2] in network-input pixels, and which are labelled; in a mirror left and right change names."""
    affine = view_affine(view, input_wh)
    joints = sample.joints_xy.astype(np.float64) @ affine[:, :2].T + affine[:, 2]
    labelled = sample.labelled
    if view.mirrored:
        partner = list(skeleton.mirror_index)
        joints, labelled = joints[partner], labelled[partner]
    return joints, labelled


def vary_colour(picture_rgb: NDArray[np.uint8], amount: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture with each channel's gain, and its contrast, changed by up to `amount` (0 changes nothing)."""
    if not amount:
        return picture_rgb
    gain = rng.uniform(1 - amount, 1 + amount, 3) * rng.uniform(1 - amount, 1 + amount)
    offset = rng.uniform(-amount, amount) * 128
    levels = np.clip(np.arange(256)[:, None] * gain + offset, 0, 255).astype(np.uint8)
    channels = [levels[:, channel][picture_rgb[..., channel]] for channel in range(3)]
    return np.stack(channels, axis=-1)
