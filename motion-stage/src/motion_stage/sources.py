"""Where poses through time come from: a video's record, or the records of a sub-folder of numbered photos."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from motion_stage.sequence import Floats
from pose_contract.errors import ImageError
from pose_contract.names import IMAGE_SUFFIXES
from pose_contract.records import ImagePoses
from pose_contract.skeletons import Skeleton, skeleton_named
from pose_contract.storage import parse_record, record_paths
from pose_contract.video_records import FramePoses, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.videos.record_files import VideoRecord

SUFFIX = ".jsonl"
NUMBER = re.compile(r"(\d+)$")
LEAST_PHOTOS = 2


@dataclass(frozen=True)
class Posed:
    """One person in a frame: index in the record, score, box, and [J, 3] x, y, score."""

    index: int
    score: float
    box_xyxy: tuple[float, float, float, float]
    keypoints: Floats


@dataclass(frozen=True)
class PosedFrame:
    """The people in a frame; of a sequence of photos, which photo it is, below the workspace, and its bytes' hash."""

    frame: int
    t_seconds: float
    duplicate: bool
    people: Sequence[Posed]
    image: str = ""
    image_sha256: str = ""


@dataclass(frozen=True)
class SourceFacts:
    """What is known of a sequence before its frames are read.

    Attributes:
        image: the video below the workspace, or the folder of photos.
        skeleton: of all its people.
        width, height: pixels.
        frames: how many there are.
        usual_dt: the median time between them; 0 for one frame.
        flags: of the video: `truncated`, …
        sha256: of all that was read.
        image_sha256: of the video; empty for a folder of photos.
    """

    image: str
    skeleton: Skeleton
    width: int
    height: int
    frames: int
    usual_dt: float
    flags: tuple[str, ...]
    sha256: str
    image_sha256: str = ""


class Source(Protocol):
    """A sequence of poses; `name` is that of its folder in motion/."""

    name: str

    def facts(self) -> SourceFacts:
        """Raises ImageError where the record is none."""

    def frames(self) -> Iterator[PosedFrame]:
        """Frame after frame, rising. Raises ImageError where a frame is none."""


class VideoSource:
    """The record of a video."""

    def __init__(self, workspace: Workspace, path: Path) -> None:
        below = path.relative_to(workspace.path(workspace.output) / "poses").as_posix()
        self.name = below.removesuffix(SUFFIX)
        self._path = path

    def facts(self) -> SourceFacts:
        """Raises ImageError where the record is none."""
        try:
            with self._path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ImageError(f"has a record that cannot be read: {error.strerror}", f"see {self._path}") from None
        header = self._record().header
        rate = header.frames_per_second
        return SourceFacts(
            image=header.image,
            skeleton=skeleton_named(header.skeleton),
            width=header.width,
            height=header.height,
            frames=header.frames,
            usual_dt=1 / rate if rate > 0 else 0.0,
            flags=header.flags,
            sha256=sha256,
            image_sha256=header.image_sha256,
        )

    def frames(self) -> Iterator[PosedFrame]:
        """Frame after frame. Raises ImageError naming the line that is none."""
        record = self._record()
        joints = len(skeleton_named(record.header.skeleton).keypoints)
        before: tuple[int, float] = (-1, -1.0)
        for line, frame in enumerate(record.frames(), 2):
            if frame.frame <= before[0] or frame.t_seconds <= before[1]:
                raise ImageError(f"has a record whose times do not rise at line {line}", self._remedy())
            before = (frame.frame, frame.t_seconds)
            people = [
                Posed(who.index, who.score, who.box.xyxy, np.array(who.keypoints, dtype=np.float64).reshape(-1, 3))
                for who in frame.people
            ]
            if any(len(who.keypoints) != joints for who in people):
                raise ImageError(f"has a record whose line {line} lacks keypoints of {joints}", self._remedy())
            yield PosedFrame(frame.frame, frame.t_seconds, frame.duplicate, people)

    def _remedy(self) -> str:
        return f"correct it, or delete {self._path} and run hrn-stage again"

    def _record(self) -> VideoRecord[VideoPoses, FramePoses]:
        return VideoRecord(self._path, VideoPoses, FramePoses)


