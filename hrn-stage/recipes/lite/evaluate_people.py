"""Measures a network on people in ordinary photos: on labelled boxes, end to end, sides, back views, cut at the waist.

    python evaluate_people.py LABELS PICTURES YAML [--weights PTH] [--annots DIR] [--teacher NPZ] [KEY VALUE ...]

`LABELS` is a list of {"file", "people": [[[x, y] x 16] ...]}: mpii-people.json, or gather_people.py's valid.json.
`--annots` are the records that yolo-stage has written for the same pictures, `--teacher` its answers for all people of
`--teacher-people`. Prints the numbers; `--output` takes them as JSON.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config import HrnConfig, read_config
from hrn_stage.engines.torch import load_estimator
from hrn_stage.estimator import PoseEstimator
from hrn_stage.inference import estimate_people, keypoints_in_image
from hrn_stage.limb_metrics import TRUSTED, exchanged_sides, facing, hits, limb_joints, match_boxes, rate
from hrn_stage.metrics import interchangeable, torso_lengths
from hrn_stage.people import PreparedPerson
from hrn_stage.preprocess import affine_image_to_input, center_and_scale, warp_person
from hrn_stage.training.samples import extent_box
from pose_contract.records import SURE_SCORE
from pose_contract.skeletons import MPII16
from stage_kit.pictures.images import Picture, read_image

Array = NDArray[np.float64]
MATCHED, FOUND = 0.3, 0.5  # overlap from which a box shows a person to the network, and counts as found
LIMBS = limb_joints(MPII16)
LEGS = [MPII16.keypoints.index(f"{side}_{part}") for side in ("right", "left") for part in ("knee", "ankle")]
HIPS = [MPII16.keypoints.index(f"{side}_hip") for side in ("right", "left")]
THUNDER = {"ankle": 15, "knee": 13, "hip": 11, "wrist": 9, "elbow": 7, "shoulder": 5}  # COCO's left ones; right: + 1


@dataclass(frozen=True)
class Person:
    """One labelled person: picture, joints [16, 2] in its pixels, and a teacher's twelve limb joints if at hand."""

    picture: Path
    joints_xy: Array
    teacher_xy: Array

    @property
    def box_xyxy(self) -> Array:
        """The joints' extent plus 15 % on each side, as `hrn-stage evaluate` takes it."""
        return np.array(extent_box(self.joints_xy, np.ones(len(self.joints_xy), bool)))


@dataclass(frozen=True)
class Network:
    """What is measured, and how much of the picture around a box it is shown."""

    estimator: PoseEstimator
    config: HrnConfig
    context: float

    def poses(self, pictures: list[Picture], boxes_xyxy: list[Array]) -> tuple[Array, Array]:
        """Keypoints [N, 16, 2] in the pictures' pixels and scores [N, 16] of one box per picture."""
        size = self.config.TEST.BATCH_SIZE_PER_GPU
        points, scores = np.zeros((0, 16, 2)), np.zeros((0, 16))
        for first in range(0, len(boxes_xyxy), size):
            rows = zip(pictures[first : first + size], boxes_xyxy[first : first + size], strict=True)
            people = [self.prepared(picture, box) for picture, box in rows]
            inputs = np.stack([person.network_input for person in people])
            found = estimate_people(inputs, self.estimator, self.config, MPII16)
            points = np.concatenate([points, keypoints_in_image(found, people, self.config)])
            scores = np.concatenate([scores, [person.scores for person in found]])
        return points, scores

    def prepared(self, picture: Picture, box_xyxy: Array) -> PreparedPerson:
        """The network's input for a box, with this context."""
        center, scale = center_and_scale(box_xyxy, self.config.MODEL.IMAGE_SIZE, self.context)
        affine = affine_image_to_input(center, scale, self.config.MODEL.IMAGE_SIZE)
        return PreparedPerson(warp_person(picture, affine, self.config.MODEL.IMAGE_SIZE), center, scale)


def read_people(labels: Path, pictures: Path, teacher: Path | None, teacher_people: Path | None) -> list[Person]:
    """The people of a list, each with what the teacher says of them; NaN where there is no teacher."""
    said: dict[tuple[str, int], Array] = {}
    if teacher is not None and teacher_people is not None:
        with np.load(teacher) as arrays:
            answers = iter(arrays["thunder_xy"].astype(np.float64))
        for photo in json.loads(teacher_people.read_bytes()):
            for row in range(len(photo["people"])):
                said[Path(photo["file"]).stem, row] = _as_mpii(next(answers))
    nothing = np.full((16, 2), np.nan)
    return [
        Person(pictures / photo["file"], np.array(joints, np.float64), said.get((name, row), nothing))
        for photo in json.loads(labels.read_bytes())
        for name in (Path(photo["file"]).stem,)
        for row, joints in enumerate(photo["people"])
    ]


def _as_mpii(coco_xy: Array) -> Array:
    result = np.full((16, 2), np.nan)
    for part, left in THUNDER.items():
        result[MPII16.keypoints.index(f"left_{part}")] = coco_xy[left]
        result[MPII16.keypoints.index(f"right_{part}")] = coco_xy[left + 1]
    return result


