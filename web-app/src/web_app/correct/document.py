"""One photo's people as the browser gets them, and as it sends them back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from pose_contract.errors import ImageError
from pose_contract.names import printable
from pose_contract.records import ImageAnnot, ImagePoses, MadeBy, Record
from pose_contract.skeletons import MPII16, Skeleton, skeleton_named
from pose_contract.workspace import Workspace
from stage_kit.export.annotated import AnnotatedPerson, AnnotatedPhoto, Joint
from stage_kit.export.predictions import require_current
from stage_kit.runs.found_records import FoundRecord, found_record

FARTHEST = 1_000_000.0
Place = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST, allow_inf_nan=False)]


class GivenJoint(Record):
    """One keypoint as the browser sends it.

    `hidden`: whether it is a guess about something that the photo does not show; None where nobody said.
    """

    name: str = Field(min_length=1, max_length=64)
    x: Place
    y: Place
    hidden: bool | None = None


class GivenPerson(Record):
    """One person: the index in the records, None of somebody new; box edges; keypoints, None of a box alone."""

    index: int | None = Field(default=None, ge=0, le=100_000)
    box: tuple[Place, Place, Place, Place]
    keypoints: tuple[GivenJoint, ...] | None = Field(default=None, max_length=200)


class Correction(Record):
    """All people of a photo. `checked`: somebody has looked at all of them, so that training may learn from them."""

    people: tuple[GivenPerson, ...] = Field(max_length=1_000)
    checked: bool = False

    def annotated(self, name: str, size_wh: tuple[int, int]) -> AnnotatedPhoto:
        """The same as what comes from any other tool for annotation."""
        people = tuple(
            AnnotatedPerson(
                person.index,
                person.box,
                None
                if person.keypoints is None
                else tuple(Joint(joint.name, joint.x, joint.y, joint.hidden) for joint in person.keypoints),
            )
            for person in self.people
        )
        return AnnotatedPhoto(name, *size_wh, people)


class Bone(Record):
    """A limb, by the positions of its keypoints, and its side of the body."""

    a: int
    b: int
    side: str


class Joints(Record):
    """A skeleton: keypoints, limbs, and which keypoints change places in a mirror."""

    name: str
    keypoints: tuple[str, ...]
    limbs: tuple[Bone, ...]
    mirror: tuple[int, ...]


class ShownJoint(Record):
    """One keypoint with the score that stands in the record."""

    name: str
    x: float
    y: float
    score: float


class ShownPerson(Record):
    """One person; `keypoints` is None where there are no poses of them."""

    index: int
    score: float
    box: tuple[float, float, float, float]
    keypoints: tuple[ShownJoint, ...] | None


class Problem(Record):
    """Why a photo cannot be corrected now, and what helps."""

    reason: str
    remedy: str


class Document(Record):
    """A photo as its page shows it. `etag` is another one whenever one of its two records has changed."""

    id: str
    name: str
    width: int
    height: int
    etag: str
    skeleton: Joints
    people: tuple[ShownPerson, ...]
    posed: bool
    edited: bool
    corrected: bool
    problem: Problem | None
    made_by: dict[str, MadeBy]


@dataclass(frozen=True)
class PhotoRecords:
    """The two records of a photo as they lie there; None of those that are not there yet."""

    annot: FoundRecord[ImageAnnot] | None
    poses: FoundRecord[ImagePoses] | None

    @property
    def etag(self) -> str:
        """Of the bytes of both."""
        digest = hashlib.sha256()
        for found in (self.annot, self.poses):
            digest.update(hashlib.sha256(found.data).digest() if found else b"none")
        return digest.hexdigest()[:32]


def read_records(workspace: Workspace, name: str) -> PhotoRecords:
    """The records of the photo `name`. Raises ImageError where one of them cannot be read."""
    return PhotoRecords(
        found_record(workspace, workspace.annot_file(name), ImageAnnot),
        found_record(workspace, workspace.poses_file(name), ImagePoses),
    )


def document(photo_id: str, name: str, records: PhotoRecords) -> Document | None:
    """The photo as its page shows it; None where no stage has seen it yet. Raises ImageError: an unknown skeleton."""
    annot, poses = records.annot, records.poses
    if annot is None:
        return None
    record = annot.record
    skeleton = skeleton_named(poses.record.skeleton) if poses else MPII16
    made_by = {"boxes": record.made_by} | ({"poses": poses.record.made_by} if poses else {})
    return Document(
        id=photo_id,
        name=printable(name),
        width=record.width,
        height=record.height,
        etag=records.etag,
        skeleton=_joints(skeleton),
        people=_people(record, poses.record if poses else None),
        posed=poses is not None,
        edited=annot.edited or (poses is not None and poses.edited),
        corrected=poses is not None and poses.record.corrected,
        problem=_problem(annot, poses),
        made_by=made_by,
    )


def _problem(annot: FoundRecord[ImageAnnot], poses: FoundRecord[ImagePoses] | None) -> Problem | None:
    try:
        require_current(annot, poses)
    except ImageError as error:
        return Problem(reason=printable(error.reason), remedy=printable(error.remedy))
    return None


def _people(annot: ImageAnnot, poses: ImagePoses | None) -> tuple[ShownPerson, ...]:
    """Everybody in one of the records: the annot's box and number, the poses' score and keypoints."""
    posed = {person.index: person for person in poses.people} if poses else {}
    people = []
    for person in annot.people:
        pose = posed.pop(person.index, None)
        points = None if pose is None else _keypoints(pose.keypoints)
        score = person.score if pose is None else pose.score
        people.append(ShownPerson(index=person.index, score=score, box=person.box.xyxy, keypoints=points))
    people += [
        ShownPerson(index=index, score=pose.score, box=pose.box.xyxy, keypoints=_keypoints(pose.keypoints))
        for index, pose in posed.items()
    ]
    return tuple(people)


def _keypoints(points: tuple[object, ...]) -> tuple[ShownJoint, ...]:
    return tuple(ShownJoint.model_validate(point, from_attributes=True) for point in points)


def _joints(skeleton: Skeleton) -> Joints:
    place = {name: index for index, name in enumerate(skeleton.keypoints)}
    return Joints(
        name=skeleton.name,
        keypoints=skeleton.keypoints,
        limbs=tuple(Bone(a=place[limb.a], b=place[limb.b], side=limb.side) for limb in skeleton.limbs),
        mirror=skeleton.mirror_index,
    )
