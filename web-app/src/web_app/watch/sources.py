"""Where frames come from: a list that the server keeps. A browser names an id of it, never a path or an address."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import cv2

from pose_contract.errors import ImageError, StageError, UsageError
from pose_contract.workspace import Workspace
from stage_kit.videos.reader import open_video
from web_app.watch.demo_clip import demo_clip
from web_app.watch.people import Frame
from web_app.watch.script import FPS as SCRIPT_FPS
from web_app.watch.script import SIZE_WH as SCRIPT_SIZE
from web_app.watch.script import play

SourceKind = Literal["camera", "rtsp", "demo", "file", "synthetic"]
STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https")
CAMERA_FPS = 15.0
MOST_FILES = 200
OPEN_MS, READ_MS = 5_000, 5_000


class SourceError(StageError):
    """A source that gives no frames."""


@dataclass(frozen=True)
class Source:
    """One entry of the list.

    Attributes:
        id: what the browser names.
        label: what people read; holds no password.
        where: a camera's number, a path or an address; never shown.
    """

    id: str
    kind: SourceKind
    label: str
    where: str = field(default="", repr=False)

    @property
    def is_live(self) -> bool:
        """Whether frames that are late are dropped: a camera does not wait, a file does."""
        return self.kind in ("camera", "rtsp")


@dataclass(frozen=True)
class OpenSource:
    """A source that gives frames: their usual rate, their size, and the frames."""

    fps: float
    size_wh: tuple[int, int]
    frames: Iterator[Frame]


def masked(address: str) -> str:
    """An address without user, password and query."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    who = "***@" if parts.username or parts.password else ""
    return urlunsplit((parts.scheme, who + host + port, parts.path, "***" if parts.query else "", ""))


def source_of(source_id: str, what: str) -> Source:
    """What a flag names: a camera's number, an address, or a file. Raises UsageError."""
    if what.isascii() and what.isdigit():
        return Source(source_id, "camera", f"camera {what}", what)
    if "://" in what:
        try:
            parts = urlsplit(what)
            known = parts.scheme in STREAM_SCHEMES and bool(parts.hostname) and (parts.port or True)
        except ValueError:
            known = False
        if not known:
            raise UsageError("a source's address is none of rtsp, rtmp, http", "such as rtsp://HOST/PATH")
        return Source(source_id, "rtsp", masked(what), what)
    if what.startswith("/dev/video") and what[10:].isdigit():
        return Source(source_id, "camera", f"camera {what[10:]}", what[10:])
    path = Path(what)
    if not path.is_file():
        raise UsageError(
            f"the source {source_id}: there is no file {what}", "give a camera's number, a file or rtsp://"
        )
    return Source(source_id, "file", path.name[:120], str(path))


def listed_sources(workspace: Workspace | None, given: Sequence[Source]) -> dict[str, Source]:
    """All sources by id: the given ones, the camera, the demo clip, the workspace's videos, and the script."""
    found = {source.id: source for source in given}
    found.setdefault("camera", Source("camera", "camera", "camera 0", "0"))
    found.setdefault("demo", Source("demo", "demo", "demo clip"))
    for number, path in enumerate(_videos_of(workspace), 1):
        found.setdefault(f"file-{number}", Source(f"file-{number}", "file", path.name[:120], str(path)))
    found.setdefault("synthetic", Source("synthetic", "synthetic", "script (drawn people, no network)"))
    return found


def _videos_of(workspace: Workspace | None) -> list[Path]:
    from stage_kit.runs.listing import list_images

    if workspace is None:
        return []
    try:
        names = list_images(workspace).videos
    except (OSError, StageError):
        return []
    return [workspace.path(workspace.image_file(name)) for name in sorted(names)[:MOST_FILES]]


def open_source(source: Source) -> OpenSource:
    """Opens it and reads its first frame. Raises SourceError."""
    if source.kind == "synthetic":
        return OpenSource(SCRIPT_FPS, SCRIPT_SIZE, play())
    if source.kind in ("file", "demo"):
        return _opened_file(source)
    return _opened_camera(source)


def _opened_file(source: Source) -> OpenSource:
    path = Path(source.where) if source.where else demo_clip()
    try:
        with open_video(path) as video:
            fps, size = min(max(video.nominal_rate, 1.0), 240.0), (video.width, video.height)
    except ImageError as error:
        raise SourceError(f"{source.label} {error.reason}", error.remedy) from None
    return OpenSource(fps, size, _frames_of_file(source, path))


def _frames_of_file(source: Source, path: Path) -> Iterator[Frame]:
    try:
        with open_video(path) as video:
            for frame in video.frames():
                yield Frame(frame.number, frame.t_seconds, frame.picture)
    except ImageError as error:
        raise SourceError(f"{source.label} {error.reason}", error.remedy) from None


def _opened_camera(source: Source) -> OpenSource:
    if source.kind == "camera" and not Path(f"/dev/video{source.where}").exists() and os.name == "posix":
        raise SourceError(f"{source.label} is not there", "plug it in; in a container pass it: --device /dev/video0")
    if source.kind == "camera":
        capture = cv2.VideoCapture(int(source.where))
    else:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
        capture = cv2.VideoCapture(source.where, cv2.CAP_FFMPEG, limits)
    good, picture = capture.read() if capture.isOpened() else (False, None)
    if not good or picture is None:
        capture.release()
        raise SourceError(f"{source.label} gives no picture", "see that it is on, and that nobody else has it open")
    height, width = picture.shape[:2]
    return OpenSource(CAMERA_FPS, (width, height), _frames_of_camera(source, capture, picture))


def _frames_of_camera(source: Source, capture: Any, picture: Any) -> Iterator[Frame]:
    start = time.monotonic()
    number = 0
    try:
        while picture is not None:
            yield Frame(number, time.monotonic() - start, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            number += 1
            good, picture = capture.read()
            if not good:
                raise SourceError(f"{source.label} gives no more pictures", "see that it is plugged in")
    finally:
        capture.release()
