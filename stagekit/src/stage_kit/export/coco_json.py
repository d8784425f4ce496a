"""Corrected poses as COCO's keypoint JSON: boxes and keypoints in pixels, pixel centres of keypoints at integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pose_contract.records import ImagePoses, PersonPose
from pose_contract.skeletons import Skeleton
from stage_kit.export.corrected import points_of


def coco_json(chosen: Sequence[ImagePoses], skeleton: Skeleton) -> dict[str, Any]:
    """One file's content; images and people are numbered from 1, picture names are below images/."""
    images = [
        {"id": number, "file_name": poses.image.partition("/")[2], "width": poses.width, "height": poses.height}
        for number, poses in enumerate(chosen, start=1)
    ]
    people = [(number, person) for number, poses in enumerate(chosen, start=1) for person in poses.people]
    category = {"id": 1, "name": "person", "supercategory": "person", "keypoints": list(skeleton.keypoints)}
    annotations = [_annotation(number, image, person, skeleton) for number, (image, person) in enumerate(people, 1)]
    return {"images": images, "annotations": annotations, "categories": [category | {"skeleton": []}]}


def _annotation(number: int, image: int, person: PersonPose, skeleton: Skeleton) -> dict[str, Any]:
    x1, y1, x2, y2 = person.box.xyxy
    points = points_of({point.name: (point.x, point.y) for point in person.keypoints}, skeleton)
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": [x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)],
        "area": round((x2 - x1) * (y2 - y1), 3),
        "iscrowd": 0,
        "keypoints": [value for point in points for value in point],
        "num_keypoints": sum(seen > 0 for *_, seen in points),
    }
