"""How a person of an ordinary photo is framed for training: by box, by joints, or half of the body (pure)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config import HrnConfig
from hrn_stage.training.augment import UPPER_BODY, View
from hrn_stage.training.ordinary import EXTENT_TO_FRAME, PIXELS_PER_UNIT, SMALLEST_FRAME, OrdinaryPerson
from pose_contract.skeletons import Skeleton

BOX_JITTER = 0.04  # of the box's sides: a detector's own spread
HALF_BODY_FRAME, LEAST_OF_BODY = 1.45, 0.45
UPPER_SHARE = 0.6
TURNED = 0.46  # share of the people turned by up to twice ROT_FACTOR
USUAL_SCALE = 0.5  # of SCALE_FACTOR is the deviation, SCALE_FACTOR the most

Frame = tuple[NDArray[np.float64], float]


def framed_by_box(person: OrdinaryPerson, context: float, rng: np.random.Generator) -> Frame:
    """Centre and side of what inference would see of a detector's box, by TEST.CROP_CONTEXT; its edges jittered."""
    width, height = person.box_xyxy[2:] - person.box_xyxy[:2]
    box = person.box_xyxy + rng.normal(0, BOX_JITTER, 4) * np.array([width, height, width, height])
    return (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()) * context


def framed_by_joints(person: OrdinaryPerson) -> Frame:
    """Centre and side around the labelled joints; never much less than the box, which knows of more."""
    low, high = person.extent()
    side = max(float((high - low).max()), SMALLEST_FRAME) * EXTENT_TO_FRAME
    if person.has_box:
        side = max(side, float((person.box_xyxy[2:] - person.box_xyxy[:2]).max()) * 0.8)
    return (low + high) / 2, side


def framed_by_half(person: OrdinaryPerson, skeleton: Skeleton, rng: np.random.Generator) -> Frame:
    """Centre and side around the labelled joints above or below the waist."""
    upper = np.array([any(part in name for part in UPPER_BODY) for name in skeleton.keypoints])
    above, below = person.labelled & upper, person.labelled & ~upper
    chosen = above if (rng.random() < UPPER_SHARE and above.sum() > 2) or below.sum() < 3 else below
    joints = person.joints_xy[chosen]
    low, high = person.extent()
    side = max(float(np.ptp(joints, axis=0).max()), SMALLEST_FRAME) * HALF_BODY_FRAME
    return (joints.min(axis=0) + joints.max(axis=0)) / 2, max(side, LEAST_OF_BODY * float((high - low).max()))


def random_frame(person: OrdinaryPerson, config: HrnConfig, skeleton: Skeleton, rng: np.random.Generator) -> Frame:
    """One of the three, by PROB_HALF_BODY (with more than NUM_JOINTS_HALF_BODY labels) and PROB_BOX."""
    dataset = config.DATASET
    if person.labelled.sum() >= dataset.NUM_JOINTS_HALF_BODY and rng.random() < dataset.PROB_HALF_BODY:
        return framed_by_half(person, skeleton, rng)
    if rng.random() < config.PEOPLE.PROB_BOX and person.has_box:
        return framed_by_box(person, config.TEST.CROP_CONTEXT, rng)
    return framed_by_joints(person)


def random_view(
    person: OrdinaryPerson, config: HrnConfig, skeleton: Skeleton, input_wh: tuple[int, int], rng: np.random.Generator
) -> View:
    """A random frame, scaled by up to e^SCALE_FACTOR, shifted, turned, mirrored."""
    dataset, people = config.DATASET, config.PEOPLE
    center, side = random_frame(person, config, skeleton, rng)
    most = dataset.SCALE_FACTOR
    side = max(side, SMALLEST_FRAME) * math.exp(float(np.clip(rng.normal(0, USUAL_SCALE * most), -most, most)))
    center = center + rng.uniform(-people.SHIFT, people.SHIFT, 2) * side
    turn, chance = 0.0, rng.random()
    if chance < people.PROB_ANY_TURN:
        turn = rng.uniform(-180, 180)
    elif chance < people.PROB_ANY_TURN + TURNED:
        turn = float(np.clip(rng.normal(0, dataset.ROT_FACTOR), -2 * dataset.ROT_FACTOR, 2 * dataset.ROT_FACTOR))
    mirrored = dataset.FLIP and rng.random() < 0.5
    # The frame is a square; an input that is none shows all of it.
    scale = np.array(input_wh, np.float32) * np.float32(side / min(input_wh) / PIXELS_PER_UNIT)
    return View(center.astype(np.float32), scale, turn, bool(mirrored))
