"""Leave-one-recording-out on labelled shots: python benchmarks/strokes.py SHOTS.csv.gz

The file has a row a frame at 30 Hz: recording, shot, frame, then for thirteen joints (nose, shoulders, elbows, wrists,
hips, knees, ankles) `left_wrist_y`, `left_wrist_x`, …, and class. Each shot is told by the mean of its windows'
probabilities; the model that tells it has seen no shot of its recording.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_stage.sequence import Track
from motion_stage.strokes.evaluation import evaluate
from motion_stage.strokes.features import JOINTS
from motion_stage.strokes.samples import Samples, Stretch, joined, samples_of
from pose_contract.skeletons import Skeleton

RATE_HZ, HALF_WINDOW = 30, 7
SCALE = 1000.0  # of places in 0..1 to something like pixels
SKELETON = Skeleton("joints12", JOINTS, (), tuple((left, left.replace("left", "right")) for left in JOINTS[::2]))

Shot = tuple[str, str, str]


def main(file: Path) -> None:
    """Prints the numbers."""
    shots: dict[Shot, list[list[tuple[float, float]]]] = defaultdict(list)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            places = [(float(row[f"{name}_x"]), float(row[f"{name}_y"])) for name in JOINTS]
            shots[row["recording"], row["shot"], row["class"]].append(places)
    samples = joined([_samples(shot, SCALE * np.array(places)) for shot, places in shots.items()])
    print(f"{len(samples.names)} shots, {len(samples.features)} windows")
    measured = evaluate(samples)
    print(measured.as_text())
    print(f"mean of the recordings' macro-F1: {np.mean(list(measured.recordings.values())):.3f}")


def _samples(shot: Shot, places: NDArray[np.float64]) -> Samples:
    recording, _, name = shot
    frames = np.arange(len(places))
    shoulders, hips = (
        places[:, [JOINTS.index(f"{side}_{joint}") for side in ("left", "right")]].mean(axis=1)
        for joint in ("shoulder", "hip")
    )
    track = Track(
        id=1,
        frames=frames,
        t_seconds=frames / RATE_HZ,
        keypoints_xy=places,
        scores=np.ones(places.shape[:2], dtype=np.float32),
        states=np.zeros(places.shape[:2], dtype=np.uint8),
        skeleton=SKELETON,
        torso_px=float(np.median(np.linalg.norm(shoulders - hips, axis=1))),
    )
    # Windows that lie in the shot with all their moments.
    stretch = Stretch(HALF_WINDOW / RATE_HZ, (len(frames) - 1 - HALF_WINDOW) / RATE_HZ, name)
    return samples_of(track, [stretch], recording)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
