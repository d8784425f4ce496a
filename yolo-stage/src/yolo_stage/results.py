"""What yolo-stage keeps on disk for one image: cuts, inspection picture, record; and what is stale of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stage_kit.pictures.images import Picture, encode_jpeg, fitting_into_memory
from pose_contract.records import ImageAnnot, Person
from pose_contract.storage import (
    NumberedFiles,
    read_annot,
    record_paths,
    remove_file,
    remove_outputs,
    write_bytes,
    write_record,
)
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_boxes import draw_boxes


def name_cuts(workspace: Workspace, name: str, people: Sequence[Person]) -> tuple[Person, ...]:
    """The people with the file names of their cuts."""
    named = []
    for person in people:
        cut = person.cut and person.cut.model_copy(update={"file": workspace.cut_file(name, person.index)})
        named.append(person.model_copy(update={"cut": cut}))
    return tuple(named)


def draw_results(picture: Picture, annot: ImageAnnot, inspect_file: str) -> dict[str, bytes]:
    """Cuts and inspection picture as JPEG, by file name in the workspace.

    Raises:
        ImageError: they do not fit into memory.
    """
    cuts = [person.cut for person in annot.people if person.cut]
    boxes = np.array([person.box.xyxy for person in annot.people], np.float64).reshape(-1, 4)
    scores = np.array([person.score for person in annot.people], np.float64)
    with fitting_into_memory():
        files = {cut.file: encode_jpeg(picture[cut.y : cut.y + cut.height, cut.x : cut.x + cut.width]) for cut in cuts}
        return files | {inspect_file: encode_jpeg(draw_boxes(picture, boxes, scores))}


def write_results(
    workspace: Workspace, name: str, files: Mapping[str, bytes], annot: ImageAnnot, cuts: NumberedFiles
) -> None:
    """Writes cuts and inspection picture first, the record last. `cuts` are those that were there before.

    Raises:
        WorkspaceError: not writable, or the disk is full.
        ImageError: a name that cannot be written.
    """
    for file, data in files.items():
        write_bytes(workspace.path(file), data)
    for index, path in cuts.of(name).items():
        if index >= len(annot.people):
            remove_file(path)
    write_record(workspace.path(workspace.annot_file(name)), annot)


def remove_results(workspace: Workspace, name: str, cuts: NumberedFiles) -> None:
    """Removes one image's cuts and inspection picture, its record last: until then a rerun finds what is left."""
    remove_outputs(cuts.of(name).values(), cuts.folder)
    remove_outputs([workspace.path(workspace.inspect_file(name))], workspace.path(workspace.inspect))
    remove_outputs([workspace.path(workspace.annot_file(name))], workspace.path(workspace.annots))


def remove_stale(workspace: Workspace, cuts: NumberedFiles) -> list[str]:
    """Removes records whose image is gone, with their files; returns the images whose records a person corrected."""
    kept = []
    folder = workspace.path(workspace.annots)
    for path in record_paths(folder):
        stem = path.relative_to(folder).as_posix().removesuffix(".json")
        # Of 10,000 records hardly one is stale: none is read whose picture is where its name says.
        if any(workspace.path(workspace.image_file(name)).is_file() for name in (f"{stem}.jpg", stem)):
            continue
        annot = read_annot(path)
        if annot is None or workspace.path(annot.image).exists() or workspace.path(annot.image).is_symlink():
            continue
        if annot.corrected:
            kept.append(annot.image)
            continue
        remove_results(workspace, f"{stem}.jpg", cuts)
    return kept
