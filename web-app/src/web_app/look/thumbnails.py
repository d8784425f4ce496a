"""Small pictures, made once and kept in a cache folder outside of every workspace."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from pathlib import Path

import cv2
from PIL import ExifTags, Image

from pose_contract.errors import ImageError, StageError
from pose_contract.names import is_video_name
from pose_contract.storage import write_bytes
from stage_kit.pictures.formats import open_picture
from stage_kit.pictures.images import Picture, encode_jpeg, fitting_into_memory, read_image_bytes, upright_picture
from stage_kit.regular_files import read_regular
from stage_kit.videos.reader import open_video

QUALITY = 82
MAX_CACHE_BYTES = 1_000_000_000
SWEEP_EVERY = 500  # pictures that are written
AT_ONCE = 2  # pictures that are decoded at the same time: each may take a gigabyte
LONGEST_CACHED = 2_000_000
SHOWN = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def default_folder() -> Path:
    """Where they are kept: below POSE_CACHE, else ~/.cache/pose-estimation."""
    if given := os.environ.get("POSE_CACHE"):
        return Path(given, "web-app")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "pose-estimation", "web-app")


class Thumbnails:
    """Pictures of at most `side` pixels a side, by the file that they are made of; safe to use from threads.

    A cache that cannot be written is no error: what is asked for is made anew each time.
    """

    def __init__(self, folder: Path, most_bytes: int = MAX_CACHE_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._written = 0
        self._lock = threading.Lock()
        self._decoding = threading.Semaphore(AT_ONCE)

    def jpeg(self, path: Path, side: int) -> bytes:
        """The picture, or the first frame of the video, at `path` as a JPEG, upright. Raises ImageError."""
        cached = self._folder / f"{_key(path, side)}.jpg"
        with contextlib.suppress(OSError):
            return read_regular(cached, LONGEST_CACHED)
        with self._decoding:
            data = _shrunk(path, side)
        self._keep(cached, data)
        return data

    def _keep(self, path: Path, data: bytes) -> None:
        with contextlib.suppress(StageError):
            write_bytes(path, data)
        with self._lock:
            self._written += 1
            due = self._written % SWEEP_EVERY == 1
        if due:
            self._sweep()

    def _sweep(self) -> None:
        """Removes the oldest ones until the rest has at most half of what is allowed."""
        with contextlib.suppress(OSError):
            files = sorted(((entry.stat(), Path(entry)) for entry in os.scandir(self._folder)), key=_age)
            total = sum(status.st_size for status, _ in files)
            if total <= self._most_bytes:
                return
            for status, path in files:
                if total <= self._most_bytes // 2:
                    return
                path.unlink(missing_ok=True)
                total -= status.st_size


def _age(file: tuple[os.stat_result, Path]) -> float:
    return file[0].st_mtime


def _key(path: Path, side: int) -> str:
    try:
        status = path.stat()
        stamp = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)
    except OSError:
        stamp = (0, 0, 0, 0)
    return hashlib.sha256(repr((os.fsencode(path.absolute()), stamp, side)).encode()).hexdigest()[:32]


def _shrunk(path: Path, side: int) -> bytes:
    if is_video_name(path.name):
        with open_video(path) as video:
            picture = next(video.frames()).picture
    else:
        picture = _small_picture(read_image_bytes(path), side)
    with fitting_into_memory():
        return encode_jpeg_small(fitted(picture, side))


def _small_picture(data: bytes, side: int) -> Picture:
    """The picture, which a JPEG's decoder may already have made smaller, but not smaller than `side`."""
    try:
        opened = open_picture(data)
    except ImageError:
        raise
    except Exception:
        raise ImageError("is not a picture, or damaged", "copy the picture again, or save it anew") from None
    if opened.format == "JPEG":
        opened.draft("RGB", (side, side))
    return upright_picture(opened)


def fitted(picture: Picture, side: int) -> Picture:
    """The picture, shrunk so that its longer side has at most `side` pixels."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def encode_jpeg_small(picture: Picture) -> bytes:
    """RGB uint8 [H, W, 3] -> JPEG, 4:2:0, for the screen."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1].tobytes()


def for_browsers(data: bytes) -> tuple[bytes, str]:
    """A whole picture as a browser shows it, and its media type: as it is where browsers read it, else a JPEG.

    Raises:
        ImageError: it is no picture, or damaged.
    """
    try:
        opened: Image.Image = open_picture(data)
    except ImageError:
        raise
    except Exception:
        raise ImageError("is not a picture, or damaged", "copy the picture again, or save it anew") from None
    if opened.format in SHOWN and opened.mode in {"RGB", "L"} and (opened.format == "JPEG" or _is_plain(opened)):
        return data, SHOWN[opened.format]
    return encode_jpeg(upright_picture(opened)), "image/jpeg"


def _is_plain(opened: Image.Image) -> bool:
    """Whether all browsers show it as we read it: one frame, which no EXIF turns."""
    with contextlib.suppress(Exception):  # damaged EXIF
        return getattr(opened, "n_frames", 1) == 1 and opened.getexif().get(ExifTags.Base.Orientation, 1) == 1
    return False
