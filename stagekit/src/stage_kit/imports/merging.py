"""A photo's records and what a tool's file says of its people -> the records as they are then. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pose_contract.errors import ImageError
from pose_contract.records import SURE_SCORE, Box, ImageAnnot, ImagePoses, Keypoint, Person, PersonPose
from pose_contract.skeletons import skeleton_named
from stage_kit.export.annotated import AnnotatedPerson, AnnotatedPhoto, Joint
from stage_kit.export.predictions import in_picture
from stage_kit.runs.found_records import FoundRecord

TOLERANCE = 0.05
"""In pixels: nearer than this nothing was moved. CVAT writes two decimals."""
ROOM = 0.1
"""Of the joints' extent, on each side of a box that is drawn around them."""
MAX_PEOPLE = 1_000


@dataclass(frozen=True)
class Merged:
    """The records that change; None of those that stay as they are. `notes` are told to the user."""

    annot: ImageAnnot | None
    poses: ImagePoses | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """Somebody in the records: in the annot, in the poses, or in both."""

    index: int
    box: Box
    person: Person | None = None
    pose: PersonPose | None = None


def merged(
    photo: AnnotatedPhoto, annot: FoundRecord[ImageAnnot], poses: FoundRecord[ImagePoses] | None, checked: bool
) -> Merged:
    """What changes in the records.

    The annot does where somebody's box does, or who there is; the poses where a joint does. What nobody touched keeps
    its exact numbers and its score. Poses of which no joint was touched are left to the stage, which makes them anew
    for other boxes, unless a person had edited them before.

    Args:
        photo: people of the file.
        annot: the photo's record.
        poses: likewise; None where they have not been made.
        checked: somebody has looked at the whole photo: both records are corrected, changed or not.

    Raises:
        ImageError: over 1,000 people, or joints without poses that they could be compared with.
    """
    if len(photo.people) > MAX_PEOPLE:
        raise ImageError(f"has more than {MAX_PEOPLE:,} people in the file", "take some out")
    size_wh = annot.record.width, annot.record.height
    pairs = _paired(photo.people, _known(annot.record, poses.record if poses else None))
    boxes = [_box(given, known, size_wh) for given, known in pairs]
    people = tuple(_person(index, box, known) for index, (box, (_, known)) in enumerate(zip(boxes, pairs, strict=True)))
    changed = people != annot.record.people or (checked and not annot.record.corrected)
    as_corrected = {"corrected": True, "seal": None}
    new_annot = annot.record.model_copy(update={"people": people, **as_corrected}) if changed else None
    if poses is None:
        if any(given.joints for given, _ in pairs):
            raise ImageError("has joints in the file, and no poses yet", "run hrn-stage, then again: make hrn")
        return Merged(new_annot, None)
    posed, touched = _posed(pairs, boxes, poses.record, size_wh)
    if not (touched or checked or (poses.edited and posed != poses.record.people)):
        return Merged(new_annot, None)
    if posed == poses.record.people and poses.record.corrected:
        return Merged(new_annot, None)
    jointless = [str(person.index) for person in posed if not person.keypoints]
    note = f"person {', '.join(jointless)} has a box and no joints, and corrected poses are not estimated"
    new_poses = poses.record.model_copy(update={"people": posed, **as_corrected})
    return Merged(new_annot, new_poses, (note,) if jointless else ())


def _known(annot: ImageAnnot, poses: ImagePoses | None) -> list[Known]:
    posed = {person.index: person for person in poses.people} if poses else {}
    known = [Known(person.index, person.box, person, posed.pop(person.index, None)) for person in annot.people]
    return known + [Known(index, person.box, pose=person) for index, person in posed.items()]


def _paired(given: Sequence[AnnotatedPerson], known: Sequence[Known]) -> list[tuple[AnnotatedPerson, Known | None]]:
    """Everybody in the file with who they are in the records, in the records' order; then those who were added.

    Somebody is who has their number, or, after somebody before them was deleted, their box. A number that stands twice
    in the file, as copies have it, is the first one's.
    """
    whose: dict[int, Known] = {}
    claimed: set[int] = set()
    for test in (_same_number_and_box, _same_box, _same_number):
        for place, person in enumerate(given):
            found = (
                None if place in whose else next((k for k in known if k.index not in claimed and test(person, k)), None)
            )
            if found is not None:
                whose[place] = found
                claimed.add(found.index)
    order = {somebody.index: place for place, somebody in enumerate(known)}
    places = sorted(range(len(given)), key=lambda place: order[whose[place].index] if place in whose else len(known))
    return [(given[place], whose.get(place)) for place in places]


