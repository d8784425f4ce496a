"""A picture as a program gives it: a path, a Pillow image, or an array. The stages' Python API reads pictures by it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pose_contract.errors import ImageError, UsageError
from stage_kit.pictures.images import Picture, read_image, upright_picture
from stage_kit.pictures.limits import MAX_SIDE

GivenPicture: TypeAlias = str | os.PathLike[str] | Image.Image | NDArray[np.uint8]
"""A path, a Pillow image, or RGB uint8 [H, W, 3]."""

_CONVERT = "convert it first; a path or a Pillow image is converted for you"


def read_given(picture: GivenPicture) -> Picture:
    """The picture as a stage sees it: upright, RGB uint8 [H, W, 3].

    EXIF orientation is applied to a file and to a Pillow image. An array is taken as it is, without a copy where its
    memory is contiguous; OpenCV's own reader gives BGR, which nothing here can tell from RGB.

    Raises:
        ImageError: a file or a Pillow image that cannot be read.
        UsageError: something that is no picture, or an array of another type or shape.
    """
    if isinstance(picture, (str, os.PathLike)):
        return _read_file(Path(picture))
    if isinstance(picture, Image.Image):
        return upright_picture(picture)
    if isinstance(picture, np.ndarray):
        return _checked(picture)
    got = type(picture).__name__
    raise UsageError(f"expected a path, a Pillow image or an RGB array as picture, got {got}", "give one of these")


def is_single(given: GivenPicture | Sequence[GivenPicture]) -> TypeGuard[GivenPicture]:
    """Whether one picture is given, not a list or a tuple of them; an array is always one."""
    return not isinstance(given, (list, tuple))


def require_as_many(pictures: Sequence[object], others: Sequence[object], what: str) -> None:
    """Raises UsageError where two lists that go with each other are not equally long."""
    if len(pictures) != len(others):
        reason = f"expected {what} for each of {len(pictures)} pictures, got {len(others)}"
        raise UsageError(reason, "give two lists of one length")


def _read_file(path: Path) -> Picture:
    if not path.exists() and not path.is_symlink():
        raise ImageError(f"no picture {path}", f"check the path; this program runs in {Path.cwd()}")
    try:
        return read_image(path)
    except ImageError as error:
        raise ImageError(f"{path} {error.reason}", error.remedy) from error


def _checked(array: NDArray[np.uint8]) -> Picture:
    got = f"{array.dtype} {list(array.shape)}"
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise UsageError(f"expected a picture as RGB uint8 [H, W, 3], got {got}", _CONVERT)
    if not array.size:
        raise UsageError(f"expected a picture with at least one pixel, got {got}", "check how it was cut out")
    if max(array.shape) > MAX_SIDE:
        raise UsageError(f"expected no side over {MAX_SIDE} pixels, got {got}", "shrink the picture first")
    return np.ascontiguousarray(array)
