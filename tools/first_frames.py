"""Cuts a video short: `first_frames.py FROM TO COUNT`."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

from stage_kit.videos.reader import open_video
from stage_kit.videos.writer import write_movie


def first_frames(source: Path, target: Path, count: int) -> None:
    """Writes the first `count` frames of a video with their times, whole or not at all."""
    with open_video(source) as video, write_movie(target, (video.width, video.height), video.nominal_rate) as movie:
        for frame in islice(video.frames(), count):
            movie.add(frame.picture, frame.t_seconds)


if __name__ == "__main__":
    first_frames(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
