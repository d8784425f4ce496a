"""Reading a video frame by frame, upright and with square pixels, in constant memory."""

from __future__ import annotations

import contextlib
import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from pose_contract.errors import DamagedImageError, ImageError
from pose_contract.video_records import VideoFlag
from stage_kit.pictures.images import Picture, size_of_file, telling_of_file
from stage_kit.pictures.limits import MAX_PIXELS
from stage_kit.videos.frame_times import FrameTimes

MAX_RATE = 1000  # frames a second; a container that claims more says nothing about its times
LEAST_MISSING = 0.2  # seconds that a file must lack of the duration it claims, to count as cut off
SAMPLED_ROWS = 16  # every 16th row is compared before two frames are compared as a whole


@dataclass(frozen=True)
class VideoFrame:
    """One frame: number from 0, time from the first one in seconds, RGB uint8 [H, W, 3].

    `duplicate`: its pixels are those of the frame before, as screen recordings and slow cameras have them.
    """

    number: int
    t_seconds: float
    picture: Picture
    duplicate: bool = False


@dataclass
class VideoReader:
    """A video that is open; `open_video` makes it. `flags` and `times` are complete when the last frame has come.

    Attributes:
        width, height: of the upright frame in square pixels.
        frames_claimed: what the container says; 0 where it does not.
        times: of the frames read so far.
        first_stamp: the first frame's time stamp in seconds; 0 where it has none.
        flags: what there is to say of the frames read so far.
        sample_aspect: the width of a stored pixel over its height.
        quarter_turns: counter-clockwise, of the stored frame.
    """

    path: Path
    container: Any
    width: int
    height: int
    frames_claimed: int
    sample_aspect: Fraction
    quarter_turns: int
    times: FrameTimes
    first_stamp: Fraction
    _stored: Iterator[Any]
    _flags: set[VideoFlag] = field(default_factory=set)

    @property
    def flags(self) -> tuple[VideoFlag, ...]:
        """In alphabetical order."""
        found = set(self._flags)
        if self.times.variable:
            found.add("variable_rate")
        if self.times.repaired:
            found.add("times_repaired")
        return tuple(sorted(found))

    @property
    def frames_per_second(self) -> float:
        """The inverse of the median time between the frames read so far; 0 before the second one."""
        return round(1 / self.times.step, 4)

    @property
    def nominal_rate(self) -> float:
        """Frames per second as the container has it."""
        return 1 / self.times.nominal_step

    def frames(self) -> Iterator[VideoFrame]:
        """All frames in the order in which they are shown, once. A damaged file ends where it is damaged."""
        previous: Picture | None = None
        for number, (stored, stamp) in enumerate(self._decoded()):
            picture = self._upright(stored)
            same = previous is not None and _are_equal(previous, picture)
            yield VideoFrame(number, self.times.next(stamp), picture, same)
            previous = picture
        if self._lacks_its_end():
            self._flags.add("truncated")

    def pictures_from(self, begin: int, back_seconds: Sequence[float]) -> Iterator[tuple[Fraction, Picture]]:
        """Time stamps in seconds and pictures of the frames from time stamp `begin` on, in ticks.

        `back_seconds` says how much before it to look for the key frame, one try after the other. After it
        `frames` cannot be read.
        """
        stream = self.container.streams.video[0]
        for back in back_seconds:
            self.container.seek(begin - round(back / stream.time_base), stream=stream)
            self._stored = self.container.decode(stream)
            first = next(self._decoded(), None)
            if first is not None and first[1] is not None and first[1] <= begin * stream.time_base:
                break
        for stored, stamp in itertools.chain([first] if first else [], self._decoded()):
            if stamp is not None and stamp >= begin * stream.time_base:
                yield stamp, self._upright(stored)

    def _decoded(self) -> Iterator[tuple[Any, Fraction | None]]:
        stream = self.container.streams.video[0]
        try:
            for frame in self._stored:
                yield frame, _stamp_of(frame, stream)
        except (FFmpegError, EOFError):
            self._flags.add("truncated")

    def _upright(self, frame: Any) -> Picture:
        if frame.width * frame.height > MAX_PIXELS:
            raise ImageError(f"has frames of {frame.width} x {frame.height}", f"the limit is {MAX_PIXELS} pixels")
        width, height = (self.height, self.width) if self.quarter_turns % 2 else (self.width, self.height)
        if (round(frame.width * self.sample_aspect), frame.height) != (width, height):
            self._flags.add("resized")
        if (frame.width, frame.height) != (width, height):
            frame = frame.reformat(width=width, height=height, format="rgb24", interpolation="BICUBIC")
        return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), self.quarter_turns))

    def _lacks_its_end(self) -> bool:
        stream = self.container.streams.video[0]
        if not stream.duration or not stream.time_base:
            return False
        missing = float(stream.duration * stream.time_base) - self.times.duration
        return missing > max(LEAST_MISSING, 2 * self.times.step)


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[VideoReader]:
    """Opens a video and decodes as much as says how its frames lie.

    Raises:
        DamagedImageError: it is no video, or holds no frame that can be decoded.
        ImageError: it cannot be read, or its frames are mirrored, turned by no quarter, or too large.
    """
    size_of_file(path)
    with telling_of_file(path), path.open("rb"):  # av tells less of what is wrong
        pass
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except (FFmpegError, OSError, ValueError):
        raise DamagedImageError("is no video that can be read", "see whether a player shows it; copy it anew") from None
    with container:
        if not container.streams.video:
            raise DamagedImageError("holds no pictures, only sound", "take it out of images/")
        yield _reader(path, container)


