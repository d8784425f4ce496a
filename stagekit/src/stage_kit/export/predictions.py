"""What the workspace's records say of each photo, corrected or not, as a tool for annotation is to show it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pose_contract.errors import ConfigError, ImageError
from pose_contract.names import printable
from pose_contract.records import SURE_SCORE, ImageAnnot, ImagePoses, Keypoint, PersonPose
from pose_contract.skeletons import MPII16, Skeleton, skeleton_named
from pose_contract.workspace import Workspace
from stage_kit.export.annotated import AnnotatedPerson, AnnotatedPhoto, Joint
from stage_kit.runs.found_records import FoundRecord, found_record
from stage_kit.runs.listing import list_images

LATER = "run both stages first: make yolo hrn"


@dataclass(frozen=True)
class Predictions:
    """All photos that have a record, by name; their skeleton; what is said of photos that are left out."""

    photos: tuple[AnnotatedPhoto, ...]
    skeleton: Skeleton
    left_out: tuple[str, ...]


def predictions(workspace: Workspace) -> Predictions:
    """Reads the records of all photos in images/.

    Raises:
        ConfigError: no photo has a record, or their skeletons differ.
        UsageError: images/ holds no photo.
    """
    photos, left_out, skeletons = [], [], set()
    for name in list_images(workspace).names:
        try:
            annot = found_record(workspace, workspace.annot_file(name), ImageAnnot)
            poses = found_record(workspace, workspace.poses_file(name), ImagePoses)
            if annot is None:
                continue
            require_current(annot, poses)
            skeletons |= {skeleton_named(poses.record.skeleton)} if poses else set()
        except ImageError as error:
            left_out.append(f"{printable(name)} {error}")
            continue
        people = _people(annot.record, poses.record if poses else None)
        photos.append(AnnotatedPhoto(name, annot.record.width, annot.record.height, people))
    if not photos:
        raise ConfigError(f"{workspace.root} has no records to export", "\n     ".join([LATER, *left_out]))
    if len(skeletons) > 1:
        names = ", ".join(sorted(skeleton.name for skeleton in skeletons))
        raise ConfigError(
            f"the poses have the skeletons {names}", "a task has one: export from a workspace of one kind"
        )
    return Predictions(tuple(photos), skeletons.pop() if skeletons else MPII16, tuple(left_out))


def require_current(annot: FoundRecord[ImageAnnot], poses: FoundRecord[ImagePoses] | None) -> None:
    """The poses belong to the people of the annot. Poses that a person edited do so as the person has it.

    Raises:
        ImageError: the annot has been made or corrected since, or a number is two people's.
    """
    _require_numbered(annot.file, [person.index for person in annot.record.people])
    if poses is None:
        return
    _require_numbered(poses.file, [person.index for person in poses.record.people])
    made_for = poses.record.made_by.annot_sha256
    if poses.record.image_sha256 != annot.record.image_sha256:
        raise ImageError("has poses of another picture", LATER)
    if not poses.edited and made_for not in (None, hashlib.sha256(annot.data).hexdigest()):
        raise ImageError("has poses that are older than its annot", LATER)


def _require_numbered(file: str, numbers: list[int]) -> None:
    if len(set(numbers)) < len(numbers):
        raise ImageError(f"has a record with two people of one index: {file}", "number them: 0, 1, 2 and so on")


def _people(annot: ImageAnnot, poses: ImagePoses | None) -> tuple[AnnotatedPerson, ...]:
    size_wh = annot.width, annot.height
    boxed = {person.index: (person.box, person.score) for person in annot.people}
    posed = {person.index: person for person in poses.people} if poses else {}
    both = {index: (person.box, person.score) for index, person in posed.items()} | boxed
    return tuple(
        AnnotatedPerson(index, box.xyxy, _joints(posed[index], size_wh) if index in posed else None, score)
        for index, (box, score) in sorted(both.items())
    )


def _joints(person: PersonPose, size_wh: tuple[int, int]) -> tuple[Joint, ...]:
    return tuple(
        Joint(point.name, point.x, point.y, point.score <= SURE_SCORE, point.score)
        for point in person.keypoints
        if in_picture(point, size_wh)
    )


def in_picture(point: Keypoint, size_wh: tuple[int, int]) -> bool:
    """Whether a tool can show a keypoint: its pixel lies in the photo."""
    return -0.5 <= point.x <= size_wh[0] - 0.5 and -0.5 <= point.y <= size_wh[1] - 0.5
