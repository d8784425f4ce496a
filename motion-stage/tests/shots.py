"""Strokes made by formula, and real ones from the folder of real material."""

from __future__ import annotations

import csv
import gzip
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from synthetic import Noise, track_of

from motion_stage.sequence import Floats, Track
from motion_stage.strokes.samples import Samples, Stretch, joined, samples_of
from pose_contract.skeletons import COCO17, Skeleton

PLAYERS = ("ann", "ben", "cleo", "dan")
KINDS = ("idle", "forehand", "backhand", "forehand_slice", "backhand_slice")
SECONDS = 1.0
ONE_SHOT = Stretch(7 / 30, 22 / 30, "")  # windows that lie in the shot with all their moments
JOINTS13 = (
    "nose",
    *(
        f"{side}_{joint}"
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)
MOVENET13 = Skeleton("movenet13", JOINTS13, (), COCO17.mirror_pairs[2:])


def stroke(kind: str, rng: np.random.Generator, fps: float = 30.0) -> Track:
    """A right-hander's second: a forehand goes from right to left, a slice ends low; everybody is of another size."""
    times = np.arange(0, SECONDS, 1 / fps)
    size, place = rng.uniform(60, 240), rng.uniform(300, 900, 2)
    shift = rng.uniform(-0.1, 0.1)
    progress = 1 / (1 + np.exp(-(times - 0.5 - shift) * 14))
    sway = {"forehand": 1.0, "backhand": -1.0}.get(kind.split("_")[0], 0.0) * (1.2 - 2.4 * progress)
    fall = (0.8 if kind.endswith("slice") else -0.8) * (progress - 0.5) * (kind != "idle")
    body = {"shoulder": (0.25, -1.0), "hip": (0.15, 0.0), "knee": (0.15, 0.8), "ankle": (0.18, 1.6)}
    points = {
        f"{side}_{joint}": np.tile([sign * x, y], (len(times), 1))
        for joint, (x, y) in body.items()
        for side, sign in (("left", -1), ("right", 1))
    }
    right = np.stack([0.3 + sway, -0.4 + fall], axis=1)
    points |= {"right_wrist": right, "right_elbow": (right + np.array([0.25, -1.0])) / 2}
    left = np.tile([-0.4, -0.4], (len(times), 1))
    points |= {"left_wrist": left, "left_elbow": (left + np.array([-0.25, -1.0])) / 2}
    placed: dict[str, Floats] = {name: place + size * path for name, path in points.items()}
    track = track_of(times, placed, noise=Noise(0.02 * size), seed=int(rng.integers(1 << 30)))
    return Track(**{**vars(track), "torso_px": size})


def synthetic_shots(each: int = 6) -> list[tuple[Track, str, str]]:
    """Track, class and player."""
    rng = np.random.default_rng(7)
    return [(stroke(kind, rng), kind, player) for player in PLAYERS for kind in KINDS for _ in range(each)]


def samples_from(shots: list[tuple[Track, str, str]], left_handed: bool = False) -> Samples:
    return joined(
        [
            samples_of(track, [Stretch(ONE_SHOT.start_seconds, ONE_SHOT.end_seconds, kind)], player, left_handed)
            for track, kind, player in shots
        ]
    )


def real_shots() -> list[tuple[Track, str, str]]:
    """Those of four recordings; skips where they are not there."""
    file = Path(os.environ.get("POSE_SHARED") or Path(__file__).parents[3] / "shared") / "tennis/shots.csv.gz"
    if not file.is_file():
        pytest.skip(f"{file} is not there (POSE_SHARED names the folder of real material)")
    frames: dict[tuple[str, str, str], list[list[list[float]]]] = defaultdict(list)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            places = [[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in JOINTS13]
            frames[row["recording"], row["shot"], row["class"]].append(places)
    return [(_track(np.array(places)), kind, recording) for (recording, _, kind), places in frames.items()]


def _track(places: Floats) -> Track:
    times = np.arange(len(places)) / 30
    track = track_of(times, {name: 1000 * places[:, joint] for joint, name in enumerate(JOINTS13)}, MOVENET13)
    trunk = track.mean_of(("left_hip", "right_hip")) - track.mean_of(("left_shoulder", "right_shoulder"))
    return Track(**{**vars(track), "torso_px": float(np.median(np.linalg.norm(trunk, axis=1)))})
