"""The people of LSPET's, MPII's and COCO's photos with 18 points each: labels, and what teachers add to them.

A point's `sure` says what it is: 1 it stands there, 0 it is not to be seen, -1 nobody knows, leave it open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skeleton18 import FACE, FROM_COCO, FROM_MPII, LIMBS, NECK, SHOULDERS

Array = NDArray[np.float64]
SEED, LSPET_VALIDATION, MPII_VALIDATION, COCO_VALIDATION = 20241, 500, 130, 20
GROUPS = ("lspet", "mpii", "coco", "empty")
SEEN, UNSEEN = 0.35, 0.12  # a teacher's score from which a point counts, and under which it is not to be seen
LEAST_WEIGHT = 0.35  # of a label by vote
SAME_PERSON = 0.35  # of the torso: a teacher's median distance from the labels of whom it looked at


@dataclass(frozen=True)
class Person:
    """Points [18, 2] in the photo's pixels, and how sure each is [18]."""

    points_xy: Array
    sure: NDArray[np.int8]

    @property
    def extent(self) -> Array:
        """Box around the points that are known."""
        known = self.points_xy[self.sure != 0]
        return np.concatenate([known.min(axis=0), known.max(axis=0)])

    @property
    def size(self) -> float:
        """About the height of the person in pixels, whatever the pose: the longest of extent and three torsos."""
        x1, y1, x2, y2 = self.extent
        hips, neck = self.points_xy[[8, 11]].mean(axis=0), self.points_xy[NECK]
        torso = np.linalg.norm(hips - neck) if (self.sure[[NECK, 8, 11]] != 0).all() else 0.0
        return float(max(x2 - x1, y2 - y1, 3.0 * torso, 1.0))


@dataclass(frozen=True)
class Photo:
    """A photo for training: whose name and set, its people, and boxes [K, 4] in which somebody may be."""

    file: str
    group: str
    people: list[Person]
    open_xyxy: Array = field(default_factory=lambda: np.zeros((0, 4)))


def set_apart(count: int, validation: int) -> set[int]:
    """The rows of a set that are never trained on."""
    return set(np.random.default_rng(SEED).permutation(count)[:validation].tolist())


def with_neck(points_xy: Array, sure: NDArray[np.int8]) -> Person:
    """A person whose neck is the middle of the shoulders."""
    points_xy[NECK] = points_xy[SHOULDERS].mean(axis=0)
    sure[NECK] = 1 if (sure[SHOULDERS] == 1).all() else -1 if (sure[SHOULDERS] != 0).any() else 0
    return Person(points_xy, sure)


def from_mpii(joints_xy: Array, weights: NDArray[Any], absent: NDArray[np.bool_]) -> Person:
    """Of MPII's 16 joints; the face is left open."""
    points, sure = np.zeros((18, 2)), np.full(18, -1, np.int8)
    rows = [FROM_MPII[limb] for limb in LIMBS]
    points[LIMBS] = joints_xy[rows]
    sure[LIMBS] = np.where(absent[rows], 0, np.where(weights[rows] >= LEAST_WEIGHT, 1, -1))
    points[FACE] = joints_xy[8]
    return with_neck(points, sure)


def from_coco(joints_xy: Array, scores: NDArray[Any]) -> Person:
    """Of a teacher's 17 points."""
    points, sure = np.zeros((18, 2)), np.zeros(18, np.int8)
    for row, source in enumerate(FROM_COCO):
        if source >= 0:
            points[row] = joints_xy[source]
            sure[row] = 1 if scores[source] >= SEEN else 0 if scores[source] < UNSEEN else -1
    return with_neck(points, sure)