def _reader(path: Path, container: Any) -> VideoReader:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    stored = container.decode(stream)
    first = _first_frame(stored, stream)
    turns = _quarter_turns(first)
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    if not Fraction(1, 20) < aspect < 20:
        aspect = Fraction(1)
    width, height = round(first.width * aspect), first.height
    if turns % 2:
        width, height = height, width
    if width * height > MAX_PIXELS:
        raise ImageError(f"has frames of {width} x {height}", f"the limit is {MAX_PIXELS} pixels")
    rate = stream.average_rate or stream.guessed_rate
    times = FrameTimes(float(1 / rate)) if rate and 0 < rate <= MAX_RATE else FrameTimes()
    begin, frames = _stamp_of(first, stream) or Fraction(0), itertools.chain([first], stored)
    return VideoReader(path, container, width, height, stream.frames or 0, aspect, turns, times, begin, frames)


def _stamp_of(frame: Any, stream: Any) -> Fraction | None:
    """When a frame is shown, in seconds."""
    base = frame.time_base or stream.time_base
    return None if frame.pts is None or base is None else Fraction(frame.pts * base)


def _first_frame(stored: Iterator[Any], stream: Any) -> Any:
    """The first frame that can be decoded. Raises DamagedImageError where there is none."""
    with contextlib.suppress(FFmpegError, EOFError, StopIteration):
        return next(stored)
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    raise DamagedImageError(f"holds no frame that can be decoded (codec {codec})", "save it anew as H.264: ffmpeg -i")


def _quarter_turns(frame: Any) -> int:
    """How often the stored frame has to be turned counter-clockwise by a quarter. Raises ImageError."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d, *_ = struct.unpack("<9i", bytes(data)[:36])
            if a * d - b * c < 0:
                raise ImageError("has frames that are to be mirrored", "turn them for good: ffmpeg -i OLD NEW.mp4")
    turns = round(frame.rotation / 90)
    if abs(frame.rotation - 90 * turns) > 1:
        reason = f"has frames that are to be turned by {frame.rotation} degrees"
        raise ImageError(reason, "turn them for good: ffmpeg -i OLD NEW.mp4")
    return int(turns) % 4


def _are_equal(one: Picture, other: Picture) -> bool:
    if one.shape != other.shape or not np.array_equal(one[::SAMPLED_ROWS], other[::SAMPLED_ROWS]):
        return False
    return bool(np.array_equal(one, other))
