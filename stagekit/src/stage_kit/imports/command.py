"""`pose import`: what people corrected in CVAT or Label Studio -> annots/ and output/poses/."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pose_contract.errors import ImageError
from pose_contract.names import printable
from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.storage import record_bytes, write_bytes
from pose_contract.workspace import Workspace
from stage_kit.export.annotated import AnnotatedPhoto
from stage_kit.export.predictions import require_current
from stage_kit.imports.file import read_annotations
from stage_kit.imports.merging import Merged, merged
from stage_kit.pictures.images import read_image_bytes
from stage_kit.pictures.limits import MAX_FILE_MB
from stage_kit.runs.containment import require_contained
from stage_kit.runs.found_records import FoundRecord, found_record
from stage_kit.runs.listing import list_images
from stage_kit.runs.lock import locked
from stage_kit.runs.record_bounds import require_fits, require_image
from stage_kit.runs.seen import SeenFiles
from stage_kit.stages import installed_stages

ANEW = "export anew, after make yolo hrn"


@dataclass(frozen=True)
class ImportOptions:
    """`checked`: somebody has looked at all photos of the file. `overwrite`: its people win over those edited here."""

    checked: bool = False
    overwrite: bool = False
    follow_links: bool = False


@dataclass(frozen=True)
class Imported:
    """How the photos of the file fared. `failures` are those that were not taken over; `notes` say why, and more."""

    corrected: int
    unchanged: int
    failures: int
    notes: tuple[str, ...]

    def as_text(self) -> str:
        """One line, and what comes next."""
        line = f"{self.corrected} photos corrected, {self.unchanged} unchanged, {self.failures} not taken over"
        return f"{line}\nnext: make yolo hrn (their cuts and pictures are made to fit)" if self.corrected else line


def import_annotations(workspace: Workspace, file: Path, options: ImportOptions) -> Imported:
    """Takes the people of the file's photos over into their records, which are marked corrected then.

    A photo is taken over whole or not at all. What a person edited here since is kept unless `overwrite` is said.

    Raises:
        ConfigError: no file of a known tool, or a mistake in it.
        WorkspaceError: the workspace cannot be written, or a stage is running on it.
        UsageError: images/ holds no photo.
    """
    photos = read_annotations(file)
    names = list_images(workspace).names
    by_ending: dict[str, list[str]] = {}
    for name in names:
        by_ending.setdefault(PurePosixPath(name).name, []).append(name)
    require_contained(workspace, ("annots", "output"), options.follow_links)
    seen = SeenFiles(workspace)
    done: set[str] = set()
    counts, notes = {"corrected": 0, "unchanged": 0, "failures": 0}, []
    with contextlib.ExitStack() as held:
        for stage in installed_stages():
            held.enter_context(locked(workspace, stage.name))
        for photo in photos:
            try:
                name = _photo_named(photo.name, by_ending)
                if name in done:
                    raise ImageError("stands twice in the file", "take one of the two out")
                done.add(name)
                result = _taken_over(workspace, seen, name, photo, options)
            except ImageError as error:
                counts["failures"] += 1
                notes.append(f"{printable(photo.name)[:200]} ({photo.where}) {error}")
                continue
            counts["corrected" if result.annot or result.poses else "unchanged"] += 1
            notes += [f"{printable(name)}: {note}" for note in result.notes]
    return Imported(**counts, notes=tuple(notes))


def _photo_named(given: str, by_ending: Mapping[str, Sequence[str]]) -> str:
    """The photo that a tool calls so: some drop folders, some put images/ before. Raises ImageError."""
    parts = PurePosixPath(given).parts
    alike = by_ending.get(parts[-1], ()) if parts else ()
    if given in alike:
        return given
    found = []
    for name in alike:
        own = PurePosixPath(name).parts
        shorter = min(len(parts), len(own))
        if parts[-shorter:] == own[-shorter:]:
            found.append(name)
    if len(found) == 1:
        return found[0]
    if found:
        raise ImageError("has a name that several photos end in", "give it its folders in the file")
    raise ImageError("is no photo of this workspace", "name the workspace that it was exported from")


def _taken_over(
    workspace: Workspace, seen: SeenFiles, name: str, photo: AnnotatedPhoto, options: ImportOptions
) -> Merged:
    annot = found_record(workspace, workspace.annot_file(name), ImageAnnot)
    poses = found_record(workspace, workspace.poses_file(name), ImagePoses)
    if annot is None:
        raise ImageError("has no record yet", ANEW)
    if photo.problem:
        raise ImageError(photo.problem, "mend it in the tool, and import again")
    require_image(annot.record, annot.file, workspace.image_file(name))
    _require_same_picture(workspace, seen, photo, annot.record)
    require_current(annot, poses)
    result = merged(photo, annot, poses, options.checked)
    if result.annot is not None:
        _require_writable(annot, result.annot, options.overwrite)
    if poses is not None and result.poses is not None:
        _require_writable(poses, result.poses, options.overwrite)
    # The annot first: if we are killed in between, the poses are older than it, and the next import says so.
    for file, record in ((workspace.annot_file(name), result.annot), (workspace.poses_file(name), result.poses)):
        if record is not None:
            write_bytes(workspace.path(file), record_bytes(record))
    return result


def _require_same_picture(workspace: Workspace, seen: SeenFiles, photo: AnnotatedPhoto, record: ImageAnnot) -> None:
    """The record is that of the photo that lies there, and the tool has shown the same one. Raises ImageError."""
    if (photo.width, photo.height) not in ((record.width, record.height), (0, 0)):
        sizes = f"{photo.width} x {photo.height} in the file, {record.width} x {record.height} here"
        raise ImageError(f"is another picture: {sizes}", "give the tool the photos of this workspace, upright")
    sha256 = seen.known(record.image)
    if sha256 is None:
        sha256 = seen.sha256(record.image, read_image_bytes(workspace.path(record.image), MAX_FILE_MB))
    if sha256 != record.image_sha256:
        raise ImageError("has changed since its record was made", ANEW)


def _require_writable(
    found: FoundRecord[ImageAnnot] | FoundRecord[ImagePoses], new: ImageAnnot | ImagePoses, overwrite: bool
) -> None:
    """What a person edited stays unless they say otherwise, and the new record is one that a stage reads."""
    if found.edited and new.people != found.record.people and not overwrite:
        raise ImageError(
            f"has a record that was edited by hand: {found.file}: kept", "--overwrite takes the file's people"
        )
    size_wh = found.record.width, found.record.height
    if isinstance(new, ImageAnnot):
        require_fits(FoundRecord(found.file, new, b"", True), size_wh)
    else:
        require_fits(FoundRecord(found.file, new, b"", True), size_wh)
