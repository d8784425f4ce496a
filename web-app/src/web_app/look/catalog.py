"""All photos and videos of a workspace with what is known of each, kept in memory and read anew where files change."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pose_contract.errors import ImageError, UsageError
from pose_contract.names import printable
from pose_contract.records import Failure, ImageAnnot, ImagePoses, RunReport
from pose_contract.storage import read_report
from pose_contract.video_records import FramePoses, VideoAnnot, VideoHeader, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.runs.found_records import found_record
from stage_kit.runs.listing import list_images
from stage_kit.stages import installed_stages
from stage_kit.videos.record_files import VideoRecord, read_header
from web_app.look.entries import Entry, Found, found_in_photo, found_in_video

FRESH_SECONDS = 1.0
REST = 10  # times as long as a look took nothing is looked at again
Told = tuple[Failure, str, int]
Stamp = tuple[int, int, int]
NO_FILE: Stamp = (0, 0, 0)


class Catalog:
    """The workspace's entries; safe to use from threads.

    Files are looked at again when the last look is over a second old, in a large workspace later; records are read only
    where their size, time or inode is another one.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._lock = threading.Lock()
        self._read: dict[str, tuple[tuple[Stamp, ...], Found]] = {}
        self._files: dict[str, dict[str, str]] = {}
        self._entries: dict[str, Entry] = {}
        self._failed: dict[str, Told] = {}
        self._fresh_until: float | None = None

    def entries(self) -> list[Entry]:
        """All entries, by name."""
        with self._lock:
            begun = time.monotonic()
            if self._fresh_until is None or begun > self._fresh_until:
                self._entries = {entry.id: entry for entry in self._look()}
                now = time.monotonic()
                self._fresh_until = now + max(FRESH_SECONDS, REST * (now - begun))
            return list(self._entries.values())

    def find(self, entry_id: str) -> Entry | None:
        """The entry of that id as its files are now, or None."""
        with self._lock:
            known = self._entries.get(entry_id)
            if known is not None:
                if not os.path.lexists(self._files[known.name]["original"]):
                    return None
                self._entries[entry_id] = found = self._entry(known.name, known.video)
                return found
        self.entries()
        with self._lock:
            return self._entries.get(entry_id)

    def forget(self) -> None:
        """Something has just been written: the next question looks at all files again."""
        with self._lock:
            self._fresh_until = None

    def reports(self) -> dict[Path, RunReport]:
        """The reports of all last runs, by their files; those that cannot be read are passed over."""
        folder = self.workspace.path(self.workspace.reports)
        read = {path: read_report(path) for path in sorted(folder.glob("[!.]*.json"))}
        return {path: report for path, report in read.items() if report is not None}

    def _look(self) -> Iterator[Entry]:
        try:
            listing = list_images(self.workspace)
        except UsageError:
            return
        self._failed = self._failures()
        names = {**dict.fromkeys(listing.names, False), **dict.fromkeys(listing.videos, True)}
        for name, video in sorted(names.items()):
            yield self._entry(name, video)
        self._read = {name: read for name, read in self._read.items() if name in names}
        self._files = {name: files for name, files in self._files.items() if name in names}

    def _entry(self, name: str, video: bool) -> Entry:
        files = self._files.get(name)
        if files is None:
            files = self._files[name] = _files(self.workspace, name, video)
        stamps = {what: _stamp(file) for what, file in files.items()}
        records = (stamps["annot"], stamps["poses"])
        known = self._read.get(name)
        if known is None or known[0] != records:
            found = self._read_video(name) if video else self._read_photo(name)
            known = self._read[name] = (records, found)
        found = known[1]
        failure = found.mistake or _standing(self._failed.get(printable(self.workspace.image_file(name))), stamps)
        version = hashlib.sha256(repr(tuple(stamps.values())).encode()).hexdigest()[:12]
        return Entry(name, video, found, failure, version)

    def _read_photo(self, name: str) -> Found:
        workspace = self.workspace
        try:
            annot = found_record(workspace, workspace.annot_file(name), ImageAnnot)
            poses = found_record(workspace, workspace.poses_file(name), ImagePoses)
        except ImageError as error:
            file = printable(workspace.image_file(name))
            failure = Failure(file=file, reason=printable(error.reason), remedy=printable(error.remedy))
            return Found(mistake=failure, edited=True)
        return found_in_photo(annot, poses)

    def _read_video(self, name: str) -> Found:
        workspace = self.workspace
        annot: VideoHeader | None = read_header(workspace.path(workspace.video_annot_file(name)), VideoAnnot)
        poses: VideoHeader | None = read_header(workspace.path(workspace.video_poses_file(name)), VideoPoses)
        edited = False
        if poses is not None:
            with contextlib.suppress(ImageError, OSError):
                path = workspace.path(workspace.video_poses_file(name))
                record: VideoRecord[VideoPoses, FramePoses] = VideoRecord(path, VideoPoses, FramePoses)
                edited = not record.is_as_written()
        return found_in_video(annot, poses, edited)

    def _failures(self) -> dict[str, Told]:
        """What the last runs could not do, by file, with the record that the stage writes and the report's time."""
        records = {stage.name: stage.status.record for stage in installed_stages() if stage.status}
        failures: dict[str, Told] = {}
        for path, report in self.reports().items():
            written = _stamp(str(path))[1]
            for failure in report.failures:
                record = {"annots": "annot", "poses": "poses"}.get(records.get(report.stage, ""), "")
                failures[failure.file] = (failure, record, written)
        return failures


def _standing(told: Told | None, stamps: Mapping[str, Stamp]) -> Failure | None:
    """A failure that a report tells, unless the record that lacked has been written since."""
    if told is None:
        return None
    failure, record, written = told
    return None if stamps.get(record, NO_FILE)[1] > written else failure


def _files(workspace: Workspace, name: str, video: bool) -> dict[str, str]:
    """Where what is shown of an entry lies, by what it is."""
    if video:
        files = {
            "original": workspace.image_file(name),
            "annot": workspace.video_annot_file(name),
            "poses": workspace.video_poses_file(name),
            "final": workspace.movie_file(workspace.final, name),
            "inspect": workspace.movie_file(workspace.inspect, name),
        }
    else:
        files = {
            "original": workspace.image_file(name),
            "annot": workspace.annot_file(name),
            "poses": workspace.poses_file(name),
            "final": workspace.final_file(name),
            "inspect": workspace.inspect_file(name),
        }
    return {what: str(workspace.path(file)) for what, file in files.items()}


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)  # noqa: PTH116 - ten thousand times a look
    except OSError:
        return NO_FILE
    return status.st_size, status.st_mtime_ns, status.st_ino
