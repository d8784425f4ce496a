"""Reading and writing the records: validated on the way in, atomic on the way out."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import ValidationError

from pose_contract.errors import ImageError, WorkspaceError
from pose_contract.names import TEMPORARY_PREFIX
from pose_contract.records import ImageAnnot, ImagePoses, Record, RunReport

AnyRecord = TypeVar("AnyRecord", bound=Record)

FOLDER_TRIES = 100
MAX_RECORD_BYTES = 16_000_000
"""A record of 10,000 people is not that large; what is larger is not read."""
NAME_IS_TO_BLAME = {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EILSEQ, errno.EINVAL}


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file from its bytes. Raises what `write_chunks` raises."""
    write_chunks(path, [data])


def write_chunks(path: Path, chunks: Iterable[bytes | str]) -> None:
    """Writes a file so that it is there whole or not at all. Raises what `opened_anew` raises."""
    with opened_anew(path) as file:
        for chunk in chunks:
            file.write(chunk if isinstance(chunk, bytes) else chunk.encode())


@contextlib.contextmanager
def opened_anew(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes its name when the block ends, by fsync and rename; if it fails, the old one stays.

    Its temporary name beside it is this process's own, as several on several machines may work on one workspace. It is
    short: a file name of 255 bytes leaves no room for a suffix.

    Raises:
        WorkspaceError: no permission, read-only, disk full.
        ImageError: the name itself cannot be written here (too long, in the way of a folder).
    """
    temporary = path.with_name(TEMPORARY_PREFIX + own_name(path.name))
    try:
        with _opened(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise write_error(path, error) from error
        raise


def own_name(name: str) -> str:
    """A short name for the file of that name, which no other thread, process or machine gives at the same time."""
    owner = f"{socket.gethostname()} {os.getpid()} {threading.get_ident()} "
    return hashlib.sha256(owner.encode() + os.fsencode(name)).hexdigest()[:16]


def _opened(path: Path) -> BinaryIO:
    """Opens a file to write, whose folder may have to be made first: seldom, so it is not looked for every time.

    Another worker may remove the folder, while it is still empty, between its making and the opening.
    """
    for _ in range(FOLDER_TRIES):
        try:
            return path.open("xb")  # never through a link that somebody has put there
        except FileExistsError:  # of a process of this number that was killed; of a folder it fails
            path.unlink(missing_ok=True)
        except FileNotFoundError:
            with contextlib.suppress(FileNotFoundError):
                path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def write_error(path: Path, error: OSError) -> WorkspaceError | ImageError:
    """What a failed write means to the user: the workspace is at fault, or just this file's name."""
    if error.errno in NAME_IS_TO_BLAME or isinstance(error, FileExistsError):
        return ImageError(f"cannot write {path}: {error.strerror}", "rename the picture: shorter, or another name")
    remedy = f"make it yours: sudo chown -R \"$(id -u):$(id -g)\" '{path.parent}'; chmod -R u+rwX '{path.parent}'"
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        remedy = "free some disk space, then run again: it goes on where it stopped"
    elif error.errno == errno.EROFS:
        remedy = "it is mounted read-only: mount it without `ro`, or work on a copy of the workspace"
    return WorkspaceError(f"cannot write {path}: {error.strerror}", remedy)


def write_record(path: Path, record: Record) -> None:
    """Writes one record as JSON; equal records give equal bytes. Raises what `write_bytes` raises."""
    write_bytes(path, record_bytes(record))


def record_bytes(record: Record) -> bytes:
    """A record as it stands on disk. `annot_sha256` is left out where a stage has no annot to depend on."""
    return (record.model_dump_json(indent=1, exclude_none=True) + "\n").encode()


def read_record(path: Path, kind: type[AnyRecord]) -> AnyRecord | None:
    """Reads one record; None where it is missing, damaged, no file of at most 16 MB, or of another schema version."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_RECORD_BYTES:  # a pipe would keep us waiting for ever
            return None
        return parse_record(path.read_bytes(), kind)
    except OSError:
        return None


def parse_record(data: bytes, kind: type[AnyRecord]) -> AnyRecord | None:
    """A record from its bytes; None where they are damaged or of another schema version."""
    try:
        return kind.model_validate_json(data)
    except ValidationError:
        return None


def read_annot(path: Path) -> ImageAnnot | None:
    """One image's people, or None."""
    return read_record(path, ImageAnnot)


def read_poses(path: Path) -> ImagePoses | None:
    """One image's poses, or None."""
    return read_record(path, ImagePoses)


def read_report(path: Path) -> RunReport | None:
    """The report of a stage's last run, or None."""
    return read_record(path, RunReport)


def remove_file(path: Path) -> None:
    """Removes a file if it is there. Raises WorkspaceError where that is not allowed."""
    try:
        path.unlink(missing_ok=True)
    except (IsADirectoryError, NotADirectoryError):
        return
    except OSError as error:
        raise write_error(path, error) from error


def record_paths(folder: Path) -> Iterator[Path]:
    """All record files below a folder, in sorted order; of each folder in turn the names are held, no more."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 - paths of all would take ten times as much memory
            if (path := folder / name).is_dir():
                yield from () if path.is_symlink() else record_paths(path)
            elif name.endswith(".json") and not name.startswith("."):
                yield path
