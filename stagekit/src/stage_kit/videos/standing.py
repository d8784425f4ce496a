"""Which videos' records stand, and which belong to videos that are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from pose_contract.errors import ImageError
from pose_contract.names import is_video_name, printable
from pose_contract.records import MadeBy
from pose_contract.storage import remove_file
from pose_contract.video_records import Frame, VideoHeader
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import size_of_file, telling_of_file
from stage_kit.runs.removal import remove_outputs
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Settled
from stage_kit.videos.answers import AnswerBytes
from stage_kit.videos.part_file import SUFFIX
from stage_kit.videos.record_files import VideoRecord
from stage_kit.videos.saved_pictures import SavedPictures, made_of, remove_saved, saved_folder
from stage_kit.videos.steps import VideoTask, movie_facts

RECORD = ".jsonl"


@dataclass(frozen=True)
class Standing:
    """A record that is kept as it is. `edit` is the hash of its frames where a person has changed them, else empty."""

    header: VideoHeader
    edit: str = ""

    def note(self, file: str) -> str:
        """What the user is told."""
        return f"{file}: edited by hand: kept; delete it to have it made anew" if self.edit else ""


def standing(
    path: Path, kind: type[VideoHeader], image_sha256: str, made_by: MadeBy, overwrite: bool = False
) -> Standing | None:
    """The record at `path`, if it is a person's work, or current; None where it is to be made.

    Raises ImageError where it cannot be read: it may be a person's work, so nobody replaces it.
    """
    if not path.exists() and not path.is_symlink():
        return None
    record: VideoRecord[VideoHeader, Frame] = VideoRecord(path, kind, Frame)
    header = record.header
    frames_sha256 = record.frames_sha256()
    if frames_sha256 != header.frames_sha256:
        return Standing(header, frames_sha256)
    current = (header.image_sha256, header.made_by) == (image_sha256, made_by)
    return Standing(header) if current and not overwrite else None


@dataclass(frozen=True)
class Wanted:
    """What a stage wants of a video: its record, how that is made, and the movie.

    Attributes:
        record, kind: the record's file in the workspace, and its header.
        made_by: what the record depends on.
        movie: the movie's file in the workspace; empty where none is wanted.
        drawn: what else the movie depends on.
        asked_every: the network is asked about every so many frames.
        overwrite: a record that is current is made anew.
        saved: pictures of every frame that are wanted, and what else they depend on.
        answer_bytes: see `VideoTask`.
    """

    record: str
    kind: type[VideoHeader]
    made_by: MadeBy
    movie: str = ""
    drawn: object = None
    asked_every: int = 1
    overwrite: bool = False
    saved: tuple[SavedPictures, object] | None = None
    answer_bytes: AnswerBytes[Any] | None = None


def video_task(workspace: Workspace, seen: SeenFiles, name: str, wanted: Wanted) -> VideoTask | Settled:
    """What there is to do for one video: nothing, its movie alone, or all. Raises ImageError."""
    file = workspace.image_file(name)
    source = workspace.path(file)
    size_of_file(source)
    with telling_of_file(source):
        sha256 = seen.sha256_of_large(file)
    stands = standing(workspace.path(wanted.record), wanted.kind, sha256, wanted.made_by, wanted.overwrite)
    shown = (sha256, wanted.made_by.model_dump_json(), stands.edit if stands else "")
    movie = movie_facts(wanted.made_by.stage, wanted.movie, (*shown, wanted.drawn)) if wanted.movie else None
    saved = None
    if wanted.saved:
        saved = replace(wanted.saved[0], made_of=made_of((*shown, wanted.saved[1])))
    if stands and movie and movie.is_there(workspace):
        movie = None
    if stands and saved and saved.are_there(workspace):
        saved = None
    if stands and not movie and not saved:
        return Settled(name, people=stands.header.most_people, note=stands.note(wanted.record))
    return VideoTask(
        name=name,
        image=file,
        source=source,
        image_sha256=sha256,
        record=wanted.record,
        made_by=wanted.made_by,
        movie=movie,
        asked_every=wanted.asked_every,
        redrawn=stands is not None,
        saved=saved,
        answer_bytes=wanted.answer_bytes,
    )


def video_records(folder: Path) -> Iterator[str]:
    """The names below images/ of the videos that have a record, or a part of one, in a folder; in sorted order."""
    names = set()
    for path in folder.rglob(f"*{RECORD}*"):
        name = path.relative_to(folder).as_posix().removesuffix(SUFFIX)
        video = name.removesuffix(RECORD)
        if video != name and is_video_name(video) and not PurePosixPath(video).name.startswith("."):
            names.add(video)
    return iter(sorted(names))


def remove_stale_videos(
    workspace: Workspace, folder: str, kind: type[VideoHeader], shown: Sequence[str], source_of: Callable[[str], str]
) -> list[str]:
    """Removes the records below `folder` of which is gone what they were made of, with their movies and pictures.

    Args:
        workspace: whose.
        folder: of the records.
        kind: of their headers.
        shown: the folders of their movies and of their frames' pictures.
        source_of: a video's name below images/ -> the file in the workspace that its record was made of.

    Returns a line for each that is kept: a person's work.
    """
    lines = []
    root = workspace.path(folder)
    for name in video_records(root):
        source = workspace.path(source_of(name))
        if source.exists() or source.is_symlink():
            continue
        path = root / f"{name}{RECORD}"
        try:
            record: VideoRecord[VideoHeader, Frame] | None = VideoRecord(path, kind, Frame) if path.exists() else None
            kept = record is not None and not record.is_as_written()
        except ImageError:
            kept = True
        if kept:
            lines.append(f"{printable(name)} is gone, its record, edited by hand, is kept")
            continue
        for place in shown:
            remove_saved(workspace.path(saved_folder(place, name)))
            remove_outputs([workspace.path(workspace.movie_file(place, name))], workspace.path(place))
        remove_file(path.with_name(path.name + SUFFIX))
        remove_outputs([path], root)
    return lines
