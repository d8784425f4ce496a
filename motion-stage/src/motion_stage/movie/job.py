"""What one sequence's movie is made of, and where it lies. Data."""

from __future__ import annotations

from dataclasses import dataclass

from motion_stage import STAGE, facts
from motion_stage.report import MotionMadeBy
from motion_stage.settings import MotionSettings
from motion_stage.sources import Source, SourceFacts
from motion_stage.track_file import TrackEntry, TrackFile
from pose_contract.workspace import Workspace
from stage_kit.videos.steps import MovieFacts, movie_facts

FILE = "movie.mp4"


@dataclass(frozen=True)
class MovieJob:
    """One sequence whose tables are up to date.

    Attributes:
        workspace: whose.
        folder: of the sequence's motion, in the workspace.
        source, about: its poses.
        tracks: who is who.
        made_by: what the tables were made of.
        settings: the user's.
    """

    workspace: Workspace
    folder: str
    source: Source
    about: SourceFacts
    tracks: TrackFile
    made_by: MotionMadeBy
    settings: MotionSettings

    @property
    def movie(self) -> MovieFacts:
        """Where the movie lies, and what it has to show."""
        shown = (facts().drawing, self.made_by.model_dump_json(), self.settings.blur_faces)
        return movie_facts(STAGE, f"{self.folder}/{FILE}", shown)

    @property
    def chosen(self) -> list[TrackEntry]:
        """The people whom the tables hold."""
        return [entry for entry in self.tracks.tracks if entry.chosen]