def _same_number(person: AnnotatedPerson, known: Known) -> bool:
    return person.index == known.index


def _same_box(person: AnnotatedPerson, known: Known) -> bool:
    return person.box_xyxy is not None and _near(person.box_xyxy, known.box.xyxy)


def _same_number_and_box(person: AnnotatedPerson, known: Known) -> bool:
    return _same_number(person, known) and _same_box(person, known)


def _near(a: Iterable[float], b: Iterable[float]) -> bool:
    return all(abs(first - second) <= TOLERANCE for first, second in zip(a, b, strict=True))


def _box(given: AnnotatedPerson, known: Known | None, size_wh: tuple[int, int]) -> Box:
    """The file's box; the record's where it was not moved or is not given; else one around the joints."""
    if known is not None and (given.box_xyxy is None or _near(given.box_xyxy, known.box.xyxy)):
        return known.box
    if given.box_xyxy is not None:
        x1, y1, x2, y2 = given.box_xyxy
        return Box(x1=min(x1, x2), y1=min(y1, y2), x2=max(x1, x2), y2=max(y1, y2))
    joints = given.joints or ()
    across, down = [joint.x for joint in joints] or [0.0], [joint.y for joint in joints] or [0.0]
    more = ROOM * max(max(across) - min(across), max(down) - min(down)) + 1
    return Box(
        x1=max(min(across) - more, 0), y1=max(min(down) - more, 0),
        x2=min(max(across) + more, size_wh[0]), y2=min(max(down) + more, size_wh[1]),
    )  # fmt: skip


def _person(index: int, box: Box, known: Known | None) -> Person:
    """In the annot; whose box or number is another has no cut until yolo-stage makes it."""
    if known is None or known.person is None:
        return Person(index=index, score=known.pose.score if known and known.pose else 1.0, box=box)
    old = known.person
    if old.index == index and old.box == box:
        return old
    return old.model_copy(update={"index": index, "box": box, "cut": None})


def _posed(
    pairs: Sequence[tuple[AnnotatedPerson, Known | None]],
    boxes: Sequence[Box],
    poses: ImagePoses,
    size_wh: tuple[int, int],
) -> tuple[tuple[PersonPose, ...], bool]:
    """Everybody's pose, and whether a joint of anybody was touched."""
    order = {name: place for place, name in enumerate(skeleton_named(poses.skeleton).keypoints)}
    people, touched = [], False
    for index, ((given, known), box) in enumerate(zip(pairs, boxes, strict=True)):
        pose = known.pose if known else None
        old = pose.keypoints if pose else ()
        points = old if given.joints is None else _keypoints(given.joints, old, order, size_wh)
        touched |= points != old
        people.append(PersonPose(index=index, score=pose.score if pose else 1.0, box=box, keypoints=points))
    return tuple(people), touched


def _keypoints(
    joints: Sequence[Joint], old: Sequence[Keypoint], order: dict[str, int], size_wh: tuple[int, int]
) -> tuple[Keypoint, ...]:
    """The file's joints; one that was not touched keeps its numbers, one outside the photo, which no tool shows, stays.

    One that somebody placed has score 1, or, where they say that the photo does not show it, the least that counts.
    """
    known = {point.name: point for point in old}
    placed = {joint.name for joint in joints}
    points = [point for point in old if point.name not in placed and not in_picture(point, size_wh)]
    points += [_keypoint(joint, known.get(joint.name)) for joint in joints]
    if set(points) == set(old):
        return tuple(old)
    return tuple(sorted(points, key=lambda point: order.get(point.name, len(order))))


def _keypoint(joint: Joint, old: Keypoint | None) -> Keypoint:
    score = SURE_SCORE if joint.hidden else 1.0
    if old is None or not _near((joint.x, joint.y), (old.x, old.y)):
        return Keypoint(name=joint.name, x=joint.x, y=joint.y, score=score)
    said = joint.hidden is None or joint.hidden == (old.score <= SURE_SCORE)
    return old if said else old.model_copy(update={"score": score})
