"""Which decoders see a user's file, and what is refused before one does: Pillow's own limits are the process's."""

from __future__ import annotations

import contextlib
import io
import re
import struct
from typing import BinaryIO

from pi_heif.as_plugin import HeifImageFile  # type: ignore[import-untyped, import-not-found, unused-ignore]
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from pose_contract.errors import ImageError
from stage_kit.pictures.limits import MAX_PIXELS

# Only these decoders ever see a user's file; importing them is what makes Pillow know them.
_PILLOWS = (
    JpegImagePlugin.JpegImageFile,
    PngImagePlugin.PngImageFile,
    WebPImagePlugin.WebPImageFile,
    BmpImagePlugin.BmpImageFile,
    TiffImagePlugin.TiffImageFile,
    GifImagePlugin.GifImageFile,
    AvifImagePlugin.AvifImageFile,
)
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})

# A progressive JPEG is gone over once per scan. Encoders make ten or so; a hostile file of 300 KB makes thousands.
MAX_SCANS = 64
MAX_SCANNED_PIXELS = 2_500_000_000  # scans x pixels: the largest picture in twelve scans; ten seconds
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
# In a scan's data FF is followed by 0, a restart marker or FF; anything else ends the scan.
_NEXT_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")


def open_picture(data: bytes) -> Image.Image:
    """The picture with its header read, by what the bytes hold.

    Raises:
        UnidentifiedImageError: no decoder knows the bytes.
        ImageError: a JPEG of too many scans.
    """
    opened = open_file(io.BytesIO(data))
    if isinstance(opened, JpegImagePlugin.JpegImageFile):
        _require_few_scans(data, opened)
    return opened


def open_file(file: BinaryIO) -> Image.Image:
    """The picture in a file, to look at its header.

    Raises:
        UnidentifiedImageError: no decoder knows it.
        SyntaxError: it says what it is, and is damaged.
    """
    head = file.read(32)
    file.seek(0)
    if head[4:8] == b"ftyp":
        return _open_boxed(file, head)
    for plugin in _PILLOWS:
        accepts = Image.OPEN[plugin.format][1]
        if accepts is None or accepts(head[:16]) is True:
            with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):  # not of this kind after all
                return plugin(file)
            file.seek(0)
    raise UnidentifiedImageError


def _open_boxed(file: BinaryIO, head: bytes) -> Image.Image:
    """HEIC or AVIF, by their brands (ISO/IEC 14496-12, 4.3): other files in boxes are videos."""
    brand, others = head[8:12], head[16:]
    # The general brand mif1 stands before heic or avif; Pillow would take every such file for AVIF.
    if brand in _AVIF_BRANDS or (brand in _HEIF_BRANDS and b"avif" in others):
        return AvifImagePlugin.AvifImageFile(file)
    if brand in _HEIF_BRANDS:
        heif: Image.Image = HeifImageFile(file)
        return heif
    raise UnidentifiedImageError


def _require_few_scans(data: bytes, opened: Image.Image) -> None:
    pixels = opened.width * opened.height
    if pixels > MAX_PIXELS:
        return  # it is refused for that, whatever its scans
    scans = count_scans(data)
    if scans > MAX_SCANS or scans * pixels > MAX_SCANNED_PIXELS:
        reason = f"is a JPEG of {scans} scans at {opened.width} x {opened.height}, which would take too long"
        raise ImageError(reason, "open it in a photo program and save it anew")


def count_scans(data: bytes) -> int:
    """How often a decoder goes over the first picture in a JPEG; counted from the markers alone (ITU-T T.81, B.1)."""
    scans, at = 0, 2
    while (found := _NEXT_MARKER.search(data, at)) is not None:
        marker, at = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            break
        scans += marker == _START_OF_SCAN
        if marker not in _WITHOUT_LENGTH:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return scans
