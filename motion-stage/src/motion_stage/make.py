"""All files of one sequence: which are up to date, and the others made anew, the report last."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal, get_args

from motion_stage import STAGE, facts
from motion_stage.found import Classifier, found_in
from motion_stage.found_tables import ALL_TABLES, tables_for
from motion_stage.motion import Motion, motion_of
from motion_stage.movie.job import MovieJob
from motion_stage.named_points import require_points
from motion_stage.opensim import mot_lines, trc_lines
from motion_stage.part_file import PartFile
from motion_stage.plots.figures import POINTS as PLOTTED
from motion_stage.plots.figures import thinned
from motion_stage.report import FILE as REPORT
from motion_stage.report import MotionMadeBy, MotionReport, PersonReport, person_report, warnings_of
from motion_stage.scale import Scale
from motion_stage.sequence import Track
from motion_stage.settings import MotionSettings
from motion_stage.sources import Source, SourceFacts
from motion_stage.tables import KEYPOINT_COLUMNS, RAW_TABLE, Table, TableContext, keypoint_rows
from motion_stage.track_file import FILE as TRACKS
from motion_stage.track_file import TrackFile, follow, loaded, tracking_options
from pose_contract.errors import ImageError
from pose_contract.storage import parse_record, read_record, record_bytes, remove_file, write_bytes, write_record
from pose_contract.workspace import Workspace

Step = Literal["track", "smooth", "measure", "events", "strokes", "plot", "render"]
STEPS: tuple[Step, ...] = get_args(Step)
# What a step alone depends on, beside all that the steps before it do. Others belong to the first step.
SETTINGS_OF: dict[str, Step] = {
    **dict.fromkeys(("speed", "speed_of", "scale", "facing"), "measure"),
    **dict.fromkeys(("sport", "hand", "drive", "walking"), "events"),
    **dict.fromkeys(("strokes_model", "left_handed"), "strokes"),
    "plots": "plot",
}


@dataclass(frozen=True)
class Given:
    """What the settings name and was read once for all sequences: a scale, a model of strokes, its SHA-256."""

    scale: Scale | None = None
    classifier: Classifier | None = None
    strokes_sha256: str | None = None


@dataclass(frozen=True)
class Made:
    """What became of one sequence: whether anything was made, for how many people, what the user should know, and what
    its movie is made of."""

    worked: bool
    people: int
    note: str
    movie: MovieJob


class Maker:
    """Makes the files of one sequence in its folder."""

    def __init__(self, workspace: Workspace, settings: MotionSettings, given: Given, source: Source) -> None:
        self._workspace = workspace
        self._folder = workspace.path(workspace.motion) / PurePosixPath(source.name)
        self._settings = settings
        self._given = given
        self._source = source

    def make(self, step: Step | None, overwrite: bool) -> Made:
        """Makes what is not up to date; with a step that one and what comes after it.

        Raises:
            ImageError: a record is none, or shows no frame.
            UsageError: a setting does not fit the sequence.
            WorkspaceError: the folder cannot be written, or the disk is full.
        """
        about = self._source.facts()
        if not about.frames:
            raise ImageError("has no frame", "take another file: this one may be cut off or damaged")
        require_points(self._settings.speed_points, about.skeleton, "speed_of")
        before = read_record(self._folder / REPORT, MotionReport)
        tracks = self._tracks(about, anew=overwrite or step == "track")
        made_by = MotionMadeBy(
            stage=STAGE,
            results=facts().results,
            options=self._settings.table_options,
            poses_sha256=about.sha256,
            tracks_sha256=hashlib.sha256(record_bytes(tracks)).hexdigest(),
            strokes_model_sha256=self._given.strokes_sha256,
        )
        chosen = sum(entry.chosen for entry in tracks.tracks)
        kept = f"has a corrected {TRACKS}, which is kept" if tracks.is_edited else ""
        movie = self._movie(about, tracks, made_by)
        fit = before and before.made_by == made_by and step in (None, "render") and not overwrite
        if fit and self._is_there(before):
            return Made(False, chosen, kept, movie)
        since: Step = "track"
        if before is not None and not overwrite and self._is_there(before):
            since = first_stale(before.made_by, made_by, step or STEPS[-1])
        self._write(about, tracks, made_by, since)
        return Made(True, chosen, "; ".join(filter(None, (kept, _note(about, tracks)))), movie)

    def _movie(self, about: SourceFacts, tracks: TrackFile, made_by: MotionMadeBy) -> MovieJob:
        folder = self._folder.relative_to(self._workspace.root).as_posix()
        return MovieJob(self._workspace, folder, self._source, about, tracks, made_by, self._settings)

    def _tracks(self, about: SourceFacts, anew: bool) -> TrackFile:
        """tracks.json as it is there, or made if need be; what a person has corrected is kept.

        Raises:
            ImageError: it is none, or was corrected and does not fit the poses any more.
        """
        path = self._folder / TRACKS
        data = path.read_bytes() if path.is_file() else None
        there = parse_record(data, TrackFile) if data else None
        if data and there is None:
            raise ImageError(f"has a {TRACKS} that is none", f"correct it, or delete {path} to have it made anew")
        fits = there is not None and there.poses_sha256 == about.sha256
        if there is not None and there.is_edited:
            if not fits:
                raise ImageError(
                    f"has a corrected {TRACKS} that was made of other poses", f"delete {path} and run again"
                )
            return there
        if there is not None and fits and not anew and there.options == tracking_options(self._settings):
            return there
        made = follow(self._source, about, self._settings)
        remove_file(self._folder / REPORT)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_record(path, made)
        return made

    def _is_there(self, report: MotionReport | None) -> bool:
        return report is not None and all((self._folder / file).is_file() for file in report.files)

    def _write(self, about: SourceFacts, tracks: TrackFile, made_by: MotionMadeBy, since: Step) -> None:
        remove_file(self._folder / REPORT)
        context = self._context(about)
        wanted = tables_for(context)
        tables = [table for table in wanted if STEPS.index(table.step) >= STEPS.index(since)]
        people: list[PersonReport] = []
        files = [TRACKS, RAW_TABLE, *(table.file for table in wanted)]
        with ExitStack() as stack:
            raw = stack.enter_context(PartFile(self._folder / RAW_TABLE)) if since == "track" else None
            opened = [(table, stack.enter_context(PartFile(self._folder / table.file))) for table in tables]
            for part, columns in ((raw, KEYPOINT_COLUMNS), *((part, table.columns(context)) for table, part in opened)):
                if part is not None:
                    part.write_line(",".join(columns))
            for track in loaded(self._source, about, tracks.tracks, self._settings):
                recorded = thinned(track) if self._settings.plots else None
                motion = self._motion(track, raw, context)
                _write_rows(opened, motion, context)
                files += self._write_opensim(motion, about)
                if recorded is not None:
                    files += self._write_plots(recorded, motion)
                people.append(person_report(motion, self._settings.speed_points))
            for part in (raw, *(part for _, part in opened)):
                if part is not None:
                    part.keep()
        self._remove_others(files)
        report = MotionReport(
            image=about.image,
            frames=tracks.frames,
            duration_seconds=tracks.duration_seconds,
            flags=about.flags,
            people=len(tracks.tracks),
            chosen=tuple(people),
            scale=self._settings.scale or "",
            warnings=warnings_of(people, about.flags, self._given.scale is not None),
            files=tuple(files),
            made_by=made_by,
        )
        write_record(self._folder / REPORT, report)

    def _motion(self, track: Track, raw: PartFile | None, context: TableContext) -> Motion:
        if raw is not None:
            for line in keypoint_rows(track):
                raw.write_line(line)
        points = [point for table in tables_for(context) for point in table.points(context)]
        plotted = PLOTTED if self._settings.plots else ()
        motion = motion_of(track, self._settings, self._given.scale, [*points, *plotted])
        return replace(motion, found=found_in(motion, self._given.classifier))

    def _context(self, about: SourceFacts) -> TableContext:
        classifier = self._given.classifier
        return TableContext(
            skeleton=about.skeleton,
            speed_points=self._settings.speed_points,
            scaled=self._given.scale is not None,
            sport=self._settings.sport,
            stroke_classes=classifier.classes if classifier else (),
        )

    def _write_plots(self, recorded: Track, motion: Motion) -> list[str]:
        from motion_stage.plots.person import plots_of  # matplotlib takes a second

        names = []
        for name, png in plots_of(recorded, motion):
            write_bytes(self._folder / name, png)
            names.append(name)
        return names

    def _write_opensim(self, motion: Motion, about: SourceFacts) -> tuple[str, ...]:
        names = (f"track-{motion.track.id}.trc", f"track-{motion.track.id}.mot")
        for name, lines in zip(
            names, (trc_lines(motion, names[0], about.height), mot_lines(motion, names[1])), strict=True
        ):
            with PartFile(self._folder / name) as part:
                for line in lines:
                    part.write_line(line)
                part.keep()
        return names

    def _remove_others(self, files: Sequence[str]) -> None:
        """Files of people whom there are no more, and what is not asked for any more."""
        made = [path for path in self._folder.glob("track-*.*") if path.suffix in {".trc", ".mot"}]
        made += [*self._folder.glob("plots/track-*.png"), *(self._folder / table.file for table in ALL_TABLES)]
        for path in made:
            if path.relative_to(self._folder).as_posix() not in files and path.is_file():
                remove_file(path)


def _write_rows(opened: Sequence[tuple[Table, PartFile]], motion: Motion, context: TableContext) -> None:
    for table, part in opened:
        for line in table.rows(motion, context):
            part.write_line(line)


def first_stale(before: MotionMadeBy, now: MotionMadeBy, asked: Step) -> Step:
    """From which step on files have to be made: the one that is asked for, or an earlier one that has changed."""
    fixed = ("stage", "results", "poses_sha256", "tracks_sha256")
    if any(getattr(before, name) != getattr(now, name) for name in fixed):
        return "track"
    names = before.options.keys() | now.options.keys()
    changed = [SETTINGS_OF.get(name, "track") for name in names if before.options.get(name) != now.options.get(name)]
    if before.strokes_model_sha256 != now.strokes_model_sha256:
        changed.append("strokes")
    return min((asked, *changed), key=STEPS.index)


def _note(about: SourceFacts, tracks: TrackFile) -> str:
    if not tracks.tracks:
        return "shows nobody for long enough"
    if about.frames == 1:
        return "has one frame: nothing moves in it"
    return "" if any(entry.chosen for entry in tracks.tracks) else "has nobody whom --pick names"
