"""A clip with known truth: people cut out of photos walk through a picture by a script, so that networks see real ones.

The photos are not part of the repository: see the fixture `shared`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stage_kit.pictures.images import read_image
from stage_kit.videos.writer import write_movie
from web_app.watch.people import Picture
from web_app.watch.script import Part

SIZE_WH = (640, 360)
HEIGHT = 280  # of a person, in pixels
GROUND = 350
# Who stands in which photo: left, top, right, bottom.
CAST = {
    "skier": ("000000000785.jpg", (281, 45, 500, 392)),
    "child": ("COCO_val2014_000000000474.jpg", (25, 20, 320, 475)),
    "player": ("tennis-00.jpg", (140, 40, 380, 410)),
}


@dataclass(frozen=True)
class Walk:
    """Who walks, and when and where."""

    who: str
    part: Part


def pictures(walks: Sequence[Walk], photos: Path, fps: float, seconds: float) -> Iterator[Picture]:
    """The clip's frames. Who walks later is in front."""
    for number in range(round(seconds * fps)):
        picture = _background().copy()
        for walk in walks:
            middle = walk.part.at(number / fps)
            if middle is not None:
                _put(picture, *cut_out(photos, walk.who), middle)
        yield picture


def write_clip(path: Path, walks: Sequence[Walk], photos: Path, fps: float, seconds: float) -> None:
    """The clip as a file."""
    with write_movie(path, SIZE_WH, fps) as movie:
        for number, picture in enumerate(pictures(walks, photos, fps, seconds)):
            movie.add(picture, number / fps)


@functools.cache
def cut_out(photos: Path, who: str) -> tuple[Picture, NDArray[np.float32]]:
    """A person [h, w, 3], and how much of each pixel is of the person [h, w, 1]."""
    file, (left, top, right, bottom) = CAST[who]
    photo = read_image(photos / file)
    scale = HEIGHT / (bottom - top)
    photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    left, top, right, bottom = (round(edge * scale) for edge in (left, top, right, bottom))
    labels = np.zeros(photo.shape[:2], np.uint8)
    rect = (left, top, right - left, bottom - top)
    cv2.setRNGSeed(0)
    cv2.grabCut(photo, labels, rect, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_RECT)
    mask = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)[top:bottom, left:right]
    mask = cv2.GaussianBlur(mask, (5, 5), 0)
    return photo[top:bottom, left:right].astype(np.uint8, copy=False), mask[..., None].astype(np.float32, copy=False)


def _put(picture: Picture, person: Picture, mask: NDArray[np.float32], middle: float) -> None:
    height, width = mask.shape[:2]
    left, top = round(middle - width / 2), GROUND - height
    first, last = max(left, 0), min(left + width, SIZE_WH[0])
    if first >= last:
        return
    part, share = person[:, first - left : last - left], mask[:, first - left : last - left]
    place = picture[top:GROUND, first:last]
    place[:] = (share * part + (1 - share) * place).astype(np.uint8)


@functools.cache
def _background() -> Picture:
    """A room: a wall, a floor, and some noise."""
    width, height = SIZE_WH
    picture = np.full((height, width, 3), (176, 182, 190), np.float32)
    picture[270:] = (120, 110, 96)
    picture += np.linspace(-14, 14, width, dtype=np.float32)[:, None]
    picture += np.random.default_rng(0).normal(0, 3, picture.shape).astype(np.float32)
    return picture.clip(0, 255).astype(np.uint8)


# Two cross, the one in front of the other; one is hidden for half a second; one comes again after three seconds.
SHORT = (
    Walk("skier", Part(0.5, 5.5, (70, 570))),
    Walk("child", Part(1.5, 6.5, (570, 70))),
    Walk("player", Part(7.5, 10.5, (320, 340), hidden=((8.8, 9.3),))),
    Walk("skier", Part(8.5, 11.0, (90, 110))),
)
SHORT_SECONDS = 12.5
SHORT_FPS = 6.0
