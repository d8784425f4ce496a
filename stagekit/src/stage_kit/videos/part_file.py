"""The lines of a video's record while a run goes on: a killed run goes on after the last whole one."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Generic

from pydantic import ValidationError

from pose_contract.errors import ImageError
from pose_contract.records import MadeBy, Record, Sha256
from pose_contract.storage import write_chunks, write_error
from pose_contract.video_records import VideoHeader
from stage_kit.videos.record_files import MAX_LINE_BYTES, FrameT, line_of

SUFFIX = ".part"
BLOCK = 1 << 20


class PartKey(Record):
    """The first line of a part file: lines that were made of another video, or in another way, are thrown away."""

    image_sha256: Sha256
    made_by: MadeBy


class PartFile(Generic[FrameT]):
    """The lines of one video so far. `known` of them are there already when the run begins.

    Use as a context manager. The file stays where it is when the run ends early.
    """

    def __init__(self, record: Path, key: PartKey, kind: type[FrameT]) -> None:
        self._record = record
        self._path = part_path(record)
        self._key = line_of(key)
        self._kind = kind
        self._file: BinaryIO | None = None
        self.known = 0

    def __enter__(self) -> PartFile[FrameT]:
        """Cuts off a torn line. Raises WorkspaceError, or ImageError for a name that cannot be written."""
        with self._writing():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            self._file = os.fdopen(os.open(self._path, flags, 0o644), "r+b")
            size, self.known = self._whole()
            self._file.truncate(size)
            self._file.seek(size)
            if not size:
                self._file.write(self._key)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        with contextlib.suppress(OSError):  # a full disk: what could be written is whole up to the last line
            self._file.close()

    def _whole(self) -> tuple[int, int]:
        """Bytes and number of the lines that are sound."""
        assert self._file is not None
        if self._file.readline(MAX_LINE_BYTES) != self._key:
            return 0, 0
        size, count = len(self._key), 0
        while (line := self._file.readline(MAX_LINE_BYTES)).endswith(b"\n"):
            try:
                if self._kind.model_validate_json(line).frame != count:
                    break
            except ValidationError:
                break
            size, count = size + len(line), count + 1
        return size, count

    def lines(self, first: int = 0) -> Iterator[FrameT]:
        """Those that were known at the beginning, from frame `first` on."""
        with self._path.open("rb") as file:
            file.readline(MAX_LINE_BYTES)
            for line in islice(iter(lambda: file.readline(MAX_LINE_BYTES), b""), first, self.known):
                yield self._kind.model_validate_json(line)

    def append(self, line: FrameT) -> None:
        """One more. Raises WorkspaceError where the disk is full."""
        assert self._file is not None
        with self._writing():
            self._file.write(line_of(line))

    def frames_sha256(self) -> str:
        """The hash of all lines so far, as the header has it."""
        digest = hashlib.sha256()
        for block in self._blocks():
            digest.update(block)
        return digest.hexdigest()

    def finish(self, header: VideoHeader) -> None:
        """Puts the header before the lines, and the record in its place. Raises WorkspaceError."""

        def chunks() -> Iterator[bytes]:
            yield line_of(header)
            yield from self._blocks()

        write_chunks(self._record, chunks())
        self._path.unlink(missing_ok=True)

    def _blocks(self) -> Iterator[bytes]:
        assert self._file is not None
        with self._writing():
            self._file.flush()
        with self._path.open("rb") as file:
            file.readline(MAX_LINE_BYTES)
            while block := file.read(BLOCK):
                yield block

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise write_error(self._path, error) from error


def part_path(record: Path) -> Path:
    """Beside the record. Raises ImageError where the name would be too long."""
    name = record.name + SUFFIX
    if len(os.fsencode(name)) > 255:
        raise ImageError("has a name too long for its record", "rename the video: shorter")
    return record.with_name(name)
