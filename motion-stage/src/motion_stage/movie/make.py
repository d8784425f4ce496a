"""One sequence's movie.mp4: whether it is up to date, and if not, drawn frame by frame from its tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from motion_stage.found_tables import EVENTS_FILE, SPANS_FILE
from motion_stage.movie.frames import FrameContent, FrameDrawing, Shown
from motion_stage.movie.job import MovieJob
from motion_stage.movie.made_tables import SmoothPlaces, read_curves, read_marks, read_spans
from motion_stage.movie.pictures import SourceGoneError, opened_pictures
from motion_stage.movie.strip import Strip, strip_height
from motion_stage.movie.strip_content import StripContent
from motion_stage.sources import PosedFrame
from motion_stage.tables import SPEEDS_FILE, WIDE_FILE
from motion_stage.track_file import TrackEntry
from pose_contract.storage import remove_file
from stage_kit.pictures.faces import Body, FacesInMovie, Region, face_regions
from stage_kit.pictures.images import fitting_into_memory
from stage_kit.pictures.tags import PERSON_COLORS
from stage_kit.runs.workers import map_ahead, threads, worker_count
from stage_kit.videos.writer import write_movie

__all__ = ["SourceGoneError", "make_movie"]
MOST_CURVES = len(PERSON_COLORS)
Tell = Callable[[int, int], None]


def make_movie(job: MovieJob, anew: bool, tell: Tell) -> bool:
    """Draws the movie where it is not up to date; removes it where none is wanted. Returns whether anything was drawn.

    Args:
        job: the sequence.
        anew: draw it also where it is up to date.
        tell: told after every frame how many are done, and how many there are.

    Raises:
        SourceGoneError: the source is gone, or has changed; a movie of it stays where it is.
        ImageError: a table is none.
        WorkspaceError: the folder cannot be written, or the disk is full; a rerun draws the movie, and no more.
    """
    path = job.workspace.path(job.movie.file)
    if not job.settings.movie:
        remove_file(path)
        return False
    if not anew and job.movie.is_there(job.workspace):
        return False
    with fitting_into_memory():
        _draw(job, path, tell)
    return True


def _draw(job: MovieJob, path: Path, tell: Tell) -> None:
    about, folder = job.about, job.workspace.path(job.folder)
    size = about.width, about.height
    strip = Strip(_content_of_strip(job, folder), about.width, strip_height(*size))
    drawing = FrameDrawing(about.skeleton, job.settings.min_score, strip, size)
    whole_size = about.width, about.height + strip.height
    with (
        opened_pictures(job.workspace, job.source, about) as pictures,
        SmoothPlaces(folder / WIDE_FILE) as places,
        threads("draw", worker_count(0)) as pool,
        write_movie(path, whole_size, pictures.rate, pictures.sound_of, job.movie.comment) as movie,
    ):
        contents = _Contents(job, places)
        given = ((picture, frame, contents.of(frame)) for frame, picture in pictures.frames)
        drawn = map_ahead(
            pool, lambda one: (drawing.layers(one[0], one[2]), one[1], one[2]), given, worker_count(0) + 1
        )
        for count, (whole, frame, content) in enumerate(drawn, 1):
            movie.add(drawing.finished(whole, content), frame.t_seconds)
            tell(count, about.frames)


def _content_of_strip(job: MovieJob, folder: Path) -> StripContent:
    """The speeds of those who are there longest, and what happened to the first of them."""
    entries = sorted(job.chosen, key=lambda entry: (-entry.hits, entry.id))[:MOST_CURVES]
    point = job.settings.speed_points[0]
    return StripContent(
        point=point,
        duration_seconds=job.tracks.duration_seconds,
        curves=read_curves(folder / SPEEDS_FILE, point, [entry.id for entry in entries]),
        marks=read_marks(folder / EVENTS_FILE),
        spans=read_spans(folder / SPANS_FILE),
    )


@dataclass
class _Contents:
    """What each frame shows; asked in the order of frames."""

    job: MovieJob
    places: SmoothPlaces
    faces: FacesInMovie = field(default_factory=FacesInMovie)

    def __post_init__(self) -> None:
        """Nobody is there yet."""
        self._waiting = sorted(self.job.chosen, key=lambda entry: (-entry.first_frame, -entry.id))
        self._there: list[_Followed] = []

    def of(self, frame: PosedFrame) -> FrameContent:
        """What one frame shows. Raises ImageError where a table is none."""
        while self._waiting and self._waiting[-1].first_frame <= frame.frame:
            self._there.append(_Followed(self._waiting.pop()))
        self._there = [one for one in self._there if one.entry.last_frame >= frame.frame]
        by_index = {who.index: who.keypoints for who in frame.people}
        people = [
            Shown(one.entry.id, by_index.get(one.index_in(frame.frame)), smooth)
            for one in self._there
            if (smooth := self.places.at(one.entry.id, frame.frame)) is not None
        ]
        t_seconds = round(frame.t_seconds / self.job.settings.slowmo, 6)
        return FrameContent(frame.frame, t_seconds, people, self._covered(frame))

    def _covered(self, frame: PosedFrame) -> tuple[Region, ...]:
        """Everybody's face, whether they are followed or not."""
        if not self.job.settings.blur_faces:
            return ()
        names = self.job.about.skeleton.keypoints
        bodies = [Body(who.keypoints[:, :2], who.keypoints[:, 2], who.box_xyxy) for who in frame.people]
        return self.faces.regions(frame.t_seconds, face_regions(bodies, names))


@dataclass
class _Followed:
    """Somebody while the frames go by."""

    entry: TrackEntry

    def __post_init__(self) -> None:
        self._runs = iter(self.entry.people)
        self._run = next(self._runs, None)

    def index_in(self, frame: int) -> int:
        """Which of a frame's people it is; -1 where the person was not found."""
        while self._run is not None and self._run[1] < frame:
            self._run = next(self._runs, None)
        return self._run[2] if self._run is not None and self._run[0] <= frame else -1
