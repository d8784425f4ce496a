"""The ONE pixel frame: pictures are read upright (EXIF applied once), as RGB, uint8, [height, width, 3]."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    ExifTags,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from pose_contract.errors import ImageError
from pose_contract.storage import write_bytes
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

JPEG_SETTINGS = (
    cv2.IMWRITE_JPEG_QUALITY,
    95,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)
JFIF_HEADER = 20  # bytes: start of image and the APP0 segment; other segments follow

MAX_PIXELS = 200_000_000
MAX_SIDE = 65_500  # pixels; JPEG, in which cuts and pictures are written, has no more
# Only these decoders ever see a user's file; importing them is what makes Pillow know them.
FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
    )
)


def read_image(path: Path) -> Picture:
    """Reads one picture.

    EXIF orientation is applied; grey, palette and CMYK become RGB, transparency is laid over white, 16-bit values are
    scaled to 8 bits, and of several frames the first is taken. What the file holds counts, not its extension.

    Returns:
        uint8 [height, width, 3], RGB.

    Raises:
        ImageError: missing, not a picture, truncated, unreadable, or over 200 megapixels.
    """
    return decode_image(read_image_bytes(path))


def read_image_bytes(path: Path) -> bytes:
    """The bytes of a picture file.

    Raises:
        ImageError: the file cannot be read.
    """
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise ImageError("is a folder, not a picture", "rename the folder or move it out of images/")
        if not stat.S_ISREG(kind):  # a pipe would keep us waiting for ever, a device would never end
            raise ImageError("is a pipe, a socket or a device, not a picture", "take it out of images/")
        return read_regular(path)
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
        raise ImageError("is empty (0 bytes)", "copy the picture again")
    with _readable(), _opened(data) as opened:
        return _picture(opened)


def upright_picture(opened: Image.Image) -> Picture:
    """`read_image` for a Pillow image, which may not have been decoded yet."""
    with _readable():
        return _picture(opened)


def _picture(opened: Image.Image) -> Picture:
    pixels = opened.width * opened.height
    if pixels > MAX_PIXELS:
        raise ImageError(
            f"is {opened.width} x {opened.height}, over the limit of {MAX_PIXELS // 1_000_000} megapixels",
            "shrink the picture first",
        )
    if max(opened.size) > MAX_SIDE:
        raise ImageError(
            f"is {opened.width} x {opened.height}; no side may be over {MAX_SIDE} pixels",
            "shrink the picture first, or cut it into parts",
        )
    opened.load()
    return np.ascontiguousarray(_to_rgb(_upright(opened)))


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Whatever Pillow raises of a picture is that picture's ImageError."""
    try:
        with fitting_into_memory():
            yield
    except UnidentifiedImageError:
        raise ImageError("is not a picture, or of an unknown kind", "save it as JPEG or PNG") from None
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise ImageError(f"is damaged: {error}", "copy the picture again, or save it anew") from error


def _opened(data: bytes) -> ImageFile.ImageFile:
    """The picture with its header read. Image.open would do as well, but for its own limit, which is the process's."""
    for open_as, accepts in (Image.OPEN[name] for name in FORMATS):
        if accepts is None or accepts(data[:16]) is True:
            with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):  # not of this kind after all
                return open_as(io.BytesIO(data), "")
    raise UnidentifiedImageError


def _upright(picture: Image.Image) -> Image.Image:
    try:
        turn = TURNS.get(picture.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # damaged EXIF says nothing about orientation, and the pixels are fine
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _to_rgb(picture: Image.Image) -> Picture:
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    elif picture.mode in {"PA", "LA", "La", "RGBa"}:
        picture = picture.convert("RGBA" if picture.mode != "La" else "LA").convert("RGBA")
    elif "transparency" in picture.info and picture.mode in {"L", "RGB", "1"}:
        picture = picture.convert("RGBA")
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        return np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
    if picture.mode.startswith("I") or picture.mode == "F":
        return _from_wide_grey(np.asarray(picture))
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _from_wide_grey(values: NDArray[np.generic]) -> Picture:
    """Grey of 16 or 32 bits or float -> RGB, scaled by the range that its type or its largest value stands for."""
    wide = np.nan_to_num(values.astype(np.float64))
    largest = float(wide.max())
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        white = 65535.0
    elif values.dtype.kind == "f" and largest <= 1:
        white = 1.0
    else:
        white = 255.0 if largest <= 255 else 65535.0 if largest <= 65535 else largest
    grey = np.clip(np.rint(wide * (255.0 / white)), 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


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
        raise ImageError("does not fit into memory", "shrink the picture first") from None


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
