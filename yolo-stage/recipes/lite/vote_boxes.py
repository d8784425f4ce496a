"""Makes the labels of the embedded detector of shared data and its teachers' raw boxes.

    python vote_boxes.py DATA_DIR WORK_DIR

DATA_DIR has lspet-train, mpii-people and coco-people (.tar, and .npz or .json), and in teachers/ teacher-boxes.npz and
labels-fused.npz. WORK_DIR receives the pictures and COCO's JSON files, in which what is to be left open is a crowd:

    lspet.json mpii.json coco.json empty.json    to train on; empty.json is of all pictures in WORK_DIR/empty
    lspet-valid.json mpii-valid.json coco-valid.json waist-valid.json    never trained on

Runs in yolo-stage's environment.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from voting import ALIKE, LSP, MPII, Boxes, Voted, body_box, grown, judges_box, vote, waist_crop

from stage_kit.pictures.boxes import iou_matrix
from stage_kit.pictures.images import read_image, write_jpeg

SEED, LSPET_VALID, MPII_VALID = 20241, 500, 130
COCO_SEED, COCO_VALID = 0, (20, 10)  # so many without people, and with
SURE_JOINT, FEWEST_SURE = 0.4, 12  # weight of a fused joint that counts, and of how many that counts make an outline
LIMBS = ((0, 1), (1, 2), (2, 6), (3, 6), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9), (10, 11), (11, 12), (12, 7), (7, 13),
         (13, 14), (14, 15))  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A picture of the work folder; `joints` [16, 3] are known of some of its people, by index."""

    name: str
    size_wh: tuple[int, int]
    voted: Voted
    joints: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    judged: tuple[Boxes, ...] = ()


def coco(rows: Sequence[Row], judged: bool = False) -> str:
    """The labels as COCO's JSON. `judged`: of the labelled people as the validation has them, all others left open."""
    images, annotations = [], []
    for number, row in enumerate(rows, start=1):
        images.append({"id": number, "file_name": row.name, "width": row.size_wh[0], "height": row.size_wh[1]})
        people = row.judged if judged else row.voted.people
        others = np.concatenate([row.voted.people, row.voted.left_open]) if judged else row.voted.left_open
        for index, box in enumerate((*people, *others)):
            crowd = index >= len(people)
            x1, y1, x2, y2 = np.round(box, 1).tolist()
            annotation = {
                "id": len(annotations) + 1, "image_id": number, "category_id": 1, "iscrowd": int(crowd),
                "bbox": [x1, y1, round(x2 - x1, 1), round(y2 - y1, 1)], "area": (x2 - x1) * (y2 - y1),
            }  # fmt: skip
            if not crowd and not judged and index in row.joints:
                annotation["keypoints"] = np.round(row.joints[index], 1).ravel().tolist()
            annotations.append(annotation)
    person = {"id": 1, "name": "person", "skeleton": [[one + 1, other + 1] for one, other in LIMBS]}
    return json.dumps({"images": images, "annotations": annotations, "categories": [person]})


class Teachers:
    """The raw boxes by picture."""

    def __init__(self, file: Path) -> None:
        given = np.load(file)
        order = np.argsort(given["photo"], kind="stable")
        self._numbers = {str(name): number for number, name in enumerate(given["files"])}
        self._photo = given["photo"][order]
        self._rows = [given[name][order] for name in ("boxes", "scores", "detector")]
        self._detectors = [str(name) for name in given["detectors"]]

    def of(self, name: str) -> dict[str, tuple[Boxes, Boxes]]:
        """Boxes and scores of each detector but the network itself, which is no judge of its own labels."""
        number = self._numbers.get(name, -1)
        begin, end = np.searchsorted(self._photo, [number, number + 1])
        boxes, scores, detector = (rows[begin:end] for rows in self._rows)
        return {
            judge: (boxes[detector == index].astype(np.float64), scores[detector == index].astype(np.float64))
            for index, judge in enumerate(self._detectors)
            if judge != "ours"
        }


def with_limbs(row: Row, known: Sequence[NDArray[np.float64]]) -> Row:
    """The row, its people grown to hold their sure joints [16, 3]."""
    boxes, joints = row.voted.people.copy(), dict(row.joints)
    for person in known:
        points = person[person[:, 2] > 0, :2]
        if len(points) < FEWEST_SURE or not len(boxes):
            continue
        extent = np.concatenate([points.min(axis=0), points.max(axis=0)])
        overlap = iou_matrix(extent, boxes)[0]
        if overlap.max() > ALIKE:
            index = int(overlap.argmax())
            boxes[index] = np.clip(grown(boxes[index], points), 0, [*row.size_wh, *row.size_wh])
            joints[index] = person
    return Row(row.name, row.size_wh, Voted(boxes, row.voted.labelled, row.voted.left_open), joints, row.judged)


