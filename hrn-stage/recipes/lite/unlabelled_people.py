"""Labels for people whom nobody has labelled, by Thunder: those in the boxes of MPII's and LSPET's photos for training.

    python unlabelled_people.py DATA BOXES.npz thunder.pb OUT.npz

COCO's joints are not MPII's. What lies between them is learnt from the labelled people of MPII: a linear map from all
of Thunder's joints, around hips and shoulders, to MPII's sixteen; it gives hips, neck and head top. Knees, ankles,
elbows and wrists stay Thunder's, moved by the median difference. A joint's weight comes from Thunder's score and from
how far its plain and its mirrored look lie apart; whom it hardly sees is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from people_sets import (
    LSPET_VALIDATION,
    Array,
    Pictures,
    legs_beyond,
    mpii_from_coco,
    own_box,
    read_boxes,
    read_mpii,
    set_apart,
)
from teachers import COCO, MIRROR, Answer, ask_thunder, load

from hrn_stage.limb_metrics import overlaps
from pose_contract.skeletons import COCO17, MPII16

SMALLEST = {"mpii": 55, "lspet": 110}  # pixels of a box's height
LABELLED_OVERLAP = {"mpii": 0.45, "lspet": 0.3}  # of a box with a labelled person, who is labelled then
TRUNK = [COCO[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "hip")]
MIRROR_MPII = list(MPII16.mirror_index)
LOWER, AT = {"ankle": -0.03, "knee": -0.04, "wrist": -0.01, "elbow": -0.012, "shoulder": 0.02}, MPII16.keypoints.index
RIDGE, ROUNDS, TOLERANCE = 1e-5, 5, 0.03
FULL_WEIGHT, LEAST_WEIGHT, UNSEEN = 0.8, 0.2, 0.2
FEWEST, FEWEST_OF_TRUNK, SMALLEST_TORSO = 7, 2, 8.0


@dataclass(frozen=True)
class Seen:
    """Somebody in a photo, as Thunder sees them in a box; MPII's labels [16, 2] where there are some."""

    file: str
    box_xyxy: Array
    answer: Answer
    photo_height: int
    labels_xy: Array | None = None

    @property
    def side(self) -> float:
        """Of the box, in pixels: the unit of what is learnt."""
        return float((self.box_xyxy[2:] - self.box_xyxy[:2]).max())


def unlabelled_boxes(boxes: Array, labelled: list[Array], kind: str) -> list[Array]:
    """The boxes that are large enough and nobody's who is labelled."""
    taken = np.zeros(len(boxes))
    for joints in labelled:
        low, high = joints.min(axis=0), joints.max(axis=0)
        around = np.concatenate([low - 0.06 * (high - low), high + 0.06 * (high - low)])
        taken = np.maximum(taken, overlaps(around[None], boxes)[0])
    large = boxes[:, 3] - boxes[:, 1] > SMALLEST[kind]
    return list(boxes[large & (taken < LABELLED_OVERLAP[kind])])


def mpii_seen(data: Path, boxes: dict[str, Array], thunder: Any) -> Iterator[Seen]:
    """The labelled people for training, and the others in their photos."""
    pictures = Pictures(data / "mpii-people.tar")
    photos, kept_back = read_mpii(data)
    for photo in photos:
        if photo["file"] in kept_back:
            continue
        picture, people = pictures.read(photo["file"]), [np.array(person, np.float64) for person in photo["people"]]
        there = boxes.get(f"mpii/{photo['file']}", np.zeros((0, 4)))
        for joints in people:
            box = own_box(joints, there)
            if np.isfinite(box).all():
                yield Seen(photo["file"], box, ask_thunder(thunder, picture, box), len(picture), joints)
        for box in unlabelled_boxes(there, people, "mpii"):
            yield Seen(photo["file"], box, ask_thunder(thunder, picture, box), len(picture))


def lspet_seen(data: Path, boxes: dict[str, Array], thunder: Any) -> Iterator[Seen]:
    """The people in the background of LSPET's photos for training."""
    pictures = Pictures(data / "lspet-train.tar")
    with np.load(data / "lspet-train.npz") as arrays:
        files, joints = arrays["files"], arrays["joints"].astype(np.float64)
    kept_back = set_apart(len(files), LSPET_VALIDATION)
    for row, file in enumerate(map(str, files)):
        labels = joints[row, joints[row, :, 2] > 0, :2]
        there = boxes.get(file, np.zeros((0, 4)))
        if row in kept_back or len(there) < 2 or len(labels) < 4:
            continue
        for box in unlabelled_boxes(there, [labels], "lspet"):
            picture = pictures.read(file)
            yield Seen(file, box, ask_thunder(thunder, picture, box), len(picture))


