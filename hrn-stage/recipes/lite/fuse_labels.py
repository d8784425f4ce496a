"""Joins three opinions on every joint: the label, the judge of `judge_labels.py`, and BlazePose's landmarks.

    python fuse_labels.py DATA_DIR WORK_DIR pose_landmark_full.tflite

The model lies in MediaPipe's wheel (0.10.14, mediapipe/modules/pose_landmark, Apache-2.0); OpenVINO reads it. DATA_DIR
has lspet-train.tar and .npz; WORK_DIR has verdicts.npz and train-kept.npz, and receives `train-fused.npz`: the people
for training who have eight labels or more.

Left and right of the legs, and of the arms, are decided by vote: the label as it stands 0.8, BlazePose 1.2, the judge
1. Where the two networks contradict each other the limbs are dropped. A joint that label and BlazePose put within a
third of a torso of each other becomes the mean of both, else BlazePose's where that is sure of it. Whom BlazePose does
not recognise keeps the labels of train-kept.npz.
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import openvino
from judge_labels import SEED, VALIDATION
from judge_maps import HIPS, torso_direction
from numpy.typing import NDArray

INPUT = 256  # pixels
CONTEXT = 1.25 * 1.1  # MediaPipe's, and a tenth for head and feet, which lie beyond the joints
LANDMARKS, VALUES = 39, 5  # of x, y, z, visibility, presence
OURS = [28, 26, 24, 23, 25, 27, 16, 14, 12, 11, 13, 15]  # BlazePose's of LSP's joints up to the left wrist
MIRRORED = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6]
LIMB_PAIRS = (((2, 3), (1, 4), (0, 5)), ((8, 9), (7, 10), (6, 11)))  # legs and arms, right and left, trunk outwards
LABEL_VOTE, BLAZE_VOTE, JUDGE_VOTE = 0.8, 1.2, 1.0
CLEAR = 0.15  # torsos per joint by which one way round must be nearer
RECOGNISED = 0.35  # torsos: the median distance of BlazePose's joints from the nearer label, at most
NEAR, NOT_FAR = 0.35, 0.6  # torsos
SURE_ALONE, SURE_AGAINST = 0.8, 0.7  # visibility at which BlazePose stands without, or against, a label
FEWEST, FEWEST_SEEN = 8, 4

Array = NDArray[np.float64]


def main(data: Path, work: Path, model: Path) -> None:
    """Writes train-fused.npz."""
    labels = np.load(data / "lspet-train.npz")
    joints, files = labels["joints"].astype(np.float64), labels["files"]
    landmarks, visible, present = look(data / "lspet-train.tar", files, joints, model)
    verdicts = np.load(work / "verdicts.npz")["verdicts"]
    torsos = torso_lengths(joints)
    kept = np.load(work / "train-kept.npz")
    before = dict(zip(map(str, kept["files"]), kept["joints"], strict=True))
    train = np.sort(np.random.default_rng(SEED).permutation(len(files))[VALIDATION:])
    chosen: list[tuple[str, Array]] = []
    for row in train:
        fused = None
        if present[row] > 0.5:
            fused = fuse(joints[row], landmarks[row], visible[row], verdicts[row], torsos[row])
        if fused is None or (fused[:, 2] > 0).sum() < FEWEST:
            fused = before.get(str(files[row]))
        if fused is not None and (fused[:, 2] > 0).sum() >= FEWEST:
            chosen.append((str(files[row]), fused))
    names, people = zip(*chosen, strict=True)
    np.savez_compressed(work / "train-fused.npz", files=np.array(names), joints=np.array(people, np.float32))
    print(f"{len(names)} people with {np.mean([(person[:, 2] > 0).sum() for person in people]):.1f} labels each")


def look(archive: Path, files: NDArray[np.str_], joints: Array, model: Path) -> tuple[Array, Array, Array]:
    """BlazePose's joints [N, 12, 2] in image pixels, their visibility [N, 12], and whether somebody is there [N]."""
    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(model), "CPU", settings)
    sizes = [int(np.prod(output.shape)) for output in compiled.outputs]
    where, there = sizes.index(LANDMARKS * VALUES), sizes.index(1)
    found, present = np.zeros((len(files), LANDMARKS, VALUES)), np.zeros(len(files))

    def keep(request: openvino.InferRequest, row: int) -> None:
        found[row] = request.get_output_tensor(where).data.reshape(LANDMARKS, VALUES)
        present[row] = request.get_output_tensor(there).data.ravel()[0]

    queue = openvino.AsyncInferQueue(compiled, 4)
    queue.set_callback(keep)
    affines = np.array([affine_around_hips(person) for person in joints])
    with tarfile.open(archive) as pictures:
        for row, name in enumerate(files):
            file = pictures.extractfile(str(name))
            assert file is not None
            picture = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
            shown = cv2.warpAffine(
                np.ascontiguousarray(picture), affines[row], (INPUT, INPUT), borderMode=cv2.BORDER_REPLICATE
            )
            queue.start_async({0: (shown[None] / 255).astype(np.float32)}, row)
    queue.wait_all()
    ours = found[:, OURS]
    back = np.linalg.inv(affines[:, :, :2])
    in_image = np.einsum("nij,nkj->nki", back, ours[:, :, :2] - affines[:, None, :, 2])
    return in_image, 1 / (1 + np.exp(-np.clip(ours[:, :, 3], -50, 50))), present


