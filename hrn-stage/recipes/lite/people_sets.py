"""The labelled people of LSPET, MPII and COCO, and which of them are set apart: what the other scripts here share.

Everybody is an `OrdinaryPerson` whose `image` is the name in the set's tar, MPII's 16 joints in its pixels.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hrn_stage.limb_metrics import overlaps
from hrn_stage.training.ordinary import OrdinaryPerson
from pose_contract.skeletons import COCO17, MPII16

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]
SEED, LSPET_VALIDATION, MPII_VALIDATION, COCO_VALIDATION = 20241, 500, 130, 20
FEWEST_IN_COCO, COCO_WEIGHT = 6, 0.9
NEAR_EDGE = 4  # pixels from the photo's lower edge at which a box ends with the photo
SAME_BOX = 0.5
LEGS = [[MPII16.keypoints.index(f"{side}_{part}") for part in ("hip", "knee", "ankle")] for side in ("right", "left")]
MIDDLES = {"pelvis": ("right_hip", "left_hip"), "thorax": ("right_shoulder", "left_shoulder")}


class Pictures:
    """The pictures of a tar by name."""

    def __init__(self, archive: Path) -> None:
        self._tar = tarfile.open(archive)  # noqa: SIM115  # read until the end
        self._members = {member.name: member for member in self._tar.getmembers()}

    def read(self, name: str) -> Picture:
        """RGB [h, w, 3]."""
        return np.asarray(Image.open(io.BytesIO(self.encoded(name))).convert("RGB"))

    def encoded(self, name: str) -> bytes:
        """The file as it is."""
        file = self._tar.extractfile(self._members[name])
        assert file is not None
        return file.read()


def set_apart(count: int, validation: int) -> set[int]:
    """The rows of a set that are never trained on."""
    return set(np.random.default_rng(SEED).permutation(count)[:validation].tolist())


def read_mpii(data: Path) -> tuple[list[dict[str, Any]], set[str]]:
    """The photos of mpii-people.json, and the names of those that are set apart."""
    photos: list[dict[str, Any]] = json.loads((data / "mpii-people.json").read_bytes())
    return photos, {photos[row]["file"] for row in set_apart(len(photos), MPII_VALIDATION)}


def read_boxes(path: Path) -> dict[str, Array]:
    """People's boxes by photo, of an npz with `files`, `boxes`, `box_photo`; names as there (`mpii/...`)."""
    with np.load(path, allow_pickle=False) as arrays:
        files, boxes, photo = (arrays[name] for name in ("files", "boxes", "box_photo"))
    order = np.argsort(photo, kind="stable")
    parts = np.split(boxes[order].astype(np.float64), np.searchsorted(photo[order], np.arange(1, len(files))))
    return dict(zip(map(str, files), parts, strict=True))


def own_box(joints_xy: Array, boxes_xyxy: Array, margin: float = 0.05) -> Array:
    """The box that is this person's, by the joints' extent with a margin; NaN where none is."""
    low, high = joints_xy.min(axis=0), joints_xy.max(axis=0)
    around = np.concatenate([low - margin * (high - low), high + margin * (high - low)])
    if not len(boxes_xyxy):
        return np.full(4, np.nan)
    shared = overlaps(around[None], boxes_xyxy)[0]
    return boxes_xyxy[shared.argmax()] if shared.max() > SAME_BOX else np.full(4, np.nan)


def legs_beyond(weights: NDArray[np.float32], box_xyxy: Array, photo_height: int) -> NDArray[np.bool_]:
    """Joints [16] of legs that end with the photo: from the first that is labelled downwards none is there."""
    absent = np.zeros(len(weights), bool)
    if box_xyxy[3] > photo_height - NEAR_EDGE:
        for leg in LEGS:
            known = np.flatnonzero(weights[leg] > 0)
            absent[leg[known.max() + 1 if len(known) else 0 :]] = True
    return absent


def mpii_people(data: Path, boxes: dict[str, Array]) -> Iterator[OrdinaryPerson]:
    """Those to be trained on."""
    photos, kept_back = read_mpii(data)
    for photo in photos:
        if photo["file"] in kept_back:
            continue
        for person in photo["people"]:
            joints = np.array(person, np.float64)
            box = own_box(joints, boxes.get(f"mpii/{photo['file']}", np.zeros((0, 4))))
            yield OrdinaryPerson(Path(photo["file"]), joints, np.ones(16, np.float32), np.zeros(16, bool), box)


def coco_people(data: Path) -> Iterator[OrdinaryPerson]:
    """Those to be trained on who have six keypoints or more; neck and head top are not labelled."""
    labels = json.loads((data / "coco-people.json").read_bytes())
    kept_back = {labels["images"][row]["id"] for row in set_apart(len(labels["images"]), COCO_VALIDATION)}
    images = {image["id"]: image for image in labels["images"]}
    for person in labels["annotations"]:
        if person["image_id"] in kept_back or person["num_keypoints"] < FEWEST_IN_COCO or person["iscrowd"]:
            continue
        image = images[person["image_id"]]
        points = np.array(person["keypoints"], np.float64).reshape(-1, 3)
        joints, weights = mpii_from_coco(points[:, :2], (points[:, 2] > 0).astype(np.float32))
        x, y, width, height = person["bbox"]
        box = np.array([x, y, x + width, y + height])
        absent = legs_beyond(weights, box, image["height"])
        yield OrdinaryPerson(Path(image["file_name"]), joints, weights * np.float32(COCO_WEIGHT), absent, box)


def mpii_from_coco(points_xy: Array, weights: NDArray[np.float32]) -> tuple[Array, NDArray[np.float32]]:
    """MPII's joints [16, 2] and weights [16] of COCO's 17: limbs, and the middles of hips and shoulders."""
    joints, given = np.zeros((16, 2)), np.zeros(16, np.float32)
    for row, name in enumerate(COCO17.keypoints):
        if name in MPII16.keypoints:
            place = MPII16.keypoints.index(name)
            joints[place], given[place] = points_xy[row], weights[row]
    for name, pair in MIDDLES.items():
        sides = [MPII16.keypoints.index(side) for side in pair]
        place = MPII16.keypoints.index(name)
        joints[place], given[place] = joints[sides].mean(axis=0), given[sides].min()
    return joints, given


def npz_people(path: Path, boxes: dict[str, Array]) -> Iterator[OrdinaryPerson]:
    """Of an npz with `files`, `joints`, `weight`, `absent` and perhaps `box`, as vote_labels.py writes it."""
    with np.load(path, allow_pickle=False) as arrays:
        rows = [arrays[name] for name in ("files", "joints", "weight", "absent")]
        given = arrays["box"] if "box" in arrays.files else [None] * len(rows[0])
    for file, joints, weight, absent, box in zip(*rows, given, strict=True):
        if not (weight > 0).any():
            continue
        known = joints[weight > 0].astype(np.float64)
        own = own_box(known, boxes.get(str(file), np.zeros((0, 4)))) if box is None else box.astype(np.float64)
        yield OrdinaryPerson(Path(str(file)), joints.astype(np.float64), weight.astype(np.float32), absent, own)
