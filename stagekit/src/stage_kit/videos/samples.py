"""Some frames of some videos, for a network to be calibrated on where there are no photos."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from pose_contract.errors import ImageError
from stage_kit.networks.calibration import CALIBRATION
from stage_kit.videos.reader import VideoFrame, open_video

EVERY = 10  # frames: neighbours look alike


def sampled_frames(paths: Iterable[Path], most: int = CALIBRATION) -> Iterator[VideoFrame]:
    """Every tenth frame of one video after the other, `most` of them; videos that cannot be read are passed over."""
    return islice(_frames(paths), most)


def _frames(paths: Iterable[Path]) -> Iterator[VideoFrame]:
    for path in paths:
        with contextlib.suppress(ImageError), open_video(path) as video:
            yield from islice(video.frames(), 0, None, EVERY)
