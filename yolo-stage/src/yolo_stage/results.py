"""What yolo-stage keeps on disk for one image: cuts, inspection picture, record; and what is stale of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from pose_contract.errors import ImageError
from pose_contract.names import printable, stem_of
from pose_contract.records import ImageAnnot, Person
from pose_contract.storage import record_paths, write_bytes
from pose_contract.workspace import Workspace
from stage_kit.pictures.cuts import cut_out
from stage_kit.pictures.draw_boxes import draw_boxes
from stage_kit.pictures.images import Picture, encode_jpeg
from stage_kit.runs.found_records import FoundRecord, found_record
from stage_kit.runs.numbered_files import NumberedFiles
from stage_kit.runs.removal import remove_outputs
from yolo_stage import facts


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
    return files | {inspect_file: encode_jpeg(draw_boxes(picture, boxes, scores), inspect_comment(annot))}


def inspect_comment(annot: ImageAnnot) -> str:
    """What the JPEG comment of an inspection picture says: which boxes and scores it shows."""
    shown = repr((facts().drawing, [(person.score, person.box.xyxy) for person in annot.people]))
    return f"{facts().name} {hashlib.sha256(shown.encode()).hexdigest()[:32]}"


def remove_results(workspace: Workspace, name: str, cuts: NumberedFiles) -> None:
    """Removes one image's cuts and inspection picture, its record last: until then a rerun finds what is left."""
    remove_outputs(cuts.of(name).values(), cuts.folder)
    remove_outputs([workspace.path(workspace.inspect_file(name))], workspace.path(workspace.inspect))
    remove_outputs([workspace.path(workspace.annot_file(name))], workspace.path(workspace.annots))


def remove_stale(workspace: Workspace, cuts: NumberedFiles) -> list[str]:
    """Removes records whose image is gone, with their files; returns a line for each that is kept: a person's work."""
    lines = []
    folder = workspace.path(workspace.annots)
    for path in record_paths(folder):
        stem = path.relative_to(folder).as_posix().removesuffix(".json")
        # Of 10,000 records hardly one is stale: none is read whose picture is where its name says.
        if workspace.path(workspace.image_file(f"{stem}.jpg")).is_file() or _is_beside(workspace, stem):
            continue
        file = str(PurePosixPath(workspace.annots, f"{stem}.json"))
        try:
            found = found_record(workspace, file, ImageAnnot)
        except ImageError as error:
            lines.append(f"{printable(file)} {error.reason}; its picture is gone, it is kept")
            continue
        if found is None:
            continue
        if _is_there(workspace, found.record.image):
            _rename(workspace, found, cuts)
        elif found.edited:
            work = "corrected record" if found.record.corrected else "record, edited by hand,"
            lines.append(f"{printable(found.record.image[:200])} is gone, its {work} is kept")
        else:
            remove_results(workspace, f"{stem}.jpg", cuts)
    return lines


def _is_there(workspace: Workspace, image: str) -> bool:
    """Whether a picture that a record names lies in images/."""
    if not image.startswith(f"{workspace.images}/") or "\0" in image:
        return False
    path = workspace.path(image)
    try:
        return path.exists() or path.is_symlink()
    except OSError:  # a name too long
        return False


def _is_beside(workspace: Workspace, stem: str) -> bool:
    """Whether `b.png` is the picture of `annots/b.png.json`; `IMG_1.JPG` was that of `annots/IMG_1.JPG.json` once."""
    return stem == stem_of(stem) and workspace.path(workspace.image_file(stem)).is_file()


def _rename(workspace: Workspace, found: FoundRecord[ImageAnnot], cuts: NumberedFiles) -> None:
    """Takes a record to the name that its image has today: `.JPG` in capitals was not dropped in the first release."""
    file = workspace.annot_file(workspace.image_name(found.record.image))
    if file == found.file:
        return
    today = workspace.path(file)
    if found.edited and not today.exists():
        write_bytes(today, found.data)
    if not found.edited or today.read_bytes() == found.data:
        old = found.file.removeprefix(f"{workspace.annots}/").removesuffix(".json")
        remove_results(workspace, f"{old}.jpg", cuts)
