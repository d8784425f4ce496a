"""Records as they are found on disk: whose work each is, and what is wrong with one that cannot be read.

A stage seals what it writes (docs/adr/0013): a record whose seal does not fit its bytes has been edited by hand.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import ValidationError

from pose_contract.errors import ImageError
from pose_contract.names import is_image_name, stem_of
from pose_contract.records import FIRST_RELEASE, ImageAnnot, ImagePoses
from pose_contract.storage import MAX_RECORD_BYTES, record_bytes
from pose_contract.workspace import Workspace
from stage_kit.runs.record_mistakes import mistake_in

SealedRecord = TypeVar("SealedRecord", ImageAnnot, ImagePoses)

UNSEALED = "0" * 64
SEAL = re.compile(rb'"seal"\s*:\s*"([0-9a-f]{64})"')
OF_THE_FIRST_RELEASE = re.compile(rb'"version"\s*:\s*"' + re.escape(FIRST_RELEASE).encode() + b'"')


@dataclass(frozen=True)
class FoundRecord(Generic[SealedRecord]):
    """A record, its bytes, and whether they are a person's work: marked corrected, or not what a stage wrote."""

    file: str
    record: SealedRecord
    data: bytes
    edited: bool

    @property
    def note(self) -> str:
        """What the user is told of an edited record that does not say so itself."""
        marked = self.record.corrected or not self.edited
        return "" if marked else f"{self.file}: edited by hand: kept; delete it to have it made anew"


def sealed_bytes(record: ImageAnnot | ImagePoses) -> bytes:
    """A record as the stage that made it writes it; equal records give equal bytes."""
    data = record_bytes(record.model_copy(update={"seal": UNSEALED}))
    seal = SEAL.search(data)
    assert seal is not None, "it has just been written"
    return data[: seal.start(1)] + hashlib.sha256(data).hexdigest().encode() + data[seal.end(1) :]


def is_as_written(record: ImageAnnot | ImagePoses, data: bytes) -> bool:
    """Whether `data`, which holds `record`, is what a stage wrote, byte for byte.

    Earlier releases did not seal. Their records count as the stage's own as long as they are laid out as it lays them
    out; those of the first release always.
    """
    seal = SEAL.search(data)
    if seal is None:
        return OF_THE_FIRST_RELEASE.search(data) is not None or data == record_bytes(record)
    unsealed = data[: seal.start(1)] + UNSEALED.encode() + data[seal.end(1) :]
    return hashlib.sha256(unsealed).hexdigest().encode() == seal[1]


def found_record(workspace: Workspace, file: str, kind: type[SealedRecord]) -> FoundRecord[SealedRecord] | None:
    """Reads the record `file` of the workspace; None where there is none.

    Raises:
        ImageError: it cannot be read, or not be understood. It may be a person's work, so nobody replaces it.
    """
    data = record_bytes_at(workspace, file)
    if data is None:
        return None
    try:
        record = kind.model_validate_json(data)
    except ValidationError as error:
        what, remedy = mistake_in(error, data)
        raise ImageError(
            f"has a record with a mistake: {file}, {what}", f"{remedy}; or delete {file} to have it made anew"
        ) from None
    return FoundRecord(file, record, data, record.corrected or not is_as_written(record, data))


def record_bytes_at(workspace: Workspace, file: str) -> bytes | None:
    """The bytes of a record; None where there is no file. A folder in its place is found when it is written.

    Raises:
        ImageError: it cannot be read, is over 16 MB, or is no regular file.
    """
    path = workspace.path(file)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not keep us waiting
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if path.is_dir():
            return None
        raise ImageError(f"has a record that cannot be read: {error.strerror}", f"chmod u+r '{path}'") from None
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"has a record that is a pipe or a device: {file}", f"remove {file}")
        if status.st_size > MAX_RECORD_BYTES:
            reason = f"has a record of {status.st_size // 1_000_000} MB: {file}; the limit is 16 MB"
            raise ImageError(reason, f"make it smaller, or delete {file} to have it made anew")
        with open(handle, "rb", closefd=False) as opened:
            return opened.read(MAX_RECORD_BYTES + 1)
    finally:
        os.close(handle)


def picture_of(workspace: Workspace, stem: str) -> str:
    """The picture's name below images/ that the record `stem`.json belongs to, with its extension."""
    if is_image_name(stem) and stem_of(stem) == stem:
        return stem
    for suffix in (".jpg", ".JPG", ".Jpg"):
        if workspace.path(workspace.image_file(stem + suffix)).exists():
            return stem + suffix
    return f"{stem}.jpg"