def lspet_rows(data: Path, work: Path, teachers: Teachers) -> Iterator[Row | None]:
    """A row for each picture, None where too few joints are labelled."""
    given, fused = np.load(data / "lspet-train.npz"), np.load(data / "teachers" / "labels-fused.npz")
    sure = (fused["weight"] >= SURE_JOINT) & ~fused["absent"]
    known = {
        str(name): np.concatenate([joints, here[:, None]], axis=1).astype(np.float64)
        for name, joints, here, other in zip(fused["files"], fused["joints"], sure, fused["mpii"], strict=True)
        if not other
    }
    for name, joints in zip(given["files"], given["joints"], strict=True):
        body = body_box(joints, LSP)
        if body is None:
            yield None
            continue
        height, width = read_image(work / str(name)).shape[:2]
        row = Row(str(name), (width, height), vote([body], teachers.of(str(name)), (width, height)))
        yield with_limbs(row, [known[str(name)]] if str(name) in known else [])


def mpii_rows(data: Path, teachers: Teachers) -> Iterator[Row]:
    """A row for each picture, in the order of the JSON."""
    for given in json.loads((data / "mpii-people.json").read_bytes()):
        name, size = f"mpii/{given['file']}", (given["width"], given["height"])
        people = [np.array([[*point, 1.0] for point in person]) for person in given["people"]]
        bodies = [body for person in people if (body := body_box(person, MPII)) is not None]
        judged = tuple(judges_box(person[:, :2], size) for person in people)
        yield with_limbs(Row(name, size, vote(bodies, teachers.of(name), size), {}, judged), people)


def coco_rows(data: Path) -> list[Row]:
    """A row for each picture: everyone is labelled, crowds are left open."""
    given = json.loads((data / "coco-people.json").read_bytes())
    boxes: dict[int, tuple[list[list[float]], list[list[float]]]] = {row["id"]: ([], []) for row in given["images"]}
    for row in given["annotations"]:
        x, y, width, height = row["bbox"]
        boxes[row["image_id"]][row["iscrowd"]].append([x, y, x + width, y + height])
    rows = []
    for image in given["images"]:
        people, crowds = (np.array(part, np.float64).reshape(-1, 4) for part in boxes[image["id"]])
        voted = Voted(people, len(people), crowds)
        rows.append(Row(f"coco/{image['file_name']}", (image["width"], image["height"]), voted))
    return rows


def empty_rows(work: Path) -> list[Row]:
    """A row for each picture in which nobody is."""
    rows, none = [], Voted(np.zeros((0, 4)), 0, np.zeros((0, 4)))
    for path in sorted((work / "empty").glob("*.*")):
        height, width = read_image(path).shape[:2]
        rows.append(Row(path.relative_to(work).as_posix(), (width, height), none))
    return rows


def waist_rows(rows: Sequence[Row], work: Path) -> list[Row]:
    """The labelled people of the validation as close-ups, cut at the waist; each is a picture of its own."""
    crops = []
    for row in rows:
        picture = read_image(work / row.name)
        for index, judged in enumerate(row.judged):
            overlap = iou_matrix(judged, row.voted.people)[0]
            (left, top, right, bottom), box = waist_crop(row.voted.people[int(overlap.argmax())], row.size_wh)
            if min(right - left, bottom - top) < 8:
                continue
            name = f"waist/{Path(row.name).stem}-{index}.jpg"
            write_jpeg(work / name, picture[top:bottom, left:right])
            voted = Voted(box[None], 1, np.zeros((0, 4)))
            crops.append(Row(name, (right - left, bottom - top), voted))
    return crops


def unpack(data: Path, work: Path) -> None:
    """The three archives; LSPET's has its own folder inside."""
    for name, folder in (("lspet-train", ""), ("mpii-people", "mpii"), ("coco-people", "coco")):
        with tarfile.open(data / f"{name}.tar") as archive:
            archive.extractall(work / folder, filter="data")


def main(data: Path, work: Path) -> None:
    """Writes the label files of WORK_DIR."""
    unpack(data, work)
    teachers = Teachers(data / "teachers" / "teacher-boxes.npz")
    lspet, mpii, people = list(lspet_rows(data, work, teachers)), list(mpii_rows(data, teachers)), coco_rows(data)
    held = {
        "lspet": set(np.random.default_rng(SEED).permutation(len(lspet))[:LSPET_VALID].tolist()),
        "mpii": set(np.random.default_rng(SEED).permutation(len(mpii))[:MPII_VALID].tolist()),
    }
    people.sort(key=lambda row: row.name)
    order = np.random.default_rng(COCO_SEED).permutation(len(people)).tolist()
    without = [index for index in order if not len(people[index].voted.people)][: COCO_VALID[0]]
    held["coco"] = {*without, *[index for index in order if len(people[index].voted.people)][: COCO_VALID[1]]}
    for name, rows in (("lspet", lspet), ("mpii", mpii), ("coco", people)):
        for subset, inside in ((name, False), (f"{name}-valid", True)):
            kept = [row for index, row in enumerate(rows) if row is not None and (index in held[name]) == inside]
            judged = subset == "mpii-valid"
            (work / f"{subset}.json").write_text(coco(kept, judged), encoding="utf-8")
            print(f"{subset}: {len(kept)} pictures, {sum(len(row.voted.people) for row in kept)} people")
            if judged:
                (work / "waist-valid.json").write_text(coco(waist_rows(kept, work)), encoding="utf-8")
    (work / "empty.json").write_text(coco(empty_rows(work)), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