class PhotoSequence:
    """The records of a folder of numbered photos, so many a second; a number that lacks is a frame that lacks."""

    def __init__(self, name: str, image: str, numbered: Sequence[tuple[int, Path]], fps: float) -> None:
        self.name = name
        self._image = image
        self._numbered = sorted(numbered)
        self._fps = fps

    def facts(self) -> SourceFacts:
        """Raises ImageError where a record is none, or two do not fit together."""
        sha256 = hashlib.sha256()
        first: ImagePoses | None = None
        for number, path in self._numbered:
            poses = self._read(path)
            sha256.update(f"{number} {poses.model_dump_json()}\n".encode())
            first = first or poses
            if (poses.skeleton, poses.width, poses.height) != (first.skeleton, first.width, first.height):
                raise ImageError(f"has photos of different sizes or skeletons: {path.name}", "part them into folders")
        assert first is not None
        numbers = np.array([number for number, _ in self._numbered])
        if (np.diff(numbers) == 0).any():
            twice = numbers[:-1][np.diff(numbers) == 0][0]
            raise ImageError(f"has two photos of the number {twice}", "number its photos without repetition")
        return SourceFacts(
            image=self._image,
            skeleton=skeleton_named(first.skeleton),
            width=first.width,
            height=first.height,
            frames=len(numbers),
            usual_dt=float(np.median(np.diff(numbers))) / self._fps,
            flags=(),
            sha256=sha256.hexdigest(),
        )

    def frames(self) -> Iterator[PosedFrame]:
        """Photo after photo by its number."""
        start = self._numbered[0][0]
        for number, path in self._numbered:
            poses = self._read(path)
            people = [
                Posed(who.index, who.score, who.box.xyxy, np.array([(k.x, k.y, k.score) for k in who.keypoints]))
                for who in poses.people
            ]
            at = number - start
            yield PosedFrame(at, at / self._fps, False, people, poses.image, poses.image_sha256)

    def _read(self, path: Path) -> ImagePoses:
        poses = parse_record(path.read_bytes(), ImagePoses)
        if poses is None:
            raise ImageError(f"has a record that is none: {path}", "delete it and run hrn-stage again")
        return poses


def sources_in(workspace: Workspace, fps: float = 0.0) -> list[Source]:
    """The videos that have poses, and with `fps` the sub-folders of numbered photos that have, by name."""
    folder = workspace.path(workspace.output) / "poses"
    paths = (path for path in sorted(folder.rglob(f"*{SUFFIX}")) if not path.name.startswith(".") and path.is_file())
    found: list[Source] = [VideoSource(workspace, path) for path in paths]
    return [*found, *(_photo_sequences(workspace, folder, fps) if fps > 0 else ())]


def _photo_sequences(workspace: Workspace, folder: Path, fps: float) -> Iterator[Source]:
    inside: dict[str, list[tuple[int | None, Path]]] = defaultdict(list)
    for path in record_paths(folder):
        below = path.parent.relative_to(folder).as_posix()
        if below != ".":
            inside[below].append((_number_of(path), path))
    for name, entries in inside.items():
        numbered = [(number, path) for number, path in entries if number is not None]
        if len(numbered) == len(entries) >= LEAST_PHOTOS:
            yield PhotoSequence(name, workspace.image_file(name), numbered, fps)


def _number_of(path: Path) -> int | None:
    stem = PurePosixPath(path.name.removesuffix(".json"))
    match = NUMBER.search(stem.stem if stem.suffix.lower() in IMAGE_SUFFIXES else stem.name)
    return int(match[1]) if match else None
