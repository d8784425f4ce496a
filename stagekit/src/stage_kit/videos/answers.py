"""A network's answers about a video's frames, kept on disk until the video's own run takes them.

An answer is found by what the network was asked: the bytes of its input. So an answer is never taken for another one's,
wherever a segment has begun and however its frames were decoded; what is not found is asked again. A file of answers
says of which video and by which network they are; one of another is passed over.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pose_contract.names import TEMPORARY_PREFIX
from pose_contract.storage import write_chunks
from pose_contract.workspace import Workspace
from stage_kit.regular_files import open_regular
from stage_kit.runs.removal import remove_outputs
from stage_kit.videos.part_file import PartKey
from stage_kit.videos.record_files import MAX_LINE_BYTES, line_of

FOLDER = ".answers"
SUFFIX = ".answers"
DIGEST_BYTES = 16
MOST_ANSWERS = 1 << 28
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class AnswerBytes(Generic[Answer]):
    """How a stage writes an answer, and reads it: all that `lines` asks of it, and no more.

    `read` raises ValueError for bytes that are none.
    """

    written: Callable[[Answer], bytes]
    read: Callable[[bytes], Answer]


def finite_floats(data: bytes) -> NDArray[np.float32]:
    """The numbers that stand in little-endian float32. Raises ValueError where they are none."""
    numbers = np.frombuffer(data, "<f4").astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError("NaN or infinity")
    return numbers


def digest_of(row: NDArray[Any]) -> bytes:
    """Names one row of a network's input."""
    digest = hashlib.sha256(repr(row.shape).encode())
    digest.update(np.ascontiguousarray(row).data)
    return digest.digest()[:DIGEST_BYTES]


def answers_folder(workspace: Workspace, stage: str, name: str = "") -> Path:
    """Where the answers about one video lie; without a name, about all of a stage's."""
    return workspace.path(f"{workspace.reports}/{FOLDER}/{stage}") / name


def write_answers(path: Path, key: PartKey, answers: Mapping[bytes, bytes]) -> None:
    """Writes the file of a segment, whole or not at all; answers by digest. Raises WorkspaceError.

    It holds the key's line, how many answers there are, their digests in order, where each ends, and the answers.
    """
    digests = sorted(answers)
    ends = np.cumsum([len(answers[digest]) for digest in digests], dtype="<u8")
    head = (line_of(key), np.array([len(digests)], "<u8").tobytes(), b"".join(digests), ends.tobytes())
    write_chunks(path, (*head, *(answers[digest] for digest in digests)))


@dataclass
class _File:
    """An open file of answers: by digests' first halves, in order, where the answers begin and end in it."""

    handle: int
    digests: NDArray[np.bytes_]
    halves: NDArray[np.uint64]
    ends: NDArray[np.int64]

    def found(self, digest: bytes) -> bytes | None:
        half = np.uint64(int.from_bytes(digest[:8], "big"))
        for index in range(int(np.searchsorted(self.halves, half)), len(self.halves)):
            if self.halves[index] != half:
                return None
            if self.digests[index].tobytes() == digest:
                begin, end = int(self.ends[index]), int(self.ends[index + 1])
                return os.pread(self.handle, end - begin, begin)
        return None


@dataclass
class KeptAnswers:
    """What is known of a video's frames; use as a context manager, from any thread. Memory: 32 bytes an answer."""

    folder: Path
    key: PartKey
    _files: list[_File] = field(default_factory=list)

    def __enter__(self) -> KeptAnswers:
        """Opens what fits the key."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")) if self.folder.is_dir() else ():
            if (opened := _opened(path, self.key)) is not None:
                self._files.append(opened)
        return self

    def __exit__(self, *_: object) -> None:
        while self._files:
            os.close(self._files.pop().handle)

    def __len__(self) -> int:
        """How many answers there are."""
        return sum(len(file.halves) for file in self._files)

    def about(self, row: NDArray[Any]) -> bytes | None:
        """The answer about one row of the network's input, if it is known."""
        if not self._files:
            return None
        digest = digest_of(row)
        return next((found for file in self._files if (found := file.found(digest)) is not None), None)


def are_kept(path: Path, key: PartKey) -> bool:
    """Whether a segment's file is there, whole, and fits the key."""
    opened = _opened(path, key)
    if opened is not None:
        os.close(opened.handle)
    return opened is not None


def _opened(path: Path, key: PartKey) -> _File | None:
    with contextlib.suppress(OSError):
        handle = open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)
        with contextlib.suppress(OSError, ValueError):
            return _read(handle, line_of(key))
        os.close(handle)
    return None


def _read(handle: int, key: bytes) -> _File:
    """Raises ValueError where it is torn, or has another key."""
    with os.fdopen(os.dup(handle), "rb") as file:
        if file.readline(MAX_LINE_BYTES) != key:
            raise ValueError("of another video, or made in another way")
        (count,) = np.frombuffer(file.read(8), "<u8")
        if count > MOST_ANSWERS:
            raise ValueError("no file of answers")
        digests = np.frombuffer(file.read(int(count) * DIGEST_BYTES), f"V{DIGEST_BYTES}")
        ends = np.frombuffer(file.read(int(count) * 8), "<u8").astype(np.int64)
        places = np.concatenate([[0], ends]) + file.tell()
        if len(digests) != count or len(ends) != count or places[-1] != os.fstat(handle).st_size:
            raise ValueError("torn")
    halves = np.frombuffer(digests.tobytes(), ">u8")[::2].astype(np.uint64)
    return _File(handle, digests, halves, places)


def remove_answers(workspace: Workspace, stage: str, name: str = "") -> None:
    """Removes the answers about one video; without a name, about all of a stage's. Raises WorkspaceError."""
    folder = answers_folder(workspace, stage, name)
    if folder.is_dir() and not folder.is_symlink():
        files = (path for name in (f"*{SUFFIX}", f"{TEMPORARY_PREFIX}*") for path in folder.rglob(name))
        remove_outputs(sorted(files), workspace.path(workspace.reports))
