"""How fast videos go through both stages, and which of decoding, network and encoding limits each.

    .venv/bin/python benchmarks/videos.py [VIDEO] [--frames 300]

Without a video one of 1280 x 720 is made: a photo with a person that moves. Parts and stages take turns in one run.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from hrn_stage import load_estimator
from hrn_stage.cli import main as hrn
from hrn_stage.inference import estimate_people
from hrn_stage.videos import prepared_in
from motion_stage.cli import main as motion
from pose_contract.video_records import FrameAnnot, VideoAnnot
from stage_kit.videos.reader import open_video
from stage_kit.videos.record_files import VideoRecord
from stage_kit.videos.writer import write_movie
from yolo_stage import load_detector
from yolo_stage.cli import main as yolo
from yolo_stage.fitting import fitted

PHOTO = Path(__file__).parents[1] / "tools/demo-photos/camera.jpg"
WIDTH, HEIGHT = 1280, 720


def make_video(path: Path, frames: int) -> None:
    """A person of 500 px who moves to and fro."""
    person = np.asarray(Image.open(PHOTO).convert("RGB").resize((500, 500)))
    with write_movie(path, (WIDTH, HEIGHT), 30) as movie:
        for number in range(frames):
            picture = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
            left = 390 + round(200 * np.sin(number / 20))
            picture[150:650, left : left + 500] = person
            movie.add(picture, number / 30)


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def decode(path: Path) -> None:
    """All frames, upright and in RGB."""
    with open_video(path) as video:
        for _ in video.frames():
            pass


def encode(path: Path, out: Path) -> None:
    """All frames, decoded before."""
    with open_video(path) as video:
        frames = [(frame.picture, frame.t_seconds) for frame, _ in zip(video.frames(), range(100), strict=False)]
        size = (video.width, video.height)
    begun = time.perf_counter()
    with write_movie(out, size, 30) as movie:
        for picture, seconds in frames:
            movie.add(picture, seconds)
    print(f"encode alone: {len(frames) / (time.perf_counter() - begun):.1f} frames/s")


def networks(root: Path, path: Path) -> None:
    """Both networks on 100 frames in batches of 8, without decoding and drawing."""
    detector, estimator = load_detector(weights="lite"), load_estimator(weights="lite")
    record: VideoRecord[VideoAnnot, FrameAnnot] = VideoRecord(
        root / f"annots/{path.name}.jsonl", VideoAnnot, FrameAnnot
    )
    inputs, people = [], []
    with open_video(path) as video:
        for frame, line in zip(video.frames(), record.frames(), strict=False):
            inputs.append(fitted(detector.plan, frame.picture)[0])
            people += [prepared_in(frame.picture, person, estimator.plan.config) for person in line.people]
            if frame.number == 99:
                break
    batches = [np.stack(inputs[at : at + 8]) for at in range(0, len(inputs), 8)]
    taken = seconds_of(lambda: [detector.network.detect(batch) for batch in batches])
    print(f"detector alone: {len(inputs) / taken:.1f} frames/s")
    if people:
        rows = [np.stack([one.network_input for one in people[at : at + 8]]) for at in range(0, len(people), 8)]
        config, skeleton = estimator.plan.config, estimator.skeleton
        taken = seconds_of(lambda: [estimate_people(batch, estimator.network, config, skeleton) for batch in rows])
        print(f"pose network alone: {len(people) / taken:.1f} people/s")


def movie(root: Path, frames: int) -> None:
    """motion-stage's movie of tables that are there: decoding, drawing and encoding; a core's by computing time."""
    words = ["--workspace", str(root), "--quiet", "--plots", "0"]
    motion([*words, "--movie", "0"])
    begun, started = time.process_time(), time.perf_counter()
    motion(["render", *words])
    cores, wall = time.process_time() - begun, time.perf_counter() - started
    print(f"motion-stage render: {frames / cores:.1f} frames/s a core, {frames / wall:.1f} frames/s")


def main() -> None:
    """Prints one line a part, then the stages."""
    parser = argparse.ArgumentParser(description="How fast videos go through both stages here.")
    parser.add_argument("video", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=300)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "images").mkdir()
        path = root / "images" / (args.video.name if args.video else "made.mp4")
        if args.video:
            path.symlink_to(args.video.resolve())
        else:
            make_video(path, args.frames)
        with open_video(path) as video:
            count = sum(1 for _ in video.frames())
            print(f"{path.name}: {count} frames, {video.width} x {video.height}")
        stages = {}
        for name, stage in (("yolo-stage", yolo), ("hrn-stage", hrn)):
            with contextlib.redirect_stderr(io.StringIO()):
                stages[name] = seconds_of(lambda: stage(["--workspace", str(root), "--weights", "lite", "--quiet"]))  # noqa: B023
        print(f"decode alone: {count / seconds_of(lambda: decode(path)):.1f} frames/s")
        encode(path, root / "out.mp4")
        networks(root, path)
        for name, taken in stages.items():
            print(f"{name}: {count / taken:.1f} frames/s")
        movie(root, count)
        print(f"both stages: {count / sum(stages.values()):.1f} frames/s")


if __name__ == "__main__":
    main()
