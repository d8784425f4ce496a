"""Puts the labelled people together for training, each cut out of the photo, and sets the validation apart.

    python gather_people.py DATA BOXES.npz LSPET.npz UNLABELLED.npz WORK

DATA has the tars and labels of LSPET, MPII and COCO; LSPET.npz is what vote_labels.py wrote, UNLABELLED.npz what
unlabelled_people.py did, BOXES.npz people's boxes (`files`, `boxes`, `box_photo`). Writes into WORK: `train.npz` and
`people/` for `hrn-stage train`, `valid.npz` (MPII's validation as labelled people), `valid.json` and `valid/` for
evaluate_people.py and yolo-stage, and `lspet-valid.npz`, LSPET's 500 with their labels as given.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from people_sets import (
    LSPET_VALIDATION,
    Array,
    Picture,
    Pictures,
    coco_people,
    mpii_people,
    npz_people,
    read_boxes,
    read_mpii,
    set_apart,
)

from hrn_stage.training.ordinary import FEWEST, OrdinaryPerson
from stage_kit.pictures.images import write_jpeg

LARGEST, AROUND = 270.0, 1.4  # pixels of a person kept; times the person's extent kept around the middle
SHARES = {"lspet": 0.40, "mpii": 0.40, "coco": 0.03, "mpii-unlabelled": 0.12, "lspet-unlabelled": 0.05}


def cut_out(person: OrdinaryPerson, picture: Picture) -> tuple[OrdinaryPerson, Picture]:
    """The surroundings that training may see of a person, not larger than it needs: a batch costs less to make."""
    low, high = person.extent()
    if person.has_box:
        low, high = np.minimum(low, person.box_xyxy[:2]), np.maximum(high, person.box_xyxy[2:])
    middle, side = (low + high) / 2, max(float((high - low).max()), 8.0)
    x1, y1 = np.floor(np.maximum(middle - AROUND * side, 0)).astype(int)
    x2, y2 = np.ceil(np.minimum(middle + AROUND * side, picture.shape[1::-1])).astype(int)
    cut, factor = picture[y1:y2, x1:x2], min(1.0, LARGEST / side)
    size = np.array(cut.shape[1::-1])
    smaller = np.maximum(np.round(size * factor), 1).astype(int)
    if factor < 1:
        cut = np.asarray(cv2.resize(cut, (int(smaller[0]), int(smaller[1])), interpolation=cv2.INTER_AREA), np.uint8)
    ratio: Array = smaller / size
    joints = (person.joints_xy - [x1, y1] + 0.5) * ratio - 0.5  # pixel centres are at integers
    box = ((person.box_xyxy.reshape(2, 2) - [x1, y1]) * ratio).ravel()
    return replace(person, joints_xy=joints, box_xyxy=box), np.ascontiguousarray(cut)


def write_people(people: dict[str, list[tuple[OrdinaryPerson, Pictures]]], work: Path) -> None:
    """train.npz and people/: a set's share of the draws is dealt evenly to its people."""
    kept = []
    for name, members in people.items():
        for row, (person, pictures) in enumerate(members):
            left, cut = cut_out(person, pictures.read(str(person.image)))
            file = f"people/{name}-{row:05}.jpg"
            write_jpeg(work / file, cut)
            kept.append(replace(left, image=Path(file), draws=SHARES[name] / len(members)))
        print(f"{name}: {len(members)} people")
    save(work / "train.npz", kept)


def save(path: Path, people: list[OrdinaryPerson]) -> None:
    """As read_ordinary_people reads it."""
    np.savez_compressed(
        path,
        files=np.array([str(person.image) for person in people]),
        joints=np.stack([person.joints_xy for person in people]).astype(np.float32),
        weight=np.stack([person.weights for person in people]),
        absent=np.stack([person.absent for person in people]),
        box=np.stack([person.box_xyxy for person in people]).astype(np.float32),
        draws=np.array([person.draws for person in people]),
    )


def write_validation(data: Path, pictures: Pictures, work: Path) -> None:
    """MPII's photos that are set apart, as they are."""
    photos, kept_back = read_mpii(data)
    chosen = [photo for photo in photos if photo["file"] in kept_back]
    people = []
    for photo in chosen:
        file = f"valid/{Path(photo['file']).stem}.png"
        (work / "valid").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(work / file), pictures.read(photo["file"])[:, :, ::-1])
        photo["file"] = Path(file).name
        everything = np.ones(16, np.float32), np.zeros(16, bool), np.full(4, np.nan)
        people += [OrdinaryPerson(Path(file), np.array(joints, float), *everything) for joints in photo["people"]]
    (work / "valid.json").write_text(json.dumps(chosen))
    save(work / "valid.npz", people)
    print(f"set apart: {len(people)} people of {len(chosen)} photos")


def write_lspet_validation(data: Path, pictures: Pictures, work: Path) -> None:
    """LSPET's people who are set apart, for DATASET.DATASET lsp."""
    with np.load(data / "lspet-train.npz") as arrays:
        rows = sorted(set_apart(len(arrays["files"]), LSPET_VALIDATION))
        files, joints = arrays["files"][rows], arrays["joints"][rows]
    for file in map(str, files):
        path = work / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures.encoded(file))
    np.savez_compressed(work / "lspet-valid.npz", files=files, joints=joints)


def enough(people: Iterable[OrdinaryPerson]) -> list[OrdinaryPerson]:
    """Those whose labels suffice for training."""
    return [person for person in people if person.labelled.sum() >= FEWEST]


def main(data: Path, boxes_file: Path, lspet_file: Path, unlabelled_file: Path, work: Path) -> None:
    """Writes everything into WORK."""
    boxes = read_boxes(boxes_file)
    lspet, mpii, coco = (Pictures(data / f"{name}.tar") for name in ("lspet-train", "mpii-people", "coco-people"))
    mpii_names = {photo["file"] for photo in read_mpii(data)[0]}
    others = enough(npz_people(unlabelled_file, {}))
    voted = [person for person in enough(npz_people(lspet_file, boxes)) if str(person.image) not in mpii_names]
    people = {
        "lspet": [(person, lspet) for person in voted],
        "mpii": [(person, mpii) for person in enough(mpii_people(data, boxes))],
        "coco": [(person, coco) for person in enough(coco_people(data))],
        "mpii-unlabelled": [(person, mpii) for person in others if str(person.image) in mpii_names],
        "lspet-unlabelled": [(person, lspet) for person in others if str(person.image) not in mpii_names],
    }
    (work / "people").mkdir(parents=True, exist_ok=True)
    write_people(people, work)
    write_validation(data, mpii, work)
    write_lspet_validation(data, lspet, work)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:6]))
