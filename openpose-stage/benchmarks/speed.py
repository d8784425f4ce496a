"""How fast openpose-stage is here: reading maps, the network on frames, and the stage on a video.

    .venv/bin/python openpose-stage/benchmarks/speed.py --weights_path weights/human-pose-estimation-0001.xml

Decoding is measured on maps of five people that are drawn, on one thread; the network on frames of 1280 x 720; the
stage on a video of such frames, whose wall time is compared with the network's own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from openpose_stage import load_openpose
from openpose_stage.cli import main as stage
from openpose_stage.decode import DecodeRules, decode
from openpose_stage.fitting import fitted
from openpose_stage.layouts import COCO
from openpose_stage.points import PointRules
from stage_kit.pictures.images import read_image
from stage_kit.runs.workers import threads
from stage_kit.videos.writer import write_movie

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from synthetic import Scene, person_at, render

DEMO = Path(__file__).parents[2] / "tools/demo-photos"
FRAMES = 250


def median_ms(work: Callable[[], object], times: int = 40) -> float:
    """Milliseconds of the process's CPU, so that others on the machine count little."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return 1000 * float(np.median(taken))


def decoding() -> None:
    """Five people, at the maps' own size and four times enlarged."""
    cv2.setNumThreads(1)
    people = np.stack([person_at(70 + 125 * number, 180, 250 + 10 * number) for number in range(5)])
    maps = render(Scene(people), 0.01, np.random.default_rng(0))
    for upsample in (1, 4):
        rules = replace(DecodeRules(), points=PointRules(upsample=upsample))
        assert len(decode(maps, COCO, rules).persons) == 5
        taken = median_ms(lambda rules=rules: decode(maps, COCO, rules))
        print(f"decoding five people, maps of {maps.size_wh}, enlarged {upsample} times: {taken:.1f} ms")
    cv2.setNumThreads(-1)


def network(weights: Path, seconds: float) -> tuple[float, float]:
    """Frames a second of the network alone, by two threads as in a run, and CPU seconds of a frame."""
    find = load_openpose(weights_path=weights)
    picture = cv2.resize(read_image(DEMO / "astronaut.jpg"), (1280, 720))
    row, _ = fitted(picture, find.plan.height, find.plan.multiple)
    batch = np.stack([row] * 8)
    find.network.maps(batch)
    with threads("net", 2) as pool:
        begun, cpu, done = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - begun < seconds:
            done += sum(map(len, pool.map(find.network.maps, [batch] * 4)))
        rate, cpu = done / (time.perf_counter() - begun), (time.process_time() - cpu) / done
    print(f"network, input {row.shape[1]} x {row.shape[0]}, {find.precision}: {rate:.1f} frames/s,", end=" ")
    print(f"{1000 * cpu:.1f} ms of CPU a frame")
    return rate, cpu


def whole(weights: Path, rate: float, cpu: float) -> None:
    """The stage on a video, with and without the movie that it draws."""
    photo = cv2.resize(read_image(DEMO / "astronaut.jpg"), (1320, 760))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with write_movie(root / "images/a.mp4", (1280, 720), 25) as movie:
            for number in range(FRAMES):
                movie.add(photo[number % 40 :][:720, number % 40 :][:, :1280], number / 25)
        for movies in ("0", "1"):
            begun, taken = time.perf_counter(), time.process_time()
            words = [
                "--workspace",
                folder,
                "--weights_path",
                str(weights),
                "--quiet",
                "--overwrite",
                "--movies",
                movies,
            ]
            assert stage(words) == 0
            wall, taken = time.perf_counter() - begun, time.process_time() - taken
            print(f"stage, {FRAMES} frames of 1280 x 720, movies {movies}: {FRAMES / wall:.1f} frames/s,", end=" ")
            print(f"{wall / (FRAMES / rate):.2f} x the network's time, {taken / FRAMES / cpu:.2f} x its CPU")


def main() -> None:
    """Prints what is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights_path", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    decoding()
    whole(args.weights_path, *network(args.weights_path, args.seconds))


if __name__ == "__main__":
    main()
