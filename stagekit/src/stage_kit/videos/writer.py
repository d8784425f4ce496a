"""Writing a movie that plays in browsers: H.264, the source's time stamps, and its sound."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError

from pose_contract.names import TEMPORARY_PREFIX
from pose_contract.storage import own_name, write_error
from stage_kit.pictures.images import Picture

TIME_BASE = Fraction(1, 90_000)  # finer than any camera's
QUALITY = 20  # x264's crf
PRESET = "superfast"
_BT601, _LIMITED = 6, 1  # FFmpeg's AVCOL_SPC_SMPTE170M and AVCOL_RANGE_MPEG
THREADS = 2  # as many everywhere: x264 gives other bytes with another number


class MovieWriter:
    """A movie that is being written; `write_movie` makes it, and puts it in its place when it is whole."""

    def __init__(self, container: Any, width: int, height: int, rate: float, source: Path | None) -> None:
        self._container = container
        self._sound = _Sound(container, source) if source is not None else None
        stream = container.add_stream("libx264", rate=Fraction(rate or 30).limit_denominator(1001))
        stream.width, stream.height = width + width % 2, height + height % 2  # yuv420p has no odd sizes
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        stream.codec_context.thread_count = THREADS
        # Unsaid, a player takes a large picture for BT.709, and its colours come out shifted.
        stream.codec_context.colorspace, stream.codec_context.color_range = _BT601, _LIMITED
        stream.options = {"crf": str(QUALITY), "preset": PRESET}
        self._stream = stream

    def add(self, picture: Picture, t_seconds: float) -> None:
        """The next frame, RGB uint8 [H, W, 3]; a side that is odd gets its last line twice."""
        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        # A quarter of the time that FFmpeg's own conversion takes, by the same rule (BT.601).
        planes = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2YUV_I420).astype(np.uint8, copy=False)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = round(t_seconds / TIME_BASE)
        frame.time_base = TIME_BASE
        self._mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Writes what the encoder still holds, and the sound."""
        self._mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.copy_up_to(None)

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            if self._sound is not None and packet.dts is not None:
                self._sound.copy_up_to(float(packet.dts * packet.time_base))
            self._container.mux(packet)


class _Sound:
    """The first sound track of the source, copied packet by packet beside the pictures, if an MP4 can hold it."""

    def __init__(self, container: Any, source: Path) -> None:
        self._container = container
        self._packets: Iterator[Any] = iter(())
        self._waiting: Any = None
        self._stream: Any = None
        with contextlib.suppress(FFmpegError, ValueError, OSError):
            opened = av.open(str(source), metadata_errors="ignore")
            stream = next(iter(opened.streams.audio), None)
            if stream is not None and stream.codec_context.name in container.supported_codecs:
                self._first = _start_of(opened)
                self._stream = container.add_stream_from_template(stream)
                self._packets = self._of(opened, stream)

    def _of(self, opened: Any, stream: Any) -> Iterator[Any]:
        with opened, contextlib.suppress(FFmpegError):
            for packet in opened.demux(stream):
                if packet.dts is not None:
                    yield packet

    def copy_up_to(self, t_seconds: float | None) -> None:
        """Copies the packets until that time; None: all that are left."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            self._waiting = None
            moment = float(packet.dts * packet.time_base) - self._first
            if t_seconds is not None and moment > t_seconds:
                self._waiting = packet
                return
            shift = round(self._first / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._stream
            self._container.mux(packet)


def _start_of(opened: Any) -> float:
    """When the first frame is shown, which becomes the movie's time 0."""
    video = opened.streams.video[0]
    return float((video.start_time or 0) * video.time_base)


@contextlib.contextmanager
def write_movie(
    path: Path, size_wh: tuple[int, int], rate: float, sound_of: Path | None = None, comment: str = ""
) -> Iterator[MovieWriter]:
    """A movie that is at `path`, whole, when the block ends without an error; else nothing is there.

    Args:
        path: ends in .mp4.
        size_wh: of the frames; one pixel is added to an odd side.
        rate: of the source in frames per second, for players that ask; the time stamps decide.
        sound_of: the video whose first sound track is copied.
        comment: stands in the file's metadata; `movie_comment` reads it.

    Raises:
        WorkspaceError: not writable, or the disk is full.
    """
    temporary = path.with_name(TEMPORARY_PREFIX + own_name(path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(temporary), "w", format="mp4", options={"movflags": "faststart"}) as container:
            container.metadata["comment"] = comment
            writer = MovieWriter(container, *size_wh, rate, sound_of)
            yield writer
            writer.finish()
        temporary.replace(path)
    except (FFmpegError, OSError) as error:
        _forget(temporary)
        raise write_error(path, OSError(error.errno, error.strerror)) from error
    except BaseException:
        _forget(temporary)
        raise


def movie_comment(path: Path) -> str:
    """What `write_movie` was told of the movie; empty where there is none, or it is none of ours."""
    try:
        if not path.is_file():
            return ""
        with av.open(str(path), metadata_errors="ignore") as container:
            return str(container.metadata.get("comment", ""))
    except (FFmpegError, OSError, ValueError):
        return ""


def _forget(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink()
