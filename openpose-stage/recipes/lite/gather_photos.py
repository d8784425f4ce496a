"""Puts the photos for training together: pixels in one file, and everybody's points, also whom only MultiPose names.

    python gather_photos.py DATA multipose.xml WORK

DATA has lspet-train, mpii-people and coco-people (.tar, .npz, .json) and teachers/ (labels-fused, teacher-lspet,
teacher-mpii, combined-boxes: how they come about, hrn-stage's and yolo-stage's recipes tell); multipose.xml is MoveNet
MultiPose (Apache-2.0) in OpenVINO's format. Writes WORK/pixels.u8 and WORK/index.npz.
"""

from __future__ import annotations

import io
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
from numpy.typing import NDArray
from people18 import GROUPS, Array, Person, Photo, coco_photos, from_coco, lspet_photos, mpii_photos, read_boxes
from PIL import Image

Picture = NDArray[np.uint8]
LONGEST = 560  # pixels of a photo's longer side; nobody is shown larger than 320 pixels
ASKED_HEIGHT = 288  # of the picture that MultiPose sees; its sides are multiples of 32
PERSON, MAYBE, FEWEST = 0.3, 0.1, 5  # score from which somebody is there, or may be; points that somebody has
SAME = 0.45  # overlap from which two are one
ARCHIVES = {"lspet": ("lspet-train.tar", ""), "mpii": ("mpii-people.tar", ""), "coco": ("coco-people.tar", "coco/")}


class Pictures:
    """The pictures of a tar by name."""

    def __init__(self, archive: Path) -> None:
        self._tar = tarfile.open(archive)  # noqa: SIM115  # read until the end
        self._members = {member.name: member for member in self._tar.getmembers()}

    def read(self, name: str) -> Picture:
        """RGB [h, w, 3]."""
        file = self._tar.extractfile(self._members.get(name) or self._members[f"coco/{name}"])
        assert file is not None
        return np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB"))


def overlaps(box: Array, boxes: Array) -> Array:
    """Intersection over union of a box with others [K, 4]: [K]."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return np.asarray(
        shared / ((box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared + 1e-9)
    )


def ask_multipose(network: Any, picture: Picture) -> tuple[Array, Array, Array]:
    """Up to six people: points [6, 17, 2] in the picture's pixels, their scores [6, 17], boxes and score [6, 5]."""
    height, width = picture.shape[:2]
    wide = max(32, round(width * ASKED_HEIGHT / height / 32) * 32)
    seen = cv2.resize(picture, (wide, ASKED_HEIGHT), interpolation=cv2.INTER_AREA)
    (answer,) = network([seen[None].astype(np.int32)]).values()
    rows = np.asarray(answer, np.float64).reshape(6, 56)
    points = rows[:, :51].reshape(6, 17, 3)
    boxes = rows[:, [52, 51, 54, 53]] * [width, height, width, height]
    return points[..., [1, 0]] * [width, height], points[..., 2], np.hstack([boxes, rows[:, 55:]])


def with_the_others(photo: Photo, network: Any, picture: Picture, voted: Array) -> Photo:
    """With whom MultiPose names beside the labelled; boxes in which somebody may be are left open."""
    labelled = np.array([person.extent for person in photo.people]).reshape(-1, 4)
    people: list[Person] = list(photo.people)
    left_open = [*photo.open_xyxy]
    for points, scores, (*box, score) in zip(*ask_multipose(network, picture), strict=True):
        person = from_coco(points, scores)
        if score < MAYBE or (person.sure == 1).sum() < 2:
            continue
        known = Person(person.points_xy, (person.sure == 1).astype(np.int8)).extent
        if len(labelled) and (overlaps(known, labelled).max() > SAME or is_labelled(person, photo.people)):
            continue
        if score >= PERSON and (person.sure == 1).sum() >= FEWEST:
            people.append(person)
        else:
            left_open.append(np.array(box))
    everyone = np.array([person.extent for person in people]).reshape(-1, 4)
    for box in voted:
        if not len(everyone) or overlaps(box, everyone).max() < SAME:
            left_open.append(box)
    return replace(photo, people=people, open_xyxy=np.array(left_open, np.float64).reshape(-1, 4))


def is_labelled(person: Person, others: list[Person]) -> bool:
    """Whether these are points of somebody known: half of them lie within a twelfth of that one's size."""
    for other in others:
        both = (person.sure == 1) & (other.sure == 1)
        if both.sum() >= 2:
            apart = np.linalg.norm(person.points_xy - other.points_xy, axis=1)[both]
            if np.median(apart) < other.size / 12:
                return True
    return False


def gather(data: Path, network: Any, out: Path) -> list[tuple[Photo, int, tuple[int, int]]]:
    """Writes the pixels; every photo in their scale, where it begins, height and width."""
    archives = {group: Pictures(data / name) for group, (name, _) in ARCHIVES.items()}
    voted, rows, at = read_boxes(data / "teachers" / "combined-boxes.npz"), [], 0
    with (out / "pixels.u8").open("wb") as file:
        for photo in (*mpii_photos(data), *coco_photos(data), *lspet_photos(data)):
            group = "coco" if photo.group == "empty" else photo.group
            picture = archives[group].read(photo.file)
            boxes = voted.get(photo.file if group == "lspet" else f"{group}/{photo.file}", np.zeros((0, 4)))
            if group == "mpii" or (group == "lspet" and len(boxes) > 1):
                photo = with_the_others(photo, network, picture, boxes)
            scale = min(1.0, LONGEST / max(picture.shape[:2]))
            if scale < 1:
                size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
                picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
                people = [Person((one.points_xy + 0.5) * scale - 0.5, one.sure) for one in photo.people]
                photo = replace(photo, people=people, open_xyxy=photo.open_xyxy * scale)
            file.write(np.ascontiguousarray(picture).tobytes())
            rows.append((photo, at, picture.shape[:2]))
            at += picture.size
    return rows


def main(data: Path, multipose: Path, out: Path) -> None:
    """Writes WORK."""
    cv2.setNumThreads(1)
    network = openvino.Core().compile_model(multipose, "CPU", {"INFERENCE_NUM_THREADS": 1})
    out.mkdir(parents=True, exist_ok=True)
    rows = gather(data, network, out)
    people = [(number, person) for number, (photo, _, _) in enumerate(rows) for person in photo.people]
    boxes = [(number, box) for number, (photo, _, _) in enumerate(rows) for box in photo.open_xyxy]
    np.savez_compressed(
        out / "index.npz",
        files=np.array([photo.file for photo, _, _ in rows]),
        group=np.array([GROUPS.index(photo.group) for photo, _, _ in rows], np.int8),
        offset=np.array([at for _, at, _ in rows]),
        size_hw=np.array([size for _, _, size in rows], np.int32),
        points=np.array([person.points_xy for _, person in people], np.float32),
        sure=np.array([person.sure for _, person in people], np.int8),
        person_size=np.array([person.size for _, person in people], np.float32),
        person_photo=np.array([number for number, _ in people], np.int32),
        open_boxes=np.array([box for _, box in boxes], np.float32).reshape(-1, 4),
        open_photo=np.array([number for number, _ in boxes], np.int32),
    )
    for number, group in enumerate(GROUPS):
        of_group = [photo for photo, _, _ in rows if GROUPS.index(photo.group) == number]
        print(group, len(of_group), "photos", sum(len(photo.people) for photo in of_group), "people", flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
