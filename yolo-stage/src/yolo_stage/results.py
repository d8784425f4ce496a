"""What yolo-stage keeps on disk for one image: cuts, inspection picture, record; and what is stale of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pose_contract.names import stem_of
from pose_contract.records import ImageAnnot, Person
from pose_contract.storage import read_annot, record_paths, remove_outputs, write_bytes
from pose_contract.workspace import Workspace
from stage_kit.pictures.cuts import cut_out
from stage_kit.pictures.draw_boxes import draw_boxes
from stage_kit.pictures.images import Picture, encode_jpeg
from stage_kit.runs.numbered_files import NumberedFiles


def name_cuts(workspace: Workspace, name: str, people: Sequence[Person]) -> tuple[Person, ...]:
    """The people with the file names of their cuts."""
    named = []
    for person in people:
        cut = person.cut and person.cut.model_copy(update={"file": workspace.cut_file(name, person.index)})
        named.append(person.model_copy(update={"cut": cut}))
    return tuple(named)


def draw_results(picture: Picture, annot: ImageAnnot, inspect_file: str) -> dict[str, bytes]:
    """Cuts and inspection picture as JPEG, by file name in the workspace."""
    cuts = [person.cut for person in annot.people if person.cut]
    boxes = np.array([person.box.xyxy for person in annot.people], np.float64).reshape(-1, 4)
    scores = np.array([person.score for person in annot.people], np.float64)
    files = {cut.file: encode_jpeg(cut_out(picture, cut)) for cut in cuts}
    return files | {inspect_file: encode_jpeg(draw_boxes(picture, boxes, scores))}


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
        if workspace.path(workspace.image_file(f"{stem}.jpg")).is_file() or _is_beside(workspace, stem):
            continue
        annot = read_annot(path)
        if annot is None:
            continue
        image = workspace.path(annot.image)
        if image.exists() or image.is_symlink():
            _rename(workspace, path, annot, cuts)
        elif annot.corrected:
            kept.append(annot.image)
        else:
            remove_results(workspace, f"{stem}.jpg", cuts)
    return kept


def _is_beside(workspace: Workspace, stem: str) -> bool:
    """Whether `b.png` is the picture of `annots/b.png.json`; `IMG_1.JPG` was that of `annots/IMG_1.JPG.json` once."""
    return stem == stem_of(stem) and workspace.path(workspace.image_file(stem)).is_file()


def _rename(workspace: Workspace, path: Path, annot: ImageAnnot, cuts: NumberedFiles) -> None:
    """Takes a record to the name that its image has today: `.JPG` in capitals was not dropped in the first release."""
    name = workspace.image_name(annot.image)
    today = workspace.path(workspace.annot_file(name))
    if today == path:
        return
    old = path.relative_to(workspace.path(workspace.annots)).as_posix().removesuffix(".json") + ".jpg"
    if annot.corrected and not today.exists():
        write_bytes(today, path.read_bytes())
    if not annot.corrected or today.read_bytes() == path.read_bytes():
        remove_results(workspace, old, cuts)
