"""The pictures that a sequence's poses were found in, one after the other: a video's frames, or numbered photos."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from motion_stage.sources import PosedFrame, Source, SourceFacts
from pose_contract.errors import ImageError
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import Picture, read_image, size_of_file, telling_of_file
from stage_kit.runs.workers import taken_ahead
from stage_kit.videos.reader import open_video

AGAIN = "run yolo-stage and hrn-stage again"
PIXELS_AHEAD, MOST_AHEAD = 24_000_000, 16


class SourceGoneError(ImageError):
    """What a movie would be drawn onto is there no more, or is another one: the tables stand without it."""


@dataclass(frozen=True)
class Pictures:
    """What a movie is made of.

    Attributes:
        frames: each frame's people with its picture, RGB uint8 [H, W, 3].
        rate: frames a second, for players that ask.
        sound_of: the video whose sound the movie gets.
    """

    frames: Iterator[tuple[PosedFrame, Picture]]
    rate: float
    sound_of: Path | None


@contextlib.contextmanager
def opened_pictures(workspace: Workspace, source: Source, facts: SourceFacts) -> Iterator[Pictures]:
    """The pictures of a sequence, decoded ahead by a thread of their own.

    Raises:
        SourceGoneError: they cannot be read, or have changed since their poses were found.
        ImageError: a frame is none.
    """
    rate = 1 / facts.usual_dt if facts.usual_dt > 0 else 0.0
    if not facts.image_sha256:
        frames = taken_ahead(_photos(workspace, source, facts), _ahead(facts))
        with contextlib.closing(frames):
            yield Pictures(frames, rate, None)
        return
    path = workspace.path(facts.image)
    _require_same(path, facts.image_sha256)
    with open_video(path) as video, contextlib.closing(taken_ahead(video.frames(), _ahead(facts))) as decoded:
        yield Pictures(_together(source, facts, (frame.picture for frame in decoded)), rate, path)


def _require_same(path: Path, sha256: str) -> None:
    try:
        size_of_file(path)
        with telling_of_file(path), path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except ImageError as error:
        raise SourceGoneError(error.reason, error.remedy) from None
    if found != sha256:
        raise SourceGoneError("has changed since its poses were found", AGAIN)


def _require_size(picture: Picture, facts: SourceFacts) -> None:
    """A record that a person has edited may say what is not so."""
    height, width = picture.shape[:2]
    if (width, height) != (facts.width, facts.height):
        raise ImageError(f"has frames of {width} x {height}, its poses say {facts.width} x {facts.height}", AGAIN)


def _ahead(facts: SourceFacts) -> int:
    return max(1, min(MOST_AHEAD, PIXELS_AHEAD // (facts.width * facts.height)))


def _together(source: Source, facts: SourceFacts, pictures: Iterator[Picture]) -> Iterator[tuple[PosedFrame, Picture]]:
    try:
        for frame, picture in zip(source.frames(), pictures, strict=True):
            _require_size(picture, facts)
            yield frame, picture
    except ValueError:
        raise ImageError("has other frames than its poses", AGAIN) from None


def _photos(workspace: Workspace, source: Source, facts: SourceFacts) -> Iterator[tuple[PosedFrame, Picture]]:
    for frame in source.frames():
        path = workspace.path(frame.image)
        try:
            _require_same(path, frame.image_sha256)
            picture = read_image(path)
        except ImageError as error:
            raise SourceGoneError(f"holds a photo that {error.reason}: {frame.image}", error.remedy) from None
        _require_size(picture, facts)
        yield frame, picture
