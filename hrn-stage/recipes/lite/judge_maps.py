"""Shows every labelled person to human-pose-estimation-0001 and keeps its maps: the evidence for `judge_labels.py`.

    python judge_maps.py DATA_DIR WEIGHTS_DIR WORK_DIR

DATA_DIR has lspet-train.tar and lspet-train.npz, WEIGHTS_DIR the OpenVINO model; WORK_DIR receives `maps.npy`,
float16 [people, 57, 32, 32]: 19 heatmaps (OpenPose's 18 COCO points and background), then 38 part-affinity channels,
each the mean of a straight and a mirrored pass; and `affines.npy`, float64 [people, 2, 3]: image pixels to input
pixels, eight to a cell of the maps.
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import openvino
from numpy.typing import NDArray

INPUT = 256  # pixels; the model is fully convolutional, and a square suits one person
STRIDE = 8
CELLS = INPUT // STRIDE
CONTEXT = 1.3
HIPS, NECK, SHOULDERS = [2, 3], [12], [8, 9]
GREY = (128, 128, 128)
# Heatmaps: nose neck, right then left shoulder-elbow-wrist, right then left hip-knee-ankle, eyes, ears, background.
MIRRORED_POINTS = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16, 18)
# Pairs of channels (x, y) of OpenPose's limbs: neck-hip-knee-ankle of either side, then neck-shoulder-elbow-wrist with
# shoulder-ear, then the head. Each limb's mirror image, in the order of the channels.
MIRRORED_LIMBS = (3, 4, 5, 0, 1, 2, 10, 11, 12, 13, 6, 7, 8, 9, 14, 16, 15, 18, 17)


def main(data: Path, weights: Path, work: Path) -> None:
    """Writes maps.npy and affines.npy."""
    labels = np.load(data / "lspet-train.npz")
    joints = labels["joints"]
    affines = np.array([affine_upright(person) for person in joints])
    np.save(work / "affines.npy", affines)
    maps = np.lib.format.open_memmap(work / "maps.npy", "w+", dtype=np.float16, shape=(len(joints), 57, CELLS, CELLS))
    queue = openvino.AsyncInferQueue(compiled(weights), 4)
    queue.set_callback(lambda request, row: keep(request, maps[row]))
    with tarfile.open(data / "lspet-train.tar") as archive:
        for row, name in enumerate(labels["files"]):
            file = archive.extractfile(str(name))
            assert file is not None
            picture = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
            queue.start_async(inputs(picture, affines[row]), row)
            if row % 100 == 0:
                print(row, flush=True)
    queue.wait_all()
    maps.flush()


def affine_upright(person: NDArray[np.float32]) -> NDArray[np.float64]:
    """The matrix [2, 3] from image pixels to input pixels that shows the labelled joints [14, 3] head up.

    The model was trained on people who mostly stand, and half of these hang, dive or tumble.
    """
    seen = person[person[:, 2] > 0, :2].astype(np.float64)
    up = torso_direction(person)
    turn = np.array([[-up[1], up[0]], [-up[0], -up[1]]])  # takes `up` to (0, -1)
    turned = seen @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    factor = INPUT / (max(float((high - low).max()), 16.0) * CONTEXT)
    shift = (INPUT - 1) / 2 - factor * (low + high) / 2
    return np.hstack([factor * turn, shift[:, None]])


def torso_direction(person: NDArray[np.float32]) -> NDArray[np.float64]:
    """The unit vector from the hips' middle to the neck or, without it, the shoulders' middle; else straight up."""
    ends = [person[rows][person[rows, 2] > 0, :2] for rows in (HIPS, NECK, SHOULDERS)]
    hips, *tops = (points.mean(axis=0) if len(points) else None for points in ends)
    top = tops[0] if tops[0] is not None else tops[1]
    if hips is None or top is None or np.hypot(*(top - hips)) < 4:
        return np.array([0.0, -1.0])
    return np.asarray((top - hips) / np.hypot(*(top - hips)), np.float64)


def compiled(weights: Path) -> openvino.CompiledModel:
    """The model for two pictures (straight, mirrored) of INPUT pixels, on one thread a request."""
    core = openvino.Core()
    model = core.read_model(weights / "human-pose-estimation-0001.xml")
    model.reshape([2, 3, INPUT, INPUT])
    return core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})


def inputs(picture_bgr: NDArray[np.uint8], affine: NDArray[np.float64]) -> NDArray[np.float32]:
    """The person, straight and mirrored: [2, 3, INPUT, INPUT], BGR, 0 to 255.

    Cell i of a map stands for input pixel 8 i + 3.5 (measured), so a plain mirror image of the input gives maps that,
    turned back, lie exactly over the straight ones.
    """
    mirrored = affine.copy()
    mirrored[0] = -affine[0]
    mirrored[0, 2] += INPUT - 1
    both = [
        cv2.warpAffine(picture_bgr, matrix, (INPUT, INPUT), flags=cv2.INTER_LINEAR, borderValue=GREY)
        for matrix in (affine, mirrored)
    ]
    return np.stack(both).transpose(0, 3, 1, 2).astype(np.float32)


def keep(request: openvino.InferRequest, out: NDArray[np.float16]) -> None:
    """Writes the mean of both passes into `out` [57, CELLS, CELLS]."""
    limbs = request.get_tensor("Mconv7_stage2_L1").data
    points = request.get_tensor("Mconv7_stage2_L2").data
    out[:19] = (points[0] + points[1][list(MIRRORED_POINTS), :, ::-1]) / 2
    back = limbs[1].reshape(19, 2, CELLS, CELLS)[list(MIRRORED_LIMBS), :, :, ::-1] * np.array([-1, 1])[:, None, None]
    out[19:] = (limbs[0] + back.reshape(38, CELLS, CELLS)) / 2


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
