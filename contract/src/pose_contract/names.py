"""File names: which are pictures, what an output is called, how an odd one is shown. Pure."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".hif", ".avif", ".gif", ".bmp", ".tif", ".tiff"}
)
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"})
TEMPORARY_PREFIX = ".tmp-"


def is_image_name(name: str) -> bool:
    """Whether a file is taken for a picture, by its extension in any letter case."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def is_video_name(name: str) -> bool:
    """Whether a file is taken for a video, by its extension in any letter case."""
    return PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES


def is_text(name: str) -> bool:
    """Whether a file name is UTF-8, so that a record can hold it; old archives bring others along."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def stem_of(name: str) -> str:
    """`a.jpg` -> `a`, `B.JPG` -> `B`, `b.png` -> `b.png`: only `.jpg` is dropped, so a.jpg and a.png never meet."""
    return name[:-4] if name[-4:].lower() == ".jpg" else name


def colliding_names(names: tuple[str, ...]) -> dict[str, str]:
    """Pictures whose outputs would have the same name as an earlier picture's: `a.png.jpg` beside `a.png`."""
    owner: dict[str, str] = {}
    return {name: owner[stem_of(name)] for name in names if owner.setdefault(stem_of(name), name) != name}


def printable(name: str) -> str:
    """A file name as it can be shown and stored: bytes that are no text, and control characters, are escaped."""
    try:
        text = os.fsencode(name).decode(errors="backslashreplace")
    except UnicodeEncodeError:  # half a letter, as JSON can spell it
        text = name
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
