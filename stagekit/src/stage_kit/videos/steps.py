"""What a stage must say about its work on a video, so that `runs.frame_run` can do the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from pose_contract.records import MadeBy
from pose_contract.video_records import VideoHeader
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import Picture
from stage_kit.videos.answers import AnswerBytes
from stage_kit.videos.reader import VideoFrame
from stage_kit.videos.record_files import FrameT
from stage_kit.videos.saved_pictures import SavedPictures
from stage_kit.videos.writer import movie_comment

Answer_contra = TypeVar("Answer_contra", contravariant=True)
Given = tuple[VideoFrame, Any]


@dataclass(frozen=True)
class PreparedFrame:
    """A frame that awaits the network: its rows [R, ...], perhaps none, and what else the stage needs to go on."""

    frame: VideoFrame
    rows: NDArray[Any]
    kept: Any = None


@dataclass(frozen=True)
class MovieFacts:
    """The movie to be drawn: its file in the workspace, and the comment that says what it shows."""

    file: str
    comment: str

    def is_there(self, workspace: Workspace) -> bool:
        """Whether the movie that lies there shows just that."""
        return movie_comment(workspace.path(self.file)) == self.comment


def movie_facts(stage: str, file: str, shown: object) -> MovieFacts:
    """Of the movie of a stage that shows what `shown` says, all of it."""
    return MovieFacts(file, f"{stage} {hashlib.sha256(repr(shown).encode()).hexdigest()[:32]}")


@dataclass(frozen=True)
class VideoTask:
    """What is to be done for one video.

    Attributes:
        name, image: below images/, and as records have it.
        source: where the video lies.
        image_sha256: of its bytes.
        record: its record's file in the workspace.
        made_by: what its record depends on.
        movie: what is drawn, if anything.
        asked_every: the network is asked about every so many frames only; a killed run goes on at such a frame.
        redrawn: the record is current, and what shows it alone is made anew.
        saved: the pictures of every frame that are written, if any.
        answer_bytes: how answers are kept on disk, where the network may be asked in other processes, of segments.
    """

    name: str
    image: str
    source: Path
    image_sha256: str
    record: str
    made_by: MadeBy
    movie: MovieFacts | None = None
    asked_every: int = 1
    redrawn: bool = False
    saved: SavedPictures | None = None
    answer_bytes: AnswerBytes[Any] | None = None


class VideoWork(Protocol[Answer_contra, FrameT]):
    """One video that there is something to do for; a stage's `examine_video` gives it."""

    @property
    def task(self) -> VideoTask:
        """What is to be done."""

    @property
    def kind(self) -> type[FrameT]:
        """Of the record's lines."""

    def frames(self, frames: Iterator[VideoFrame]) -> Iterator[Given]:
        """Each frame with what the stage before says of it, in order. Raises ImageError where they do not fit.

        They may begin in the middle: their numbers are the video's.
        """

    def prepared(self, given: Given) -> PreparedFrame:
        """One frame's rows; called from several threads."""

    def lines(
        self, answered: Iterator[tuple[PreparedFrame, Sequence[Answer_contra]]], before: FrameT | None
    ) -> Iterator[tuple[VideoFrame, FrameT]]:
        """A line for each frame, in order; may look ahead by `asked_every` frames.

        `before` is the line of the last frame before these that the network was asked about; None at the beginning.
        Lines may depend on it: a killed run goes on in the middle.
        """

    def drawn(self, picture: Picture, line: FrameT) -> Picture:
        """The movie's frame; a new picture."""

    def people_in(self, line: FrameT) -> int:
        """How many people a line has."""

    def header(self, fields: Mapping[str, Any]) -> VideoHeader:
        """The record's first line; `fields` are those that all stages' headers have."""
