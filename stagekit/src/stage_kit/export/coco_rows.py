"""COCO results and COCO images, as pycocotools loads them, rebuilt from the records. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

from pose_contract.records import ImagePoses
from pose_contract.skeletons import Skeleton

COCO_NAME = re.compile(r"(?:COCO_\w+_)?(\d+)")
PERSON_CATEGORY = 1


def image_id(name: str) -> int:
    """COCO's id of an image: the number that its name is, else the CRC-32 of its name below images/.

    `000000000785.jpg` is 785 and `COCO_val2014_000000000192.jpg` is 192.
    """
    stem = name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    number = COCO_NAME.fullmatch(stem)
    return int(number[1]) if number else zlib.crc32(name.encode())


def colliding_ids(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of images that would have the same COCO id."""
    owner: dict[int, str] = {}
    return [(owner[number], name) for name in names if owner.setdefault(number := image_id(name), name) != name]


def coco_results(poses: ImagePoses, number: int, skeleton: Skeleton) -> list[dict[str, object]]:
    """One image's rows of the results list that pycocotools loads; a keypoint that is left out is 0, 0, 0."""
    rows: list[dict[str, object]] = []
    for person in poses.people:
        points = {point.name: (point.x, point.y, point.score) for point in person.keypoints}
        keypoints = [value for name in skeleton.keypoints for value in points.get(name, (0.0, 0.0, 0.0))]
        rows.append({"image_id": number, "category_id": PERSON_CATEGORY, "keypoints": keypoints, "score": person.score})
    return rows


def coco_image(poses: ImagePoses, name: str) -> dict[str, object]:
    """One image's row of images.coco.json."""
    return {"id": image_id(name), "file_name": name, "width": poses.width, "height": poses.height}


def coco_category(skeleton: Skeleton) -> dict[str, object]:
    """The category `person` with the skeleton's keypoints and limbs; COCO counts keypoints from 1."""
    position = {name: index + 1 for index, name in enumerate(skeleton.keypoints)}
    return {
        "id": PERSON_CATEGORY,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(skeleton.keypoints),
        "skeleton": [[position[limb.a], position[limb.b]] for limb in skeleton.limbs],
    }
