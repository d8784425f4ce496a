"""The records of videos as files: read frame by frame, however long they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from pose_contract.errors import ImageError
from pose_contract.records import Record
from pose_contract.video_records import Frame, VideoHeader

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
        with path.open("rb") as file:
            self.header = _parsed(path, 1, file.readline(MAX_LINE_BYTES), header)

    def frames(self) -> Iterator[FrameT]:
        """Frame after frame. Raises ImageError naming the line that is none."""
        with self.path.open("rb") as file:
            file.readline(MAX_LINE_BYTES)
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 2):
                yield _parsed(self.path, number, line, self._kind)

    def is_as_written(self) -> bool:
        """Whether the frames are those that the stage wrote."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            file.readline(MAX_LINE_BYTES)
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest() == self.header.frames_sha256


def line_of(record: Record) -> bytes:
    """A record as one line of a video's file."""
    return (record.model_dump_json(exclude_none=True, exclude_defaults=True) + "\n").encode()


def _parsed(path: Path, number: int, line: bytes, kind: type[RecordT]) -> RecordT:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ImageError(
            f"has a record whose line {number} is none: {where}: {first['msg']}", f"delete {path} and run again"
        ) from None
