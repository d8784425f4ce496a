"""All files of one sequence: which are up to date, and the others made anew, the report last."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, get_args

from motion_stage import STAGE, facts
from motion_stage.motion import Motion, motion_of
from motion_stage.named_points import require_points
from motion_stage.opensim import mot_lines, trc_lines
from motion_stage.part_file import PartFile
from motion_stage.report import FILE as REPORT
from motion_stage.report import MotionMadeBy, MotionReport, PersonReport, person_report, warnings_of
from motion_stage.scale import Scale
from motion_stage.sequence import Track
from motion_stage.settings import MotionSettings
from motion_stage.sources import Source, SourceFacts
from motion_stage.tables import KEYPOINT_COLUMNS, RAW_TABLE, TABLES, Table, TableContext, keypoint_rows
from motion_stage.track_file import FILE as TRACKS
from motion_stage.track_file import TrackFile, follow, loaded, tracking_options
from pose_contract.errors import ImageError
from pose_contract.storage import parse_record, read_record, record_bytes, remove_file, write_record
from pose_contract.workspace import Workspace

Step = Literal["track", "smooth", "measure"]
STEPS: tuple[str, ...] = get_args(Step)
OF_MEASURING = frozenset({"speed", "speed_of", "scale", "facing"})


@dataclass(frozen=True)
class Made:
    """What became of one sequence: whether anything was made, for how many people, and what the user should know."""

    worked: bool
    people: int
    note: str = ""


class Maker:
    """Makes the files of one sequence in its folder."""

    def __init__(self, workspace: Workspace, settings: MotionSettings, scale: Scale | None, source: Source) -> None:
        self._folder = workspace.path(workspace.motion) / PurePosixPath(source.name)
        self._settings = settings
        self._scale = scale
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
            options=self._settings.options,
            poses_sha256=about.sha256,
            tracks_sha256=hashlib.sha256(record_bytes(tracks)).hexdigest(),
        )
        chosen = sum(entry.chosen for entry in tracks.tracks)
        kept = f"has a corrected {TRACKS}, which is kept" if tracks.is_edited else ""
        if before and before.made_by == made_by and step is None and not overwrite and self._is_there(before):
            return Made(False, chosen, kept)
        only_measure = step == "measure" and before is not None and _same_but_measuring(before.made_by, made_by)
        self._write(about, tracks, made_by, "measure" if only_measure and self._is_there(before) else "track")
        return Made(True, chosen, "; ".join(filter(None, (kept, _note(about, tracks)))))

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

    def _write(self, about: SourceFacts, tracks: TrackFile, made_by: MotionMadeBy, since: str) -> None:
        remove_file(self._folder / REPORT)
        context = TableContext(about.skeleton, self._settings.speed_points, scaled=self._scale is not None)
        tables = [table for table in TABLES if STEPS.index(table.step) >= STEPS.index(since)]
        people: list[PersonReport] = []
        files = [TRACKS, RAW_TABLE, *(table.file for table in TABLES)]
        with ExitStack() as stack:
            raw = stack.enter_context(PartFile(self._folder / RAW_TABLE)) if since == "track" else None
            opened = [(table, stack.enter_context(PartFile(self._folder / table.file))) for table in tables]
            for part, columns in ((raw, KEYPOINT_COLUMNS), *((part, table.columns(context)) for table, part in opened)):
                if part is not None:
                    part.write_line(",".join(columns))
            for track in loaded(self._source, about, tracks.tracks, self._settings):
                motion = self._motion(track, raw, context)
                _write_rows(opened, motion, context)
                files += self._write_opensim(motion, about)
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
            warnings=warnings_of(people, about.flags, self._scale is not None),
            files=tuple(files),
            made_by=made_by,
        )
        write_record(self._folder / REPORT, report)

    def _motion(self, track: Track, raw: PartFile | None, context: TableContext) -> Motion:
        if raw is not None:
            for line in keypoint_rows(track):
                raw.write_line(line)
        points = [point for table in TABLES for point in table.points(context)]
        return motion_of(track, self._settings, self._scale, points)

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
        """Files of people whom there are no more."""
        for path in self._folder.glob("track-*.*"):
            if path.name not in files and path.suffix in {".trc", ".mot"}:
                remove_file(path)


def _write_rows(opened: Sequence[tuple[Table, PartFile]], motion: Motion, context: TableContext) -> None:
    for table, part in opened:
        for line in table.rows(motion, context):
            part.write_line(line)


def _same_but_measuring(one: MotionMadeBy, other: MotionMadeBy) -> bool:
    first, second = (
        made_by.model_copy(update={"options": {**made_by.options, **dict.fromkeys(OF_MEASURING)}})
        for made_by in (one, other)
    )
    return first == second


def _note(about: SourceFacts, tracks: TrackFile) -> str:
    if not tracks.tracks:
        return "shows nobody for long enough"
    if about.frames == 1:
        return "has one frame: nothing moves in it"
    return "" if any(entry.chosen for entry in tracks.tracks) else "has nobody whom --pick names"
