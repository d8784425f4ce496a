"""The demo clip: a photo slides through the picture and back, so that somebody comes and goes twice. Made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pose_contract.errors import StageError
from stage_kit.pictures.images import read_image
from stage_kit.videos.writer import write_movie
from web_app.look.thumbnails import default_folder
from web_app.watch.people import Picture

PHOTO = Path(__file__).parent / "demo-photos" / "camera.jpg"
SIZE_WH = (960, 540)
FPS = 25.0
SECONDS_A_WAY = 7.0
NAME = f"demo-{SIZE_WH[0]}x{SIZE_WH[1]}-2.mp4"


def demo_clip() -> Path:
    """Where the clip lies; it is made where there is none yet. Raises StageError."""
    path = default_folder() / NAME
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_movie(path, SIZE_WH, FPS) as movie:
            for number, picture in enumerate(_frames()):
                movie.add(picture, number / FPS)
    return path


def _frames() -> Iterator[Picture]:
    """From the left to the middle, a while there, and on to the right; then mirrored, the other way."""
    width, height = SIZE_WH
    steps = round(SECONDS_A_WAY * FPS)
    if not PHOTO.is_file():
        raise StageError("there is no demo clip here", "choose another source")
    picture = _as_high(read_image(PHOTO), height)
    for way in (1, -1):
        middle = (width - picture.shape[1]) // 2
        for step in range(steps):
            at = way * (2 * step / steps - 1)
            left = middle + round(np.sign(at) * max(abs(at) - 0.3, 0) / 0.7 * (width + picture.shape[1]) / 2)
            yield _with(picture[:, ::way], left)


def _as_high(picture: Picture, height: int) -> Picture:
    width = round(picture.shape[1] * height / picture.shape[0])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _with(picture: Picture, left: int) -> Picture:
    """A grey picture with this one at that place; what lies outside is cut off."""
    width, height = SIZE_WH
    canvas = np.full((height, width, 3), 128, np.uint8)
    first, last = max(left, 0), min(left + picture.shape[1], width)
    if first < last:
        canvas[:, first:last] = picture[:, first - left : last - left]
    return canvas
