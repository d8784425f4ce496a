"""Clips made by ffmpeg for the tests of videos: each frame's number is written into it as a grey level."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed: apt install ffmpeg")
STEP = 5  # grey levels from frame to frame, more than lossy coding moves one
FIRST = 20


def clip(path: Path, *options: str, frames: int = 30, size: str = "128x96", rate: str = "30") -> Path:
    """A clip at `path`; `options` go between the source and the output, such as `-c:v libvpx-vp9`."""
    grey = f"nullsrc=size={size}:rate={rate},geq=lum='{FIRST}+{STEP}*N':cb=128:cr=128"
    words = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", grey, *options, "-frames:v", str(frames), str(path)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return path


def remuxed(source: Path, path: Path, *options: str) -> Path:
    """The same packets in another container, or with other tags."""
    words = ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-c", "copy", *options, str(path)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return path


def number_in(picture: NDArray[np.uint8]) -> int:
    """The number that `clip` wrote into a frame, which is grey from 16 to 235 as video has it."""
    return round((float(picture.mean()) / 255 * 219 + 16 - FIRST) / STEP)
