"""Makes person boxes for LSPET's pictures: from the joints that are labelled, and from what a detector finds.

    python judge_boxes.py DATA_DIR WEIGHTS_DIR WORK_DIR

DATA_DIR holds lspet-train.npz, WEIGHTS_DIR the detector yolo-fastest-1.1-xl, WORK_DIR the unpacked pictures (lspet/).
Writes train.json (of 8,500 pictures) and valid.json (of 500, those of hrn-stage's recipe) into WORK_DIR, COCO's format.
Pictures in WORK_DIR/negatives, where nobody is in them, are added to train.json several times. Runs in yolo-stage's
environment.

LSPET labels one person's joints per picture. Joints end where feet and hands begin: their extent is enlarged to the
body, and averaged with the detector's box where there is one. Others in the picture are the detector's alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm  # type: ignore[import-untyped]

from stage_kit.pictures.boxes import clip_boxes, iou_matrix
from stage_kit.pictures.images import read_image
from stage_kit.pictures.letterbox import letterbox
from yolo_stage.darknet import read_network
from yolo_stage.engines.opencv import load_detector
from yolo_stage.loading import Loading
from yolo_stage.people import Selection, choose_people

VALIDATION, SEED = 500, 20241
ANKLES, WRISTS, HEAD_TOP = (0, 5), (6, 11), 13
FEET, HANDS, BODY = 0.09, 0.06, 0.03  # of the joints' longer extent, beyond ankles, wrists, any other joint
FEWEST_JOINTS = 8  # fewer do not tell where the body ends
SAME_PERSON, ANOTHER_PERSON = 0.45, 0.3  # IoU
SEEN, SURE = 0.25, 0.45  # the detector's score for the labelled person, for others
NEGATIVE_TIMES = 15
INSIDE = 0.65  # of a detected box within the labelled person's: part of that person

Boxes = NDArray[np.float64]


def body_box(joints: NDArray[np.float32]) -> Boxes | None:
    """x1, y1, x2, y2 of the body whose joints [14, 3] these are; None where too few are labelled."""
    labelled = joints[:, 2] > 0
    if labelled.sum() < FEWEST_JOINTS:
        return None
    points = joints[labelled, :2].astype(np.float64)
    longest = float((points.max(axis=0) - points.min(axis=0)).max())
    reach = np.full(14, BODY)
    reach[list(ANKLES)], reach[list(WRISTS)], reach[HEAD_TOP] = FEET, HANDS, BODY / 2
    margin = reach[labelled, None] * longest
    return np.concatenate([(points - margin).min(axis=0), (points + margin).max(axis=0)])


def people_of(joints: NDArray[np.float32], found: Boxes, scores: Boxes, picture_wh: tuple[int, int]) -> Boxes | None:
    """Boxes [K, 4] of all people in a picture; None where nobody can say where the labelled one is."""
    body = body_box(joints)
    points = joints[joints[:, 2] > 0, :2]
    if body is None:
        held = [((points >= box[:2]) & (points <= box[2:])).all(axis=1).mean() if len(points) else 0 for box in found]
        if not held or max(held) < 0.9:
            return None
        body = found[int(np.argmax(held))]
    body = clip_boxes(body, picture_wh)[0]
    overlap = iou_matrix(found, body)[:, 0]
    if len(found) and overlap.max() >= SAME_PERSON:
        body = (body + found[int(overlap.argmax())]) / 2
    shared = np.clip(np.minimum(found[:, 2:], body[2:]) - np.maximum(found[:, :2], body[:2]), 0, None).prod(axis=1)
    part = shared / np.maximum((found[:, 2:] - found[:, :2]).prod(axis=1), 1e-9) > INSIDE
    others = (scores >= SURE) & (iou_matrix(found, body)[:, 0] < ANOTHER_PERSON) & ~part
    return np.concatenate([body[None], found[others]])


def negatives(work: Path) -> list[tuple[str, tuple[int, int], Boxes]]:
    """Rows of the pictures with nobody in them."""
    rows = []
    for path in sorted((work / "negatives").glob("*.*")):
        height, width = read_image(path).shape[:2]
        rows.append((path.relative_to(work).as_posix(), (width, height), np.zeros((0, 4))))
    return rows * NEGATIVE_TIMES


def coco(rows: list[tuple[str, tuple[int, int], Boxes]]) -> str:
    """The labels as COCO's JSON."""
    images, annotations = [], []
    for number, (name, (width, height), boxes) in enumerate(rows, start=1):
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for x1, y1, x2, y2 in np.round(boxes, 1).tolist():
            box = {"bbox": [x1, y1, round(x2 - x1, 1), round(y2 - y1, 1)], "area": (x2 - x1) * (y2 - y1), "iscrowd": 0}
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": 1, **box})
    categories = [{"id": 1, "name": "person"}]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories})


def main(data: Path, weights: Path, work: Path) -> None:
    """Writes the label files of WORK_DIR."""
    given = np.load(data / "lspet-train.npz")
    network = read_network(weights / "yolo-fastest-1.1-xl.cfg").with_input_size(320)
    detector = load_detector(Loading(network, weights / "yolo-fastest-1.1-xl.weights", 0, "cpu"))
    rows: list[tuple[str, tuple[int, int], Boxes] | None] = []
    for name, joints in zip(tqdm(given["files"]), given["joints"], strict=True):
        picture = read_image(work / str(name))
        size = (picture.shape[1], picture.shape[0])
        network_input, mapping = letterbox(picture, detector.input_size)
        (candidates,) = detector.detect(network_input[None])
        found, scores = choose_people(candidates, mapping, Selection(SEEN, 0.45))
        boxes = people_of(joints, found, scores, size)
        rows.append(None if boxes is None else (str(name), size, boxes))
    order = np.random.default_rng(SEED).permutation(len(rows))
    for subset, chosen in (("valid", order[:VALIDATION]), ("train", order[VALIDATION:])):
        kept = [row for index in sorted(chosen) if (row := rows[index]) is not None]
        kept += negatives(work) if subset == "train" else []
        (work / f"{subset}.json").write_text(coco(kept), encoding="utf-8")
        people = sum(len(boxes) for _, _, boxes in kept)
        print(f"{subset}: {len(kept)} pictures of {len(chosen)}, {people} people")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
