"""How fast openpose-stage is here: reading maps, the network on frames, and the stage on a video.

    .venv/bin/python openpose-stage/benchmarks/speed.py --weights_path weights/human-pose-estimation-0001.xml
    .venv/bin/python openpose-stage/benchmarks/speed.py --video serve.mp4    # the network that is taken unasked

Decoding is measured on maps of five people that are drawn, on one thread; the network on frames of 1280 x 720; the
stage on a video of such frames, or a given one, whose wall time is compared with the network's own. Then the parts of
its way, one after the other on one thread, in CPU time.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from openpose_stage import LoadedOpenpose, load_openpose
from openpose_stage.cli import main as stage
from openpose_stage.decode import DecodeRules, decode
from openpose_stage.estimate import people_in
from openpose_stage.fitting import fitted
from openpose_stage.layouts import COCO
from openpose_stage.people import Somebody, frame_pose
from openpose_stage.points import PointRules
from pose_contract.video_records import FramePoses
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.faces import FacesInMovie
from stage_kit.pictures.images import read_image
from stage_kit.pictures.posed_pictures import frame_with_poses
from stage_kit.runs.workers import threads
from stage_kit.videos.reader import open_video
from stage_kit.videos.record_files import line_of
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


def network(find: LoadedOpenpose, seconds: float) -> tuple[float, float]:
    """Frames a second of the network alone, by two threads as in a run, and CPU seconds of a frame."""
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


def demo_video(path: Path) -> None:
    """A picture that moves."""
    photo = cv2.resize(read_image(DEMO / "astronaut.jpg"), (1320, 760))
    with write_movie(path, (1280, 720), 25) as movie:
        for number in range(FRAMES):
            movie.add(photo[number % 40 :][:720, number % 40 :][:, :1280], number / 25)


def whole(root: Path, flags: list[str], rate: float, cpu: float) -> None:
    """The stage on a video, with and without the movie that it draws."""
    for movies in ("0", "1"):
        begun, taken = time.perf_counter(), time.process_time()
        assert stage(["--workspace", str(root), *flags, "--quiet", "--overwrite", "--movies", movies]) == 0
        wall, taken = time.perf_counter() - begun, time.process_time() - taken
        (record,) = root.glob("openpose/poses/*.jsonl")
        frames = len(record.read_text().splitlines()) - 1
        print(f"stage, {frames} frames, movies {movies}: {frames / wall:.1f} frames/s,", end=" ")
        print(f"{1000 * taken / frames:.1f} ms of CPU a frame,", end=" ")
        print(f"{wall / (frames / rate):.2f} x the network's time, {taken / frames / cpu:.2f} x its CPU")


def parts(find: LoadedOpenpose, path: Path) -> None:
    """CPU milliseconds a frame of each part of the way, on one thread but for the decoder's and x264's own."""
    spent: Counter[str] = Counter()

    def timed(part: str, work: Callable[..., Any], *given: object) -> Any:
        begun = time.process_time()
        result = work(*given)
        spent[part] += time.process_time() - begun  # type: ignore[assignment]
        return result

    style, faces, layout = DrawStyle(min_score=0.1), FacesInMovie(), find.reading.layout
    count = 0
    with tempfile.TemporaryDirectory() as folder, open_video(path) as video:
        frames = video.frames()
        with write_movie(Path(folder, "a.mp4"), (video.width, video.height), 25) as movie:
            while (frame := timed("reading the video", next, frames, None)) is not None:
                row, fit = timed("fitting", fitted, frame.picture, find.plan.height, find.plan.multiple)
                (maps,) = timed("network", find.network.maps, row[None])
                people = timed("reading the maps", people_in, maps, fit, find.reading)
                line = timed("record", line_with, frame.number, frame.t_seconds, people)
                timed("record", line_of, line)
                drawn = timed("drawing", frame_with_poses, frame.picture, line, layout.skeleton, style, faces)
                timed("movie", movie.add, drawn, frame.t_seconds)
                count += 1
    told = ", ".join(f"{part} {1000 * seconds / count:.1f}" for part, seconds in spent.items())
    print(f"CPU ms a frame of {video.width} x {video.height}: {told}")


def line_with(number: int, t_seconds: float, people: Sequence[Somebody]) -> FramePoses:
    """A frame's line of the record."""
    return FramePoses(frame=number, t_seconds=t_seconds, people=tuple(map(frame_pose, people)))


def main() -> None:
    """Prints what is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights_path", type=Path)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--video", type=Path)
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    decoding()
    find = load_openpose(weights_path=args.weights_path, precision=args.precision)
    flags = ["--precision", args.precision, *(["--weights_path", str(args.weights_path)] if args.weights_path else [])]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "images/a.mp4")
        if args.video:
            path.parent.mkdir()
            shutil.copy(args.video, path)
        else:
            demo_video(path)
        parts(find, path)
        whole(Path(folder), flags, *network(find, args.seconds))


if __name__ == "__main__":
    main()