def with_face(person: Person, teacher: Person) -> Person:
    """With the face as a teacher sees it, if that one looked at the same person; either way round."""
    known = [row for row in LIMBS if person.sure[row] == 1]
    mine, theirs = person.points_xy[known], teacher.points_xy
    straight = np.linalg.norm(mine - theirs[known], axis=1)
    crossed = np.linalg.norm(
        mine - theirs[[row + 3 if row in (2, 3, 4, 8, 9, 10) else row - 3 for row in known]], axis=1
    )
    if len(known) < 4 or np.median(np.minimum(straight, crossed)) > SAME_PERSON * person.size / 3:
        return person
    points, sure = person.points_xy.copy(), person.sure.copy()
    points[FACE], sure[FACE] = theirs[FACE], teacher.sure[FACE]
    return Person(points, sure)


def read_boxes(file: Path) -> dict[str, Array]:
    """By photo the boxes [K, 4] of people, and of regions left open, that detectors voted for."""
    with np.load(file, allow_pickle=False) as arrays:
        files = list(map(str, arrays["files"]))
        both = [(arrays["boxes"], arrays["box_photo"]), (arrays["ignore"], arrays["ignore_photo"])]
    found: dict[str, list[Array]] = {name: [] for name in files}
    for boxes, photos in both:
        for box, photo in zip(boxes.astype(np.float64), photos, strict=True):
            found[files[photo]].append(box)
    return {name: np.array(boxes).reshape(-1, 4) for name, boxes in found.items()}


def lspet_photos(data: Path) -> Iterator[Photo]:
    """The people with labels by vote, their faces by Thunder."""
    with np.load(data / "lspet-train.npz") as labels, np.load(data / "teachers" / "teacher-lspet.npz") as said:
        files = list(map(str, labels["files"]))
        thunder = dict(zip(files, zip(said["thunder_xy"], said["thunder_score"], strict=True), strict=True))
    kept_back = {files[row] for row in set_apart(len(files), LSPET_VALIDATION)}
    with np.load(data / "teachers" / "labels-fused.npz") as fused:
        rows = zip(*(fused[name] for name in ("files", "joints", "weight", "absent", "mpii")), strict=True)
        for file, joints, weight, absent, of_mpii in rows:
            if of_mpii or str(file) in kept_back or (weight > 0).sum() < 6:
                continue
            person = from_mpii(joints.astype(np.float64), weight, absent)
            seen = from_coco(*(part.astype(np.float64) for part in thunder[str(file)]))
            yield Photo(str(file), "lspet", [with_face(person, seen)])


def mpii_photos(data: Path) -> Iterator[Photo]:
    """The labelled people, their faces by Thunder."""
    photos = json.loads((data / "mpii-people.json").read_bytes())
    kept_back = set_apart(len(photos), MPII_VALIDATION)
    with np.load(data / "teachers" / "teacher-mpii.npz") as said:
        answers = iter(zip(said["thunder_xy"].astype(np.float64), said["thunder_score"], strict=True))
    for row, photo in enumerate(photos):
        everyone = [np.array(person, np.float64) for person in photo["people"]]
        seen = [from_coco(*next(answers)) for _ in everyone]
        if row not in kept_back:
            people = [from_mpii(joints, np.ones(16), np.zeros(16, bool)) for joints in everyone]
            yield Photo(photo["file"], "mpii", [with_face(*pair) for pair in zip(people, seen, strict=True)])


def coco_photos(data: Path) -> Iterator[Photo]:
    """Everybody; who has few points, and crowds, are left open."""
    labels = json.loads((data / "coco-people.json").read_bytes())
    kept_back = {labels["images"][row]["id"] for row in set_apart(len(labels["images"]), COCO_VALIDATION)}
    for image in labels["images"]:
        if image["id"] in kept_back:
            continue
        people, left_open = [], []
        for person in (row for row in labels["annotations"] if row["image_id"] == image["id"]):
            points = np.array(person["keypoints"], np.float64).reshape(-1, 3)
            x, y, width, height = person["bbox"]
            if person["iscrowd"] or (points[:, 2] > 0).sum() < 5:
                left_open.append([x, y, x + width, y + height])
            else:
                people.append(from_coco(points[:, :2], (points[:, 2] > 0).astype(np.float64)))
        group = "coco" if people or left_open else "empty"
        yield Photo(image["file_name"], group, people, np.array(left_open, np.float64).reshape(-1, 4))
