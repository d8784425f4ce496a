"""Only regular files are opened: a pipe would keep us waiting for ever, and a device would never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """A file descriptor of the file at `path`. Raises OSError, also for what is no regular file."""
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "it is a folder, a pipe or a device, not a file", str(path))


def read_regular(path: Path, most: int | None = None) -> bytes:
    """The bytes of the file at `path`, its first `most` ones if that is given. Raises what `open_regular` raises."""
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read(-1 if most is None else most)


def read_text(path: Path, most: int) -> str:
    """The UTF-8 text of a settings file.

    Raises:
        OSError: what `open_regular` raises, or over `most` bytes.
        UnicodeDecodeError: no UTF-8.
    """
    data = read_regular(path, most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes, the limit", str(path))
    return data.decode("utf-8-sig")
