"""What a picture allows in its record: names, sizes, boxes and keypoints that a person may have mistyped."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from pose_contract.errors import ImageError
from pose_contract.names import is_text, printable
from pose_contract.records import Box, ImageAnnot, ImagePoses, Person, PersonPose
from pose_contract.skeletons import skeleton_named
from pose_contract.workspace import Workspace
from stage_kit.pictures.boxes import clip_boxes, valid_boxes
from stage_kit.pictures.cuts import cut_around
from stage_kit.pictures.images import read_image_bytes, upright_size
from stage_kit.pictures.limits import MAX_SIDE
from stage_kit.runs.found_records import FoundRecord

PICTURE_SIZES = 3  # how far from the photo's origin a box or keypoint may lie, in its longer side
MAX_PEOPLE = 10_000
MAX_PATH_BYTES = 1_000
MIN_CUT_SCALE, MAX_CUT_SCALE = 1.0, 10.0
AGAIN = "run yolo-stage again"


def require_image(record: ImageAnnot | ImagePoses, file: str, image: str) -> None:
    """Raises ImageError unless the record `file` is that of `image`."""
    if record.image != image:
        named = printable(record.image[:200])
        raise ImageError(f"has a record that names another picture: {file} says {named}", f"write {printable(image)}")


def require_paths(workspace: Workspace, name: str, annot: ImageAnnot) -> None:
    """Cuts lie below the workspace, whoever wrote the record. Raises ImageError."""
    for position, person in enumerate(annot.people):
        if person.cut and person.cut.file != workspace.cut_file(name, person.index) and not _is_plain(person.cut.file):
            shown = printable(person.cut.file[:100])
            raise ImageError(
                f"has a record whose person {position} has a cut that is no file below the workspace: {shown}",
                f"delete that cut from the record, and {AGAIN}",
            )


def _is_plain(file: str) -> bool:
    path = PurePosixPath(file)
    short = is_text(file) and 0 < len(file.encode()) < MAX_PATH_BYTES
    return short and file.isprintable() and not path.is_absolute() and ".." not in path.parts


def require_fits(found: FoundRecord[ImageAnnot] | FoundRecord[ImagePoses], size_wh: tuple[int, int] | None) -> None:
    """What a person wrote fits the picture of that width and height; None where it is not the record's any more.

    Raises:
        ImageError: says which person has what, and what is expected.
    """
    record, file = found.record, found.file
    width, height = size_wh or (record.width, record.height)
    if (record.width, record.height) != (width, height):
        reason = f"has a record of {record.width} x {record.height}, the picture is {width} x {height}: {file}"
        raise ImageError(reason, f"write width {width} and height {height}")
    if max(width, height) > MAX_SIDE:
        raise _mistake(file, f"a side is over {MAX_SIDE} pixels", "write the picture's width and height")
    if len(record.people) > MAX_PEOPLE:
        raise _mistake(file, f"it names more than {MAX_PEOPLE} people", "take some out")
    people: Sequence[Person | PersonPose] = record.people
    for position, person in enumerate(people):
        _require_person(file, position, person, PICTURE_SIZES * max(width, height))
    if isinstance(record, ImageAnnot):
        _require_areas(file, record)
        cut_scale_of(record, 1.0)
    else:
        _require_known_keypoints(file, record)


def _mistake(file: str, what: str, remedy: str) -> ImageError:
    return ImageError(f"has a record with a mistake: {file}, {what}", remedy)


def _require_person(file: str, position: int, person: Person | PersonPose, farthest: int) -> None:
    if person.index > 10 * MAX_PEOPLE:
        raise _mistake(file, f"person {position} has an index over {10 * MAX_PEOPLE}", "write a smaller one")
    for what, values in _coordinates(person):
        if any(abs(value) > farthest for value in values):
            reason = f"person {position} has {what} outside three picture sizes"
            raise _mistake(file, reason, f"coordinates are pixels of the photo, here -{farthest} to {farthest}")


def _coordinates(person: Person | PersonPose) -> Iterable[tuple[str, tuple[float, ...]]]:
    yield "a box", person.box.xyxy
    if isinstance(person, PersonPose):
        yield from ((f"a keypoint {printable(point.name[:40])}", (point.x, point.y)) for point in person.keypoints)


def _require_areas(file: str, annot: ImageAnnot) -> None:
    for position, person in enumerate(annot.people):
        if not _has_area(person.box, annot):
            size = f"{annot.width} x {annot.height}"
            raise _mistake(
                file, f"person {position} has a box without area in the picture", f"correct it; the picture is {size}"
            )


def _has_area(box: Box, annot: ImageAnnot) -> bool:
    return bool(valid_boxes(clip_boxes([box.xyxy], (annot.width, annot.height)))[0])


def _require_known_keypoints(file: str, poses: ImagePoses) -> None:
    known = skeleton_named(poses.skeleton[:40]).keypoints
    for position, person in enumerate(poses.people):
        for name, times in Counter(point.name for point in person.keypoints).items():
            if name not in known:
                near = difflib.get_close_matches(name[:40], known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                raise _mistake(file, f"person {position} has a keypoint {name[:40]!r}", hint)
            if times > 1:
                raise _mistake(file, f"person {position} has {times} keypoints {name}", "take all but one out")


def cut_scale_of(annot: ImageAnnot, otherwise: float) -> float:
    """The size of the record's cuts over that of its boxes; `otherwise` where it does not say. Raises ImageError."""
    scale = annot.made_by.options.get("cut_scale", otherwise)
    number = isinstance(scale, (int, float)) and not isinstance(scale, bool)
    if not number or not MIN_CUT_SCALE <= scale <= MAX_CUT_SCALE:  # type: ignore[operator]
        raise ImageError("has a record with a mistake: its cut_scale is not from 1 to 10", "write 1.25, the usual one")
    return float(scale)  # type: ignore[arg-type]


def with_cuts(annot: ImageAnnot, cut_scale: float) -> list[Person]:
    """The people of a record that `require_fits`, numbered as they stand there, with the cuts their boxes ask for.

    The cuts have no file names yet.
    """
    size_wh = (annot.width, annot.height)
    return [
        person.model_copy(update={"index": index, "cut": cut_around(person.box, size_wh, cut_scale)})
        for index, person in enumerate(annot.people)
    ]


def size_of(workspace: Workspace, image: str, max_file_mb: int) -> tuple[int, int]:
    """Width and height of a picture of the workspace, upright. Raises ImageError."""
    return upright_size(read_image_bytes(workspace.path(image), max_file_mb))
