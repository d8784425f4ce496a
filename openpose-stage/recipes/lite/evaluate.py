"""Measures bottom-up networks on whole photos: MPII's validation, and drawings of any pictures.

    python evaluate.py DATA NETWORK [--height 256 ...] [--draw SHEET.png PICTURE ...]

NETWORK is the embedded one's .pth or an OpenVINO .xml like human-pose-estimation-0001; openpose-stage runs and decodes
both. A labelled person takes the found one whose twelve limb joints lie nearest, each found one once; whoever is
missed, and every joint that is not found, counts as wrong. PCK within 0.2 and 0.1 torsos (left shoulder to right hip).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from gather_photos import Pictures
from numpy.typing import NDArray
from people18 import MPII_VALIDATION, Array, set_apart
from skeleton18 import FROM_MPII, LIMBS, LINKS, MIRROR

from openpose_stage import load_openpose

Picture = NDArray[np.uint8]
Found = list[tuple[Array, Array]]
REACH = 0.4  # torsos: how quickly a joint that lies off stops to speak for a match
LEAST_MATCH = 0.08  # mean of the twelve joints' closeness from which somebody is found


def load(network: Path, height: int, precision: str) -> Callable[[Picture], Found]:
    """What finds people in a picture (RGB): points [18, 2], NaN where none was found, and scores [18] of each."""
    find = load_openpose(weights_path=network, height=height, precision=precision)

    def found(picture: Picture) -> Found:
        poses = find(picture)
        points = np.where(poses.scores[..., None] > 0, poses.keypoints_xy, np.nan)
        return list(zip(points, poses.scores, strict=True))

    return found


def matched(labels: Array, found: Found) -> Array:
    """For each labelled person [N, 18, 2] the points of the found one [N, 18, 2]; NaN for whom nobody found."""
    result = np.full(labels.shape, np.nan)
    if not found:
        return result
    there = np.stack([points for points, _ in found])
    torsos = np.maximum(np.linalg.norm(labels[:, 5] - labels[:, 8], axis=1), 1)
    apart = np.linalg.norm(labels[:, None, LIMBS] - there[None, :, LIMBS], axis=3) / torsos[:, None, None]
    crossed = [MIRROR[limb] for limb in LIMBS]
    other = np.linalg.norm(labels[:, None, LIMBS] - there[None][:, :, crossed], axis=3) / torsos[:, None, None]
    near = np.nan_to_num(np.exp(-(np.fmin(apart, other) ** 2) / (2 * REACH**2))).mean(axis=2)
    while near.max() >= LEAST_MATCH:
        one, row = np.unravel_index(near.argmax(), near.shape)
        result[one] = there[row]
        near[one] = near[:, row] = -1
    return result


def measure(data: Path, find: Callable[[Picture], Found]) -> dict[str, float]:
    """Of the labelled people of MPII's validation."""
    photos = json.loads((data / "mpii-people.json").read_bytes())
    pictures, rows, found_people, seconds = Pictures(data / "mpii-people.tar"), [], 0, 0.0
    for number in sorted(set_apart(len(photos), MPII_VALIDATION)):
        photo = photos[number]
        labels = np.full((len(photo["people"]), 18, 2), np.nan)
        labels[:, LIMBS] = np.array(photo["people"], np.float64)[:, [FROM_MPII[limb] for limb in LIMBS]]
        picture = pictures.read(photo["file"])
        before = time.process_time()
        found = find(picture)
        seconds += time.process_time() - before
        found_people += len(found)
        rows += list(zip(labels, matched(labels, found), strict=True))
    labels, points = (np.stack(part)[:, LIMBS] for part in zip(*rows, strict=True))
    torsos = np.linalg.norm(labels[:, 3] - labels[:, 6], axis=1)
    apart = np.linalg.norm(labels - points, axis=2) / torsos[:, None]
    turned = np.linalg.norm(labels - points[:, [MIRROR[limb] - 2 for limb in LIMBS]], axis=2) / torsos[:, None]
    met = np.isfinite(points).any(axis=(1, 2))
    return {
        "PCK@0.2": float((apart <= 0.2).mean()), "PCK@0.1": float((apart <= 0.1).mean()),
        "either side @0.2": float((np.fmin(apart, turned) <= 0.2).mean()),
        "people met": float(met.mean()), "PCK@0.2 of people met": float((apart[met] <= 0.2).mean()),
        "joints found of people met": float(np.isfinite(points[met]).all(axis=2).mean()),
        "PCK@0.2 of joints found": float((apart <= 0.2).sum() / np.isfinite(apart).sum()),
        "people drawn a photo": found_people / MPII_VALIDATION, "people": len(labels),
        "seconds a photo": seconds / MPII_VALIDATION,
    }  # fmt: skip


def drawn(picture: Picture, found: Found) -> Picture:
    """The picture (RGB) with everybody's links: right ones warm, left ones cold, a colour for each person's points."""
    result = picture.copy()
    thick = max(1, picture.shape[0] // 150)
    for number, (points, _) in enumerate(found):
        whole = np.round(np.nan_to_num(points, nan=-1)).astype(int)
        for one, other, _ in LINKS[:17]:
            if np.isfinite(points[[one, other]]).all():
                colour = (255, 90, 40) if other in (2, 3, 4, 8, 9, 10, 14, 16) else (60, 140, 255)
                cv2.line(result, tuple(whole[one]), tuple(whole[other]), colour, thick, cv2.LINE_AA)
        colour = [(255, 255, 0), (0, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 255), (255, 128, 0)][number % 6]
        for at in whole[np.isfinite(points).all(axis=1)]:
            cv2.circle(result, tuple(at), thick + 1, colour, -1, cv2.LINE_AA)
    return result


def sheet(pictures: list[Picture], height: int = 300, width: int = 1800) -> Picture:
    """Pictures in rows."""
    rows: list[list[Picture]] = [[]]
    for picture in pictures:
        small = cv2.resize(
            picture, (round(picture.shape[1] * height / picture.shape[0]), height), interpolation=cv2.INTER_AREA
        )
        if sum(one.shape[1] for one in rows[-1]) + small.shape[1] > width:
            rows.append([])
        rows[-1].append(np.asarray(small, np.uint8))
    lines = [np.concatenate(row, axis=1) for row in rows if row]
    return np.concatenate(
        [np.pad(line, ((0, 0), (0, max(0, width - line.shape[1])), (0, 0)))[:, :width] for line in lines]
    )


def main() -> None:
    """argv -> figures, a sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("network", type=Path)
    parser.add_argument("--height", type=int, nargs="+", default=[256])
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--draw", type=Path, nargs="+", metavar="FILE", help="the sheet to write, and the pictures")
    args = parser.parse_args()
    if args.draw:
        find = load(args.network, args.height[0], args.precision)
        pictures = [cv2.imread(str(path))[..., ::-1] for path in args.draw[1:]]
        found = [find(np.ascontiguousarray(picture)) for picture in pictures]
        for path, everyone in zip(args.draw[1:], found, strict=True):
            print(path.name, [int(np.isfinite(points).all(axis=1).sum()) for points, _ in everyone])
        done = [
            drawn(np.ascontiguousarray(picture), everyone) for picture, everyone in zip(pictures, found, strict=True)
        ]
        cv2.imwrite(str(args.draw[0]), sheet(done)[..., ::-1])
        return
    for height in args.height:
        numbers = measure(args.data, load(args.network, height, args.precision))
        print(args.network.name, height, *(f"{name} {number:.3f}" for name, number in numbers.items()), sep="\n    ")


if __name__ == "__main__":
    main()
