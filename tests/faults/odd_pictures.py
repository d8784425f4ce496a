"""Pictures that no camera makes: odd modes, huge declared sizes, other things under a picture's name."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NAMES = ("jpg", "JPEG", "png", "webp", "heic", "avif", "gif", "bmp", "tif")


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def _float_tiff(*odd: float) -> bytes:
    values = _noise(40, 60).astype(np.float32)
    values.flat[: len(odd)] = odd
    return saved(Image.fromarray(values), "TIFF")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk with its sum (PNG specification, 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _huge_png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG that says it is that large, with hardly any pixels in it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(3 * 100_000))
    parts = (png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", rows), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _patched(data: bytes, marker: bytes, offset: int, new: bytes) -> bytes:
    """The bytes with others written over them, `offset` behind the marker."""
    at = data.index(marker) + offset
    return data[:at] + new + data[at + len(new) :]


def _animated(kind: str) -> bytes:
    frames = [Image.fromarray(_noise(48, 64, 3) // (number + 1)) for number in range(12)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


SMALL = Image.fromarray(_noise(48, 64, 3))
JPEG = saved(SMALL, "JPEG")
GROWING = b"a\0\0" + zlib.compress(bytes(90_000_000))

ODD: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "a byte": lambda: b"\xff",
    "text": lambda: b"no picture at all\n" * 50,
    "a page": lambda: b"<!DOCTYPE html><html><body>404</body></html>",
    "an SVG": lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "a PDF": lambda: b"%PDF-1.7\n" + b"\x00" * 500,
    "an archive": lambda: b"PK\x03\x04" + b"\x00" * 500,
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%stdout) (w) file\n",
    "noise": lambda: _noise(5000).tobytes(),
    "zeros": lambda: bytes(5000),
    "a JPEG's start": lambda: JPEG[:300],
    "a JPEG without its end": lambda: JPEG[:-40],
    "two JPEGs": lambda: JPEG + JPEG,
    "16 bits": lambda: saved(Image.fromarray(_noise(48, 64).astype(np.uint16) * 257), "PNG"),
    "CMYK": lambda: saved(SMALL.convert("CMYK"), "JPEG"),
    "a palette": lambda: saved(SMALL.convert("P"), "PNG", transparency=3),
    "one bit": lambda: saved(SMALL.convert("1"), "PNG"),
    "transparent": lambda: saved(SMALL.convert("RGBA"), "PNG"),
    "grey and alpha": lambda: saved(SMALL.convert("LA"), "PNG"),
    "Lab": lambda: saved(SMALL.convert("LAB"), "TIFF"),
    "YCbCr": lambda: saved(SMALL.convert("YCbCr"), "TIFF"),
    "32 bits": lambda: saved(Image.fromarray(_noise(40, 60).astype(np.int32) << 20), "TIFF"),
    "floats": lambda: _float_tiff(),
    "infinite floats": lambda: _float_tiff(float("inf"), float("-inf"), float("nan")),
    "huge floats": lambda: _float_tiff(3e38, -3e38),
    "no numbers": lambda: _float_tiff(*[float("nan")] * 2400),
    "a GIF that moves": lambda: _animated("GIF"),
    "a PNG that moves": lambda: _animated("PNG"),
    "a WebP that moves": lambda: _animated("WEBP"),
    "pages": lambda: _animated("TIFF"),
    "one pixel": lambda: saved(SMALL.resize((1, 1)), "PNG"),
    "a column": lambda: saved(SMALL.resize((1, 5000)), "PNG"),
    "a row": lambda: saved(SMALL.resize((9000, 2)), "PNG"),
    "a PNG of 4 gigapixels": lambda: _huge_png(65_000, 65_000),
    "a PNG of 2^31": lambda: _huge_png(0x7FFFFFFF, 0x7FFFFFFF),
    "a PNG of no width": lambda: _huge_png(0, 9),
    "a PNG just under the limit": lambda: _huge_png(14_000, 14_000),
    "a PNG whose text grows": lambda: _huge_png(9, 9, png_chunk(b"zTXt", GROWING)),
    "a PNG whose profile grows": lambda: _huge_png(9, 9, png_chunk(b"iCCP", GROWING)),
    "a JPEG of 65,500": lambda: _patched(JPEG, b"\xff\xc0", 5, b"\xff\xdc\xff\xdc"),
    "a JPEG of 14,000": lambda: _patched(JPEG, b"\xff\xc0", 5, struct.pack(">HH", 14_000, 14_000)),
    "a JPEG of no height": lambda: _patched(JPEG, b"\xff\xc0", 5, b"\0\0"),
    "a BMP of 2^31": lambda: _patched(saved(SMALL, "BMP"), b"BM", 18, b"\xff\xff\xff\x7f\xff\xff\xff\x7f"),
    "a GIF of 65,535": lambda: _patched(saved(SMALL, "GIF"), b"GIF8", 6, b"\xff\xff\xff\xff"),
    "a whole picture of 100 megapixels": lambda: saved(Image.new("L", (10_000, 10_000), 90), "PNG"),
}  # fmt: skip


def wrong_name(number: int, rng: random.Random) -> str:
    """A picture's name; what it holds is mostly something else."""
    return f"q{number:03}.{rng.choice(NAMES)}"
