"""What lies in a workspace when its stages have run: per photo what was found, and which photos failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pose_contract.errors import DONE, SOME_IMAGES_FAILED
from pose_contract.names import is_video_name, printable
from pose_contract.records import SURE_SCORE, Failure, ImageAnnot, ImagePoses
from pose_contract.storage import read_annot, read_poses, read_report
from pose_contract.video_records import VideoAnnot, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.command.progress import tell
from stage_kit.runs.listing import list_images
from stage_kit.stages import StatusFacts, installed_stages
from stage_kit.videos.record_files import read_header

SHOWN = 20


def found_lines(workspace: Workspace, names: Iterable[str] | None = None, shown: int | None = None) -> Iterator[str]:
    """Per photo: how many people, how many of their keypoints are sure, and where the picture is; or why it failed.

    Args:
        workspace: whose.
        names: of the photos, below images/; without them all.
        shown: at most so many photos, and then how many more there are.
    """
    chosen = list(_all(workspace) if names is None else names)
    failed = failures(workspace)
    for name in chosen[:shown]:
        failure = failed.get(printable(workspace.image_file(name)))
        yield f"{printable(name)}: " + (
            f"failed: {failure.reason} -> {failure.remedy}" if failure else _found(workspace, name)
        )
    if shown is not None and len(chosen) > shown:
        yield f"and {len(chosen) - shown} more"


def _all(workspace: Workspace) -> Iterator[str]:
    listing = list_images(workspace)
    yield from listing.names
    yield from listing.videos


def _found(workspace: Workspace, name: str) -> str:
    """Of the last stage that has a record of the photo."""
    if is_video_name(name):
        return _found_in_video(workspace, name)
    for status in _statuses():
        poses = status.record == "poses"
        record: ImagePoses | ImageAnnot | None = (
            read_poses(workspace.path(workspace.poses_file(name)))
            if poses
            else read_annot(workspace.path(workspace.annot_file(name)))
        )
        if record is not None:
            final = status.picture == "final"
            picture = workspace.final_file(name) if final else workspace.inspect_file(name)
            return f"{_people(record)} -> {workspace.path(picture)}"
    return "not done yet"


def _statuses() -> list[StatusFacts]:
    """Of the installed stages that work on single pictures, the last one first."""
    return [stage.status for stage in reversed(installed_stages()) if stage.status]


def _found_in_video(workspace: Workspace, name: str) -> str:
    for status in _statuses():
        poses = status.record == "poses"
        file = workspace.video_poses_file(name) if poses else workspace.video_annot_file(name)
        header = read_header(workspace.path(file), VideoPoses if poses else VideoAnnot)
        if header is not None:
            who = f"up to {header.most_people} people" if header.most_people != 1 else "up to 1 person"
            movie = workspace.path(workspace.movie_file(getattr(workspace, status.picture), name))
            return f"{header.frames} frames, {who}" + (f" -> {movie}" if movie.is_file() else "")
    return "not done yet"


def _people(record: ImagePoses | ImageAnnot) -> str:
    people = f"{len(record.people)} {'person' if len(record.people) == 1 else 'people'}"
    if not isinstance(record, ImagePoses) or not record.people:
        return people
    points = [point for person in record.people for point in person.keypoints]
    sure = sum(point.score >= SURE_SCORE for point in points)
    return f"{people}, {sure} of {len(points)} keypoints sure"


def where_to_look(workspace: Workspace) -> str:
    """The folders with pictures, the last stage's first, and the table."""
    folders = dict.fromkeys(getattr(workspace, status.picture) for status in _statuses())
    places = [f"pictures: {', '.join(str(workspace.path(folder)) for folder in folders)}"]
    tables = [path for path in (workspace.keypoints_csv, workspace.keypoints_parquet) if path.exists()]
    if tables:
        places.append(f"keypoints: {', '.join(map(str, tables))}")
    return "; ".join(places)


def failures(workspace: Workspace) -> dict[str, Failure]:
    """What the last run of each stage could not do, by file."""
    reports = (read_report(workspace.report_path(stage.name)) for stage in installed_stages())
    return {failure.file: failure for report in reports if report for failure in report.failures}


def verdict(workspace: Workspace) -> int:
    """Exit code 3 where the last run of a stage lists failures; says where they stand.

    By the reports that lie there: in a container one stage is installed, and all have run.
    """
    code = DONE
    for path in sorted(workspace.path(workspace.reports).glob("[!.]*.json")):
        report = read_report(path)
        if report and report.failures:
            tell(f"{report.stage}: {len(report.failures)} failed, see {path}")
            code = SOME_IMAGES_FAILED
    return code