def found_boxes(people: list[Person], annots: Path, least: float = MATCHED) -> list[Array | None]:
    """The box of yolo-stage's records that overlaps each person's by `least` and most; None where none does."""
    records = [json.loads(path.read_bytes()) for path in sorted(annots.glob("*.json"))]
    by_name = {Path(record["image"]).name: record for record in records}
    result: list[Array | None] = []
    for picture in dict.fromkeys(person.picture for person in people):
        found_people = by_name[picture.name]["people"]
        boxes = [[person["box"][edge] for edge in ("x1", "y1", "x2", "y2")] for person in found_people]
        found = np.array(boxes, np.float64).reshape(-1, 4)
        labelled = np.stack([person.box_xyxy for person in people if person.picture == picture])
        result += [found[row] if row >= 0 else None for row in match_boxes(labelled, found, least)]
    return result


def in_boxes(people: list[Person], boxes: list[Array | None], network: Network) -> tuple[Array, Array]:
    """Everybody's keypoints and scores; NaN and 0 for whom there is no box."""
    points, scores = np.full((len(people), 16, 2), np.nan), np.zeros((len(people), 16))
    there = [row for row, box in enumerate(boxes) if box is not None]
    pictures = {path: read_image(path) for path in dict.fromkeys(people[row].picture for row in there)}
    points[there], scores[there] = network.poses(
        [pictures[people[row].picture] for row in there], [box for box in boxes if box is not None]
    )
    return points, scores


def judge(people: list[Person], points: Array) -> dict[str, float]:
    """PCK of the limb joints at 0.2 and 0.1 torsos, either side, front and back views, and the share of wrong sides."""
    joints = np.stack([person.joints_xy for person in people])
    labelled = np.ones(joints.shape[:2], bool) & LIMBS
    torsos = torso_lengths(joints, labelled, MPII16)
    views = facing(joints, labelled, MPII16)
    right, counted = hits(points, joints, labelled, torsos, 0.2)
    either, _ = hits(interchangeable(points, joints, labelled, MPII16), joints, labelled, torsos, 0.2)
    close, _ = hits(points, joints, labelled, torsos, 0.1)
    trusted, _ = hits(np.stack([person.teacher_xy for person in people]), joints, labelled, torsos, TRUSTED)
    wrong, judged = exchanged_sides(points, joints, trusted if trusted.any() else labelled, torsos, MPII16)
    rows = {f" {name}": views == sign for name, sign in (("front", 1), ("back", -1), ("side", 0))}
    result = {"PCK@0.2": rate(right, counted), "PCK@0.1": rate(close, counted), "either side": rate(either, counted)}
    result |= {f"PCK@0.2{name}": rate(right[chosen], counted[chosen]) for name, chosen in rows.items()}
    result |= {f"either side{name}": rate(either[chosen], counted[chosen]) for name, chosen in rows.items()}
    return result | {"wrong sides": rate(wrong, judged), "people": len(people), "back views": int((views < 0).sum())}


def cut_at_waist(people: list[Person], network: Network) -> dict[str, float]:
    """People who stand, in photos that end at their hips: how many knees and ankles score too low to be drawn."""
    pictures, boxes = [], []
    for person in people:
        hips, legs = person.joints_xy[HIPS, 1].max(), person.joints_xy[LEGS, 1].min()
        x1, y1, x2, _ = person.box_xyxy
        end = int(hips) + 1
        picture = read_image(person.picture)
        if legs - hips < 0.1 * (person.box_xyxy[3] - y1) or end - y1 < 40:
            continue
        height, width = picture.shape[:2]
        pictures.append(picture[:end])
        boxes.append(np.array([max(x1, 0), max(y1, 0), min(x2, width), min(end, height)], np.float64))
    _, scores = network.poses(pictures, boxes)
    return {"legs under the drawing's": float((scores[:, LEGS] < SURE_SCORE).mean()), "people cut": len(boxes)}


def main() -> None:
    """argv -> a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("labels", "pictures", "cfg"):
        parser.add_argument(name, type=Path)
    for name in ("--weights", "--annots", "--teacher", "--teacher-people", "--output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("opts", nargs="*", metavar="KEY VALUE")
    args = parser.parse_intermixed_args()
    config = read_config(args.cfg, args.opts)
    weights = args.weights or args.cfg.with_name(Path(config.MODEL.PRETRAINED).name)
    network = Network(load_estimator(config.MODEL, weights, "cpu", args.precision), config, config.TEST.CROP_CONTEXT)
    people = read_people(args.labels, args.pictures, args.teacher, args.teacher_people)
    loose: list[Array | None] = [person.box_xyxy for person in people]
    result = {"labelled boxes": judge(people, in_boxes(people, loose, network)[0])}
    if args.annots is not None:
        boxes = found_boxes(people, args.annots)
        result["end to end"] = judge(people, in_boxes(people, boxes, network)[0])
        for least in (MATCHED, FOUND):
            matched = [box is not None for box in found_boxes(people, args.annots, least)]
            result["end to end"][f"recall at {least}"] = float(np.mean(matched))
    result["cut at the waist"] = cut_at_waist(people, network)
    for name, numbers in result.items():
        print(name, *(f"{key} {value:.3f}" for key, value in numbers.items()), sep="\n    ")
    if args.output is not None:
        args.output.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
