"""A long video in segments that begin at key frames, so that several processes can ask a network about its frames."""

from __future__ import annotations

import contextlib
import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stage_kit.regular_files import open_regular
from stage_kit.videos.reader import VideoFrame, VideoReader

LONG = 1.5  # segments' lengths: a video that is not longer is left whole
BACK_SECONDS = (0.0, 2.0, 20.0)  # before a segment's beginning, where a container's index leads behind it
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Segment:
    """A part of a video.

    Attributes:
        name: such as `2of9`.
        begin: the time stamp of its first frame, a key frame, in ticks of the stream.
        first: that frame's number in the video.
        frames: how many it has.
    """

    name: str
    begin: int
    first: int
    frames: int


@dataclass(frozen=True)
class Stamps:
    """The time stamps of a video's frames and, of these, of its key frames, in ticks; both in the order of a file."""

    shown: Sequence[int]
    keys: Sequence[int]


def segments(stamps: Stamps, ticks: float) -> tuple[Segment, ...]:
    """The segments of a video, each of at least `ticks`; the last may have half as many, or it joins the one before.

    Nothing where there would be only one, or where numbers do not follow from time stamps: two frames have the same
    one, or some come before the first key frame. Pure.
    """
    shown, keys = sorted(stamps.shown), sorted(stamps.keys)
    if not keys or shown[0] < keys[0] or len(set(shown)) < len(shown):
        return ()
    begins = [keys[0]]
    for key in keys:
        if key - begins[-1] >= ticks and shown[-1] - key >= ticks / 2:
            begins.append(key)
    firsts = [*(bisect_left(shown, begin) for begin in begins), len(shown)]
    if len(begins) < 2:
        return ()
    return tuple(
        Segment(f"{index}of{len(begins)}", begin, first, end - first)
        for index, (begin, first, end) in enumerate(zip(begins, firsts, firsts[1:], strict=False), 1)
    )


def is_long(path: Path, seconds: float) -> bool:
    """Whether the container at `path` says that its video is much longer than so many seconds; reads no frames."""
    with _opened(path) as opened:
        return opened is not None and _is_long(*opened, seconds)


def read_segments(path: Path, seconds: float) -> tuple[Segment, ...]:
    """The segments of the video at `path`; nothing where it is short, or cannot be cut exactly.

    Reads all packets of a long one and decodes none.
    """
    with _opened(path) as opened, contextlib.suppress(FFmpegError, OSError, ValueError):
        if opened is not None and _is_long(*opened, seconds):
            found = _stamps(*opened)
            return segments(found, seconds / float(opened[1].time_base or 1)) if found else ()
    return ()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream] | None]:
    """None where it is no video."""
    container = None
    with contextlib.suppress(FFmpegError, OSError, ValueError):
        os.close(open_regular(path))  # a pipe would keep us waiting for ever
        container = av.open(str(path), metadata_errors="ignore")
    if container is None:
        yield None
        return
    with container:
        yield (container, container.streams.video[0]) if container.streams.video else None


def _is_long(opened: InputContainer, stream: VideoStream, seconds: float) -> bool:
    return bool(stream.time_base) and _duration(opened, stream) > LONG * seconds


def _duration(opened: InputContainer, stream: VideoStream) -> float:
    """In seconds, as the container says; 0 where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (opened.duration or 0) / MICROSECONDS


def _stamps(opened: InputContainer, stream: VideoStream) -> Stamps | None:
    """None where a frame has no time stamp."""
    shown, keys = [], []
    for packet in opened.demux(stream):
        if not packet.size or packet.is_discard:
            continue
        if packet.pts is None:
            return None
        shown.append(packet.pts)
        if packet.is_keyframe:
            keys.append(packet.pts)
    return Stamps(shown, keys)


def segment_frames(video: VideoReader, segment: Segment) -> Iterator[VideoFrame]:
    """The frames of a segment, numbered as in the whole video; of a damaged file those that come."""
    number = segment.first
    for stamp, picture in video.pictures_from(segment.begin, BACK_SECONDS):
        if number == segment.first + segment.frames:
            return
        yield VideoFrame(number, float(stamp - video.first_stamp), picture)
        number += 1
