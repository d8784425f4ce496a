"""The same videos with several detectors, and with none: who is found, and how sure the pose network is of them.

    .venv/bin/python benchmarks/detectors.py VIDEO … [--ssd person-detection-retail-0013.xml] [--fasterrcnn FILE.pth]

Both stages run with their embedded pose network. A keypoint's score says how well it was seen; without a detector the
person fills a small part of what the network is shown, and the scores fall.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from pathlib import Path
from statistics import mean

from hrn_stage.cli import main as hrn
from pose_contract.video_records import FramePoses, VideoPoses
from stage_kit.videos.record_files import VideoRecord
from yolo_stage.cli import main as yolo

SEEN = 0.3  # score of a keypoint that counts as seen


def row(video: Path, name: str, flags: list[str]) -> str:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "images").mkdir()
        (root / "images" / video.name).write_bytes(video.read_bytes())
        where = ["--workspace", str(root), "--quiet"]
        begun = time.perf_counter()
        with contextlib.redirect_stderr(io.StringIO()):
            codes = [yolo([*where, *flags])]
            seconds = time.perf_counter() - begun
            codes.append(hrn([*where, "--weights", "lite"]))
        if codes != [0, 0]:
            raise SystemExit(f"{video.name}, {name}: exit codes {codes}")
        record: VideoRecord[VideoPoses, FramePoses] = VideoRecord(
            root / f"output/poses/{video.name}.jsonl", VideoPoses, FramePoses
        )
        lines = list(record.frames())
    people = [person for line in lines for person in line.people]
    seen = [mean(point[2] >= SEEN for point in person.keypoints) for person in people]
    return (
        f"| {video.name} | {name} | {sum(bool(line.people) for line in lines)} of {len(lines)} "
        f"| {len(people) / len(lines):.2f} | {100 * mean(seen or [0]):.0f} % | {len(lines) / seconds:.0f} |"
    )


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description="Who is found by which detector.")
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--ssd", type=Path)
    parser.add_argument("--fasterrcnn", type=Path)
    args = parser.parse_args()
    detectors = {"yolo (embedded)": ["--weights", "lite"], "none": ["--detector", "none"]}
    for name in ("ssd", "fasterrcnn"):
        if given := getattr(args, name):
            detectors[name] = ["--detector", name, "--weights_path", str(given), "--trust"]
    print("| video | detector | frames with somebody | people a frame | keypoints seen | yolo-stage frames/s |")
    print("|---|---|---|---|---|---|")
    for video in args.videos:
        for name, flags in detectors.items():
            print(row(video, name, flags), flush=True)


if __name__ == "__main__":
    main()
