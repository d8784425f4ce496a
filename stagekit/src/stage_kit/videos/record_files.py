"""The records of videos as files: read frame by frame, however long they are."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from pydantic import ValidationError

from pose_contract.errors import ImageError
from pose_contract.records import Record
from pose_contract.video_records import Frame, VideoHeader
from stage_kit.regular_files import open_regular

MAX_LINE_BYTES = 4_000_000  # a frame of a thousand people is not that large
RecordT = TypeVar("RecordT", bound=Record)
HeaderT = TypeVar("HeaderT", bound=VideoHeader)
FrameT = TypeVar("FrameT", bound=Frame)


class VideoRecord(Generic[HeaderT, FrameT]):
    """A video's record on disk: its header, and its frames one after the other, however many there are."""

    def __init__(self, path: Path, header: type[HeaderT], frame: type[FrameT]) -> None:
        """Reads the header. Raises ImageError where the file is none of that kind."""
        self.path = path
        self._kind = frame
        with _opened(path) as file:
            self.header = _parsed(path, 1, file.readline(MAX_LINE_BYTES), header)

    def frames(self) -> Iterator[FrameT]:
        """See `frame_lines`."""
        return frame_lines(self.path, self._kind)

    def is_as_written(self) -> bool:
        """Whether the frames are those that the stage wrote."""
        return self.frames_sha256() == self.header.frames_sha256

    def frames_sha256(self) -> str:
        """The hash of all lines after the header."""
        digest = hashlib.sha256()
        with _opened(self.path) as file:
            file.readline(MAX_LINE_BYTES)
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()


def read_header(path: Path, kind: type[HeaderT]) -> HeaderT | None:
    """The header of a video's record; None where there is none that can be read."""
    if not path.exists():
        return None
    with contextlib.suppress(ImageError, OSError):
        record: VideoRecord[HeaderT, Frame] = VideoRecord(path, kind, Frame)
        return record.header
    return None


def frame_lines(path: Path, kind: type[FrameT]) -> Iterator[FrameT]:
    """Frame after frame of a video's record. Raises ImageError naming the line that is none."""
    with _opened(path) as file:
        file.readline(MAX_LINE_BYTES)
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 2):
            yield _parsed(path, number, line, kind)


def line_of(record: Record) -> bytes:
    """A record as one line of a video's file; a frame's line leaves out what is as usual."""
    return (record.model_dump_json(exclude_none=True, exclude_defaults=isinstance(record, Frame)) + "\n").encode()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        handle = open_regular(path)
    except OSError as error:
        raise ImageError(f"has a record that cannot be read: {path}: {error.strerror}", f"remove {path}") from None
    with os.fdopen(handle, "rb") as file:
        yield file


def _parsed(path: Path, number: int, line: bytes, kind: type[RecordT]) -> RecordT:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ImageError(
            f"has a record whose line {number} is none: {where}: {first['msg']}", f"delete {path} and run again"
        ) from None
