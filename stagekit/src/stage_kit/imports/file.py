"""The file that a tool for annotation has exported: which tool's it is, and its photos with people."""

from __future__ import annotations

import zipfile
from pathlib import Path

from pose_contract.errors import ConfigError
from stage_kit.export.annotated import AnnotatedPhoto
from stage_kit.imports.cvat import photos_of_cvat
from stage_kit.imports.label_studio import photos_of_label_studio
from stage_kit.regular_files import open_regular

MAX_MB = 128
IN_ARCHIVE = "annotations.xml"
EXPECTED = "give CVAT's export (CVAT for images 1.1, .zip or .xml), or Label Studio's (JSON)"


def read_annotations(path: Path) -> tuple[AnnotatedPhoto, ...]:
    """The photos of CVAT's XML, of the archive that it comes in, or of Label Studio's JSON; told by the first bytes.

    Raises:
        ConfigError: no such file, over 128 MB, another format, or a mistake in it: with its line or its place.
    """
    try:
        data = _bytes_of(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:  # the last two: odd archives
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"{path} cannot be read: {reason}", EXPECTED) from None
    if len(data) > MAX_MB * 1_000_000:
        raise ConfigError(f"{path} holds more than {MAX_MB} MB, the limit", "export it in parts")
    start = data[:100].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return photos_of_cvat(data, str(path))
    if start.startswith((b"[", b"{")):
        return photos_of_label_studio(data, str(path))
    raise ConfigError(f"{path} is neither XML nor JSON", EXPECTED)


def _bytes_of(path: Path) -> bytes:
    most = MAX_MB * 1_000_000 + 1
    with open(open_regular(path), "rb") as file:  # noqa: PTH123 - a descriptor, which has been looked at
        if not file.peek(4).startswith(b"PK\x03\x04"):
            return file.read(most)
        with zipfile.ZipFile(file) as archive:
            if IN_ARCHIVE not in archive.namelist():
                raise zipfile.BadZipFile(f"the archive holds no {IN_ARCHIVE}")
            with archive.open(IN_ARCHIVE) as member:
                return member.read(most)
