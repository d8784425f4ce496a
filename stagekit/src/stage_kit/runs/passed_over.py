"""What lies in images/ without being a picture, and what can be done about it (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

_SHOWN = 5

# Each kind by its extensions, with its remedy; what is of none of them needs none.
_VIDEOS = ".mpg .mpeg .wmv .3gp .mts .m2ts .flv .ogv"
_RAW_PHOTOS = ".cr2 .cr3 .nef .nrw .arw .dng .raf .orf .rw2 .pef .srw .raw .x3f"
_PICTURES = ".jfif .jpe .jxl .jp2 .j2k .psd .xcf .svg .ico .tga .exr .hdr .pdf .eps .ppm .pgm .pnm .bpg"
_ARCHIVES = ".zip .tar .gz .tgz .7z .rar .bz2 .xz"
_REMEDIES = (
    (_VIDEOS, "save videos of other kinds as MP4: ffmpeg -i VIDEO images/VIDEO.mp4"),
    (_RAW_PHOTOS, "save raw photos as JPEG in the program of their camera"),
    (_PICTURES, "save pictures of other kinds as JPEG or PNG"),
    (_ARCHIVES, "unpack archives in images/"),
)


def passed_over_line(names: Sequence[str]) -> str:
    """One line on files that are no pictures: the first ones by name, how many more, and what helps.

    Example: passed_over_line(["a.wmv"]) -> "passed over, no pictures: a.wmv (save videos of other kinds as MP4: ...)"
    """
    suffixes = {PurePosixPath(name).suffix.lower() for name in names}
    remedies = [remedy for kinds, remedy in _REMEDIES if suffixes & set(kinds.split())]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    helps = f" ({'; '.join(remedies)})" if remedies else ""
    return f"passed over, no pictures: {', '.join(names[:_SHOWN])}{more}{helps}"
