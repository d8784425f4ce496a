"""The ONE pixel frame: pictures are read upright (EXIF applied once), as RGB, uint8, [height, width, 3]."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from pose_contract.errors import DamagedImageError, ImageError
from pose_contract.storage import write_bytes
from stage_kit.pictures.colours import rgb_of
from stage_kit.pictures.formats import open_picture
from stage_kit.pictures.limits import MAX_FILE_MB, MAX_PIXELS, MAX_SIDE
from stage_kit.regular_files import open_regular, read_regular

Picture = NDArray[np.uint8]

# What each EXIF orientation asks for. ImageOps.exif_transpose would also write the EXIF anew, which fails where any
# other tag is odd, and the picture would stay on its side.
TURNS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

ON_ITS_SIDE = [TURNS[orientation] for orientation in (5, 6, 7, 8)]
JPEG_SETTINGS = (
    cv2.IMWRITE_JPEG_QUALITY,
    95,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)
JFIF_HEADER = 20  # bytes: start of image and the APP0 segment; other segments follow

_BYTES_TO_DECODE_A_PIXEL = 10  # a progressive JPEG's coefficients and pixels


def read_image(path: Path, max_file_mb: int = MAX_FILE_MB) -> Picture:
    """Reads one picture.

    EXIF orientation is applied; grey, palette and CMYK become RGB, transparency is laid over white, 16-bit values are
    scaled to 8 bits, and of several frames the first is taken. What the file holds counts, not its extension.

    Returns:
        uint8 [height, width, 3], RGB.

    Raises:
        DamagedImageError: not a picture, truncated, damaged.
        ImageError: missing, unreadable, over `max_file_mb`, over 200 megapixels, or too large for the memory.
    """
    return decode_image(read_image_bytes(path, max_file_mb))


def read_image_bytes(path: Path, max_file_mb: int = MAX_FILE_MB) -> bytes:
    """The bytes of a picture file, of at most `max_file_mb` million bytes.

    Raises:
        ImageError: the file cannot be read, or is too large.
    """
    size = size_of_file(path)
    if size > max_file_mb * 1_000_000:
        reason = f"has {size / 1e6:.0f} MB, over the limit of {max_file_mb} MB"
        raise ImageError(reason, "save it as JPEG, or raise --max_file_mb")
    with telling_of_file(path), fitting_into_memory():
        return read_regular(path, max_file_mb * 1_000_000)  # whatever is being written to its end meanwhile


def size_of_file(path: Path) -> int:
    """Bytes of a picture's or a video's file. Raises ImageError where there is none, or none that can be read."""
    with telling_of_file(path):
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError("is a folder, not a picture", "rename the folder or move it out of images/")
        if not stat.S_ISREG(status.st_mode):  # a pipe would keep us waiting for ever, a device would never end
            raise ImageError("is a pipe, a socket or a device, not a picture", "take it out of images/")
        return status.st_size


@contextlib.contextmanager
def telling_of_file(path: Path) -> Iterator[None]:
    """Whatever keeps the file from being opened and read becomes an ImageError with what helps."""
    try:
        yield
    except FileNotFoundError:
        missing = "is a link to a file that is gone" if path.is_symlink() else "is gone"
        raise ImageError(missing, "put the picture back, or remove its name from images/") from None
    except PermissionError:
        raise ImageError("may not be read", f"chmod u+r '{path}'") from None
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}", "check the disk, then run again") from None


def decode_image(data: bytes) -> Picture:
    """`read_image` for bytes at hand."""
    if not data:
        raise DamagedImageError("is empty (0 bytes)", "copy the picture again")
    with _readable(), open_picture(data) as opened:
        return _picture(opened)


def upright_size(data: bytes) -> tuple[int, int]:
    """Width and height that `decode_image` would give, from the header alone. Raises ImageError."""
    with _readable(), open_picture(data) as opened:
        return (opened.height, opened.width) if _turn_of(opened) in ON_ITS_SIDE else opened.size


def upright_picture(opened: Image.Image) -> Picture:
    """`read_image` for a Pillow image, which may not have been decoded yet."""
    with _readable():
        return _picture(opened)


def _picture(opened: Image.Image) -> Picture:
    _require_size(opened)
    try:
        opened.load()
    except OSError:
        # Some decoders tell a lack of memory as damage. Whether there was one is tried: address space costs nothing.
        np.empty(opened.width * opened.height * _BYTES_TO_DECODE_A_PIXEL, np.uint8)
        raise
    _require_size(opened)  # a HEIC's size may be another once it is decoded
    return rgb_of(_upright(opened))


def _require_size(opened: Image.Image) -> None:
    if opened.width * opened.height > MAX_PIXELS:
        raise ImageError(
            f"is {opened.width} x {opened.height}, over the limit of {MAX_PIXELS // 1_000_000} megapixels",
            "shrink the picture first",
        )
    if max(opened.size) > MAX_SIDE:
        raise ImageError(
            f"is {opened.width} x {opened.height}; no side may be over {MAX_SIDE} pixels",
            "shrink the picture first, or cut it into parts",
        )


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Whatever Pillow raises of a picture is that picture's ImageError."""
    try:
        with fitting_into_memory():
            yield
    except UnidentifiedImageError:
        raise DamagedImageError("is not a picture, or of an unknown kind", "save it as JPEG or PNG") from None
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        if "memory" in str(error).lower():  # libtiff, libheif and libavif tell it in words of their own
            raise _too_large() from None
        told = " ".join(str(error).split())
        raise DamagedImageError(f"is damaged: {told}", "copy the picture again, or save it anew") from error


