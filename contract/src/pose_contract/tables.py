"""The aggregates: COCO results, COCO images and a CSV, rebuilt from the records (pure; yields text to be written)."""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence

from pose_contract.records import ImagePoses
from pose_contract.skeletons import Skeleton
from pose_contract.video_records import FramePoses

COCO_NAME = re.compile(r"(?:COCO_\w+_)?(\d+)")
PERSON_CATEGORY = 1
PLAIN_START, PLAIN_TEXT = re.compile(r"[\w.(\[#]"), re.compile(r"[\w ./()\[\]#+=@-]*")


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


def keypoint_rows(poses: ImagePoses, name: str) -> Iterator[tuple[object, ...]]:
    """One image's rows of keypoints.csv; `name` is the image's, below images/."""
    for person in poses.people:
        for point in person.keypoints:
            yield name, person.index, point.name, point.x, point.y, point.score, None, None


def frame_rows(line: FramePoses, name: str, keypoints: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """The rows of keypoints.csv of one frame of the video `name`; `keypoints` are the skeleton's names."""
    for person in line.people:
        for keypoint, (x, y, score) in zip(keypoints, person.keypoints, strict=True):
            yield name, person.index, keypoint, x, y, score, line.frame, line.t_seconds


def csv_rows(found: Iterable[tuple[object, ...]]) -> str:
    """Rows as lines of keypoints.csv, safe to open in a spreadsheet.

    A name that begins as a formula does is written as the same path with `./` before it: `./=1.jpg`. Texts are in
    quotes where one of them holds more than usual letters, so that another separator, or a CR, cannot end a cell.
    """
    rows = [[_cell(value) for value in row] for row in found]
    plain = all(PLAIN_TEXT.fullmatch(value) for row in rows for value in row if isinstance(value, str))
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n", quoting=csv.QUOTE_MINIMAL if plain else csv.QUOTE_NONNUMERIC).writerows(rows)
    return lines.getvalue()


def _cell(value: object) -> object:
    return f"./{value}" if isinstance(value, str) and not PLAIN_START.match(value) else value


KEYPOINT_COLUMNS = ("image", "person", "keypoint", "x", "y", "score", "frame", "t_seconds")
CSV_HEADER = ",".join(KEYPOINT_COLUMNS) + "\n"
