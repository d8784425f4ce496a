"""Any kind of picture that Pillow reads -> RGB uint8. Strip by strip, so that a large one is not in memory thrice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pose_contract.errors import ImageError

_STRIP_PIXELS = 1_000_000


def rgb_of(picture: Image.Image) -> NDArray[np.uint8]:
    """uint8 [height, width, 3]: transparency lies over white, grey of 16 or 32 bits or float is scaled to 8 bits.

    Raises:
        ImageError: a picture of floats none of which is a number.
    """
    convert = _wide_grey(picture) if picture.mode.startswith("I") or picture.mode == "F" else _rgb
    rgb = np.empty((picture.height, picture.width, 3), np.uint8)
    top = 0
    for strip in _strips(picture):
        rgb[top : top + strip.height] = convert(strip)
        top += strip.height
    return rgb


def _strips(picture: Image.Image) -> Iterator[Image.Image]:
    """The picture in parts, from the top down, each with its palette and its transparent colour."""
    rows = max(1, _STRIP_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        yield picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _rgb(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    elif picture.mode in {"PA", "LA", "La", "RGBa"}:
        picture = picture.convert("RGBA" if picture.mode != "La" else "LA").convert("RGBA")
    elif "transparency" in picture.info and picture.mode in {"L", "RGB", "1"}:
        picture = picture.convert("RGBA")
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        return np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _wide_grey(picture: Image.Image) -> Callable[[Image.Image], NDArray[np.uint8]]:
    """What makes strips of this picture RGB: they share the range that its type or its largest value stands for.

    What is no number becomes black; infinity is white, as it is in the range of no other value.
    """
    white = _white(picture)

    def rgb(strip: Image.Image) -> NDArray[np.uint8]:
        values = np.asarray(strip)
        grey = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=white, neginf=0.0)
        grey *= 255.0 / white
        np.clip(np.rint(grey, out=grey), 0, 255, out=grey)
        return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)

    return rgb


def _white(picture: Image.Image) -> float:
    kind = np.asarray(picture.crop((0, 0, 1, 1))).dtype
    if kind.kind == "u" and kind.itemsize == 2:
        return 65535.0
    largest = max(_largest(np.asarray(strip)) for strip in _strips(picture))
    if largest == -np.inf:
        raise ImageError("holds no number in any pixel, only NaN and infinity", "save it anew as 16-bit TIFF or PNG")
    if kind.kind == "f" and largest <= 1:
        return 1.0
    return 255.0 if largest <= 255 else 65535.0 if largest <= 65535 else largest


def _largest(values: NDArray[np.generic]) -> float:
    """The largest finite value, or minus infinity."""
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else -np.inf
