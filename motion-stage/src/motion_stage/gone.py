"""Motion of videos whose poses are gone: removed, but for what a person has corrected."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from motion_stage.movie.job import FILE as MOVIE
from motion_stage.report import FILE as REPORT
from motion_stage.report import MotionReport
from motion_stage.sources import SUFFIX
from motion_stage.track_file import FILE as TRACKS
from motion_stage.track_file import TrackFile
from pose_contract.names import is_video_name
from pose_contract.storage import read_record, remove_file
from pose_contract.workspace import Workspace


def clear_gone(workspace: Workspace, names: Collection[str]) -> Iterator[str]:
    """Removes the files of videos that have no poses any more; a line for each.

    Photos' sequences stay: without `--fps` nobody knows whether they are gone.

    Args:
        workspace: whose.
        names: of all sequences that are there; of none nothing is removed, as the folder may be unmounted.
    """
    root, poses = workspace.path(workspace.motion), workspace.path(workspace.output) / "poses"
    for path in sorted(root.rglob(REPORT)) if names else ():
        name = path.parent.relative_to(root).as_posix()
        if name in names or not is_video_name(name) or (poses / f"{name}{SUFFIX}").exists():
            continue
        report, tracks = read_record(path, MotionReport), read_record(path.with_name(TRACKS), TrackFile)
        if report is None or tracks is None or tracks.is_edited:
            continue
        for file in (REPORT, MOVIE, *report.files):
            if ".." not in PurePosixPath(file).parts and not file.startswith("/"):  # as a stranger's report may have it
                remove_file(path.parent / file)
        with contextlib.suppress(OSError):  # what somebody else put there keeps the folder
            path.parent.rmdir()
        yield f"{name} is gone: its motion is removed"
