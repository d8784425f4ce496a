"""What `pose status` says: per stage, how many images are done, failed, without anybody, still to do, passed over."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module

from pose_contract.errors import ImageError, UsageError
from pose_contract.names import colliding_names, printable
from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.storage import read_report, record_paths
from pose_contract.video_records import VideoAnnot, VideoHeader, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import read_image_bytes, upright_size
from stage_kit.runs.found_records import FoundRecord, found_record, picture_of
from stage_kit.runs.listing import ImageListing, list_images
from stage_kit.runs.record_bounds import require_fits, require_image
from stage_kit.runs.seen import SeenFiles
from stage_kit.stages import StageFacts, StatusFacts, installed_stages
from stage_kit.videos.record_files import read_header
from stage_kit.videos.standing import video_records

COLUMNS = ("done", "nobody", "failed", "to do", "passed over")
Named = tuple[str, ImageAnnot | ImagePoses | VideoHeader | ImageError | None]


def workspace_status(workspace: Workspace) -> dict[str, Counter[str]]:
    """Counts per stage over `COLUMNS`; `nobody` are those of the done ones in which nobody is.

    What counts is the pictures and records as they lie there; options that a next run may change do not. `passed over`
    are the files in images/ that are no pictures.
    """
    seen = SeenFiles(workspace)
    tallies = {stage.name: _counts_of(workspace, seen, stage) for stage in installed_stages()}
    return {name: tally for name, tally in tallies.items() if tally is not None}


def _counts_of(workspace: Workspace, seen: SeenFiles, stage: StageFacts) -> Counter[str] | None:
    """None of a stage that has nothing to count, or counts itself and finds nothing."""
    if stage.status:
        return _tally(workspace, seen, stage, stage.status)
    if not stage.counts:
        return None
    counts: Counter[str] = import_module(f"{stage.package}.{stage.counts}").counted(workspace)
    return counts or None


def _tally(workspace: Workspace, seen: SeenFiles, stage: StageFacts, facts: StatusFacts) -> Counter[str]:
    report = read_report(workspace.report_path(stage.name))
    failed = {failure.file for failure in report.failures} if report else set()
    counts: Counter[str] = Counter()
    if facts.of == "images":
        listing = _listing(workspace)
        images = _annotated(workspace, seen, listing)
        counts.update({"passed over": len(listing.ignored)} if listing.ignored else {})
    else:
        images = _posed(workspace, seen)
    videos = _videos_of(workspace, facts)
    for name, record in itertools.chain(images, videos):
        if isinstance(record, ImageError) or (record is None and printable(workspace.image_file(name)) in failed):
            counts["failed"] += 1
        elif record is None:
            counts["to do"] += 1
        else:
            counts["done"] += 1
            counts["nobody"] += not (record.most_people if isinstance(record, VideoHeader) else record.people)
    return counts


def _videos_of(workspace: Workspace, facts: StatusFacts) -> Iterator[Named]:
    """Every video that the stage works on with its record, if it is there."""
    annots = workspace.path(workspace.annots)
    if facts.of == "images":
        names: Iterable[str] = _listing(workspace).videos
    else:
        names = [name for name in video_records(annots) if workspace.path(workspace.video_annot_file(name)).is_file()]
    poses = facts.record == "poses"
    for name in names:
        file = workspace.video_poses_file(name) if poses else workspace.video_annot_file(name)
        yield name, read_header(workspace.path(file), VideoPoses if poses else VideoAnnot)


def _listing(workspace: Workspace) -> ImageListing:
    try:
        return list_images(workspace)
    except UsageError:
        return ImageListing((), ())


def _annotated(workspace: Workspace, seen: SeenFiles, listing: ImageListing) -> Iterator[Named]:
    """Every picture with its annot, as a run finds it: of two that would share outputs the second fails."""
    collisions = colliding_names(listing.names)
    for name in (*collisions, *listing.unreadable_names):
        yield name, ImageError("has a name that cannot be used", "rename it")
    for name in listing.names:
        if name not in collisions:
            try:
                yield name, _annot_of(workspace, seen, name)
            except ImageError as error:
                yield name, error


def _annot_of(workspace: Workspace, seen: SeenFiles, name: str) -> ImageAnnot | None:
    found = found_record(workspace, workspace.annot_file(name), ImageAnnot)
    if found is None:
        return None
    same = _same_image(workspace, seen, found.record, workspace.image_file(name))
    if found.edited:
        require_image(found.record, found.file, workspace.image_file(name))
        _require_fits(workspace, found, same)
    return found.record if found.edited or same else None


def _posed(workspace: Workspace, seen: SeenFiles) -> Iterator[Named]:
    """Every annot's picture with its poses, as a run finds them."""
    folder = workspace.path(workspace.annots)
    for path in record_paths(folder):
        name = picture_of(workspace, path.relative_to(folder).as_posix().removesuffix(".json"))
        try:
            yield name, _poses_of(workspace, seen, name, path.relative_to(workspace.root).as_posix())
        except ImageError as error:
            yield name, error


def _poses_of(workspace: Workspace, seen: SeenFiles, name: str, annot_file: str) -> ImagePoses | None:
    annot = found_record(workspace, annot_file, ImageAnnot)
    poses = found_record(workspace, workspace.poses_file(name), ImagePoses)
    if annot is None or poses is None or not workspace.path(workspace.final_file(name)).is_file():
        return None
    if not _same_image(workspace, seen, annot.record, workspace.image_file(name)):
        return None
    if poses.edited:
        _require_fits(workspace, poses, poses.record.image_sha256 == annot.record.image_sha256)
        return poses.record
    return poses.record if poses.record.made_by.annot_sha256 == hashlib.sha256(annot.data).hexdigest() else None


def _require_fits(
    workspace: Workspace, found: FoundRecord[ImageAnnot] | FoundRecord[ImagePoses], same_image: bool
) -> None:
    path = workspace.path(found.record.image)
    require_fits(found, upright_size(read_image_bytes(path)) if same_image else None)


def _same_image(workspace: Workspace, seen: SeenFiles, annot: ImageAnnot, image: str) -> bool:
    known = seen.known(image)
    if known is None:
        try:
            known = hashlib.sha256(read_image_bytes(workspace.path(image))).hexdigest()
        except ImageError:
            return False
    return annot.image == image and known == annot.image_sha256


def status_table(status: dict[str, Counter[str]]) -> str:
    """The counts as lines of text."""
    widths = {column: max(8, len(column) + 2) for column in COLUMNS}
    header = f"{'':12}" + "".join(f"{column:>{width}}" for column, width in widths.items())
    rows = [
        f"{stage:12}" + "".join(f"{counts[column]:{width}}" for column, width in widths.items())
        for stage, counts in status.items()
    ]
    return "\n".join([header, *rows])