def affine_around_hips(person: Array) -> Array:
    """The matrix [2, 3] of the square that BlazePose was trained on: hips in the middle, upright, all joints inside."""
    seen = person[person[:, 2] > 0, :2]
    hips = person[HIPS][person[HIPS, 2] > 0, :2]
    middle = hips.mean(axis=0) if len(hips) else (seen.min(axis=0) + seen.max(axis=0)) / 2
    up = torso_direction(person)
    radius = max(float(np.hypot(*(seen - middle).T).max()), 10.0) * CONTEXT
    turn = INPUT / (2 * radius) * np.array([[-up[1], up[0]], [-up[0], -up[1]]])
    return np.hstack([turn, (INPUT / 2 - turn @ middle)[:, None]])


def torso_lengths(joints: Array) -> Array:
    """Of people [N, 14, 3], in pixels: left shoulder to right hip, else right to left, else a part of the whole."""
    lengths = np.zeros(len(joints))
    for row, person in enumerate(joints):
        labelled = person[:, 2] > 0
        extent = float(np.ptp(person[labelled, :2], axis=0).max())
        ends = next(((a, b) for a, b in ((9, 2), (8, 3)) if labelled[[a, b]].all()), None)
        torso = float(np.hypot(*(person[ends[0], :2] - person[ends[1], :2]))) if ends else 0.0
        lengths[row] = max(torso if torso > 0.12 * extent else 0.3 * extent, 6.0)
    return lengths


def fuse(person: Array, blaze: Array, visible: Array, verdicts: Array, torso: float) -> Array | None:
    """One person's new labels [14, 3]; None where BlazePose sees somebody else, or nobody."""
    labelled = person[:12, 2] > 0
    straight = np.hypot(*(person[:12, :2] - blaze).T) / torso
    crossed = np.hypot(*(person[:12, :2] - blaze[MIRRORED]).T) / torso
    if labelled.sum() < FEWEST_SEEN or np.median(np.minimum(straight, crossed)[labelled]) >= RECOGNISED:
        return None
    fused = person.copy()
    for pairs, verdict in zip(LIMB_PAIRS, verdicts, strict=True):
        limbs = [joint for pair in pairs for joint in pair]
        seen = [joint for joint in limbs if labelled[joint]]
        gain = float(np.minimum(straight[seen], 1).sum() - np.minimum(crossed[seen], 1).sum())
        clear = CLEAR * max(1, len(seen))
        blaze_says = int(gain > clear) - int(gain < -clear)
        judge_says = (1 if verdict[:3].sum() >= 2 else -1) if verdict[3] > 0 else 0
        exchanged = BLAZE_VOTE * blaze_says + JUDGE_VOTE * judge_says > LABEL_VOTE
        for joint in limbs:
            source = MIRRORED[joint] if exchanged else joint
            distance = np.hypot(*(person[source, :2] - blaze[joint])) / torso if labelled[source] else np.inf
            if blaze_says * judge_says < 0:
                fused[joint, 2] = 0
            elif distance <= NEAR:
                fused[joint] = *(0.5 * person[source, :2] + 0.5 * blaze[joint]), 1
            elif blaze_says == 0 and distance <= NOT_FAR:
                fused[joint] = person[source]
            elif visible[joint] > (SURE_AGAINST if labelled[source] else SURE_ALONE):
                fused[joint] = *blaze[joint], 1
            else:
                fused[joint] = 0
    return fused


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