def _turn_of(picture: Image.Image) -> Image.Transpose | None:
    try:
        return TURNS.get(picture.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # damaged EXIF says nothing about orientation, and the pixels are fine
        return None


def _upright(picture: Image.Image) -> Image.Image:
    return picture if (turn := _turn_of(picture)) is None else picture.transpose(turn)


def encode_jpeg(picture: Picture, comment: str = "") -> bytes:
    """RGB uint8 [height, width, 3] -> JPEG, quality 95, 4:4:4; the same picture gives the same bytes.

    OpenCV gives the bytes that Pillow would, but lets other threads run on the way.
    """
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", bgr, JPEG_SETTINGS)[1].tobytes()
    return data[:JFIF_HEADER] + _comment_segment(comment) + data[JFIF_HEADER:]


def _comment_segment(comment: str) -> bytes:
    """A COM segment (ITU-T T.81, B.2.4.5): marker, length of the rest, text."""
    text = comment.encode()
    return b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text if text else b""


@contextlib.contextmanager
def fitting_into_memory() -> Iterator[None]:
    """Work on one picture, which may be too large for it.

    Raises:
        ImageError: the memory did not suffice; OpenCV says so by an exception of its own.
    """
    try:
        yield
    except (MemoryError, cv2.error) as error:
        if isinstance(error, cv2.error) and error.code != cv2.Error.StsNoMem:
            raise
        raise _too_large() from None


def _too_large() -> ImageError:
    return ImageError("does not fit into memory", "shrink the picture first")


def write_jpeg(path: Path, picture: Picture, comment: str = "") -> None:
    """Writes one picture atomically.

    Raises:
        WorkspaceError: the workspace cannot be written or the disk is full.
    """
    write_bytes(path, encode_jpeg(picture, comment))


def read_jpeg_comment(path: Path) -> str | None:
    """The comment in a JPEG's header without decoding it; None where there is none or no readable JPEG."""
    try:
        with os.fdopen(open_regular(path), "rb") as file, Image.open(file, formats=("JPEG",)) as opened:
            comment = opened.info.get("comment")
    except OSError:
        return None
    return comment.decode(errors="replace") if isinstance(comment, bytes) else None