def features(joints_xy: Array, sides: Array) -> tuple[Array, Array]:
    """Thunder's joints [N, 17, 2] around the trunk's middle [N, 2], in boxes, and a one: [N, 35]."""
    middle = joints_xy[:, TRUNK].mean(axis=1)
    around = ((joints_xy - middle[:, None]) / sides[:, None, None]).reshape(len(joints_xy), -1)
    return np.hstack([around, np.ones((len(around), 1))]), middle


def learn_map(people: list[Seen]) -> Array:
    """The linear map [35, 32]; people whom it does not fit count less and less. Everybody counts mirrored too."""
    seen = np.stack([person.answer.joints_xy for person in people])
    wanted = np.stack([person.labels_xy for person in people if person.labels_xy is not None])
    sides = np.tile([person.side for person in people], 2)
    flip = np.array([-1.0, 1.0])
    seen = np.concatenate([seen, seen[:, MIRROR] * flip])
    wanted = np.concatenate([wanted, wanted[:, MIRROR_MPII] * flip])
    given, middle = features(seen, sides)
    target = ((wanted - middle[:, None]) / sides[:, None, None]).reshape(len(wanted), -1)
    counts, found = np.ones(len(given)), np.zeros((given.shape[1], target.shape[1]))
    for _ in range(ROUNDS):
        weighted = given * counts[:, None]
        found = np.linalg.solve(weighted.T @ given + RIDGE * len(given) * np.eye(given.shape[1]), weighted.T @ target)
        errors = np.linalg.norm((given @ found - target).reshape(len(given), 16, 2), axis=2)
        counts = 1 / (1 + (np.median(errors, axis=1) / TOLERANCE) ** 2)
    return found


def labels_of(person: Seen, linear_map: Array) -> tuple[Array, NDArray[np.float32], NDArray[np.bool_]] | None:
    """Joints [16, 2], weights [16] and which are beyond the photo; None for whom Thunder hardly sees."""
    answer, points = person.answer, person.answer.joints_xy
    given, middle = features(points[None], np.array([person.side]))
    joints = (given @ linear_map).reshape(16, 2) * person.side + middle
    torso = np.linalg.norm(points[TRUNK[0]] - points[TRUNK[3]]) + np.linalg.norm(points[TRUNK[2]] - points[TRUNK[1]])
    sure = np.clip((answer.scores - 0.25) / 0.4, 0, 1) * np.clip(
        (0.07 - answer.spread / (1.25 * person.side)) / 0.055, 0, 1
    )
    _, weights = mpii_from_coco(points, sure.astype(np.float32))
    for name, row in COCO.items():
        part = name.partition("_")[2]
        if part in LOWER:
            joints[AT(name)] = points[row] + [0, LOWER[part] * torso / 2]
    head = np.sort(sure[:5])[-2]  # of nose, eyes and ears
    for name in ("upper_neck", "head_top"):
        weights[AT(name)] = 0.8 * min(head, weights[AT("thorax")])
    weights = np.where(weights < LEAST_WEIGHT / FULL_WEIGHT, 0, weights * FULL_WEIGHT).astype(np.float32)
    trunk = weights[[AT(COCO17.keypoints[row]) for row in TRUNK]] > 0
    if (weights > 0).sum() < FEWEST or trunk.sum() < FEWEST_OF_TRUNK or torso / 2 < SMALLEST_TORSO:
        return None
    scores = mpii_from_coco(points, answer.scores.astype(np.float32))[1]
    beyond = legs_beyond(weights, person.box_xyxy, person.photo_height) & (weights == 0) & (scores < UNSEEN)
    return joints, weights, beyond


def main(data: Path, boxes_file: Path, thunder_file: Path, out: Path) -> None:
    """Writes OUT.npz."""
    boxes, thunder = read_boxes(boxes_file), load(thunder_file)
    seen = list(mpii_seen(data, boxes, thunder))
    linear_map = learn_map([person for person in seen if person.labels_xy is not None])
    others = [person for person in seen if person.labels_xy is None] + list(lspet_seen(data, boxes, thunder))
    kept = [(person, found) for person in others if (found := labels_of(person, linear_map)) is not None]
    joints, weights, absent = (np.stack(column) for column in zip(*(found for _, found in kept), strict=True))
    np.savez_compressed(
        out,
        files=np.array([person.file for person, _ in kept]),
        joints=joints.astype(np.float32),
        weight=weights,
        absent=absent,
        box=np.stack([person.box_xyxy for person, _ in kept]).astype(np.float32),
    )
    print(f"{len(kept)} of {len(others)} people without labels kept")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:5]))
