"""What is to be done for one annot: nothing, a new drawing, or the network."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from hrn_stage.people import PreparedPerson, prepare_person
from hrn_stage.results import DebugPictures, final_comment
from pose_contract.errors import ImageError
from pose_contract.records import ImageAnnot, ImagePoses, MadeBy, Person
from pose_contract.skeletons import skeleton_named
from pose_contract.storage import parse_kept_record
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_poses import DrawStyle
from stage_kit.pictures.images import Picture, read_image, read_image_bytes, read_jpeg_comment
from stage_kit.regular_files import read_regular
from stage_kit.runs.seen import SeenFiles, is_current
from stage_kit.runs.steps import Settled

AGAIN = "run yolo-stage again"


@dataclass(frozen=True)
class Prepared:
    """An image whose people await the network."""

    name: str
    annot: ImageAnnot
    annot_sha256: str
    people: tuple[PreparedPerson, ...]
    pixels: int = 0

    @property
    def rows(self) -> int:
        """See `stage_kit.runs.steps.Image`."""
        return len(self.people)


@dataclass(frozen=True)
class Redraw:
    """An image whose record is current and whose final picture is not; the network is not asked."""

    name: str
    poses: ImagePoses
    record: bytes
    note: str = ""
    rows: int = 0
    pixels: int = 0


@dataclass(frozen=True)
class PoseIntake:
    """What it takes to decide about an annot and to warp its cuts; its methods run in the workers."""

    workspace: Workspace
    made_by: MadeBy
    input_wh: tuple[int, int]
    style: DrawStyle
    overwrite: bool
    debug: DebugPictures
    seen: SeenFiles

    def examine(self, annot_name: str) -> Prepared | Redraw | Settled:
        """Reads one annot (its path below annots/) and, unless its poses are current, its cuts."""
        path = self.workspace.path(self.workspace.annots) / annot_name
        name = annot_name.removesuffix(".json")
        try:
            data = _annot_bytes(path)
            annot = self._annot(path, data)
            name = self.workspace.image_name(annot.image)
            self._require_same_image(annot)
            annot_sha256 = hashlib.sha256(data).hexdigest()
            current = self._current(name, annot, annot_sha256)
            if current is not None:
                return current
            people = tuple(
                prepare_person(person, read_cut(self.workspace, person), self.input_wh) for person in annot.people
            )
        except ImageError as error:
            return Settled(name, error)
        return Prepared(name, annot, annot_sha256, people)

    def _annot(self, path: Path, data: bytes) -> ImageAnnot:
        annot = parse_kept_record(data, ImageAnnot)
        if annot is None:
            raise ImageError("is a damaged annot, or one of another version", f"delete {path} and {AGAIN}")
        images = f"{self.workspace.images}/"
        own = self.workspace.annot_file(annot.image.removeprefix(images))
        if not annot.image.startswith(images) or self.workspace.path(own) != path:
            raise ImageError(f"is the annot of {annot.image}, which belongs elsewhere", f"delete {path} and {AGAIN}")
        return annot

    def _require_same_image(self, annot: ImageAnnot) -> None:
        """The picture that the boxes were found in is still the one in images/."""
        path = self.workspace.path(annot.image)
        if not path.exists() and not path.is_symlink():
            raise ImageError("is gone", f"{AGAIN}: it takes the outputs of photos that are gone along")
        sha256 = self.seen.known(annot.image)
        if sha256 is None:
            sha256 = self.seen.sha256(annot.image, read_image_bytes(path))
        if sha256 == annot.image_sha256:
            return
        if annot.corrected:
            remedy = f"its annot was corrected by hand for another picture: delete that and {AGAIN}"
            raise ImageError("has changed since", remedy)
        raise ImageError("has changed since yolo-stage saw it", AGAIN)

    def _current(self, name: str, annot: ImageAnnot, annot_sha256: str) -> Redraw | Settled | None:
        """The skip rule; None sends the image through the network."""
        try:
            record = read_regular(self.workspace.path(self.workspace.poses_file(name)))
        except OSError:
            return None
        poses = parse_kept_record(record, ImagePoses)
        if poses is None:
            return None
        files = self.debug.files(self.workspace, name, len(annot.people))
        wanted = self.made_by.model_copy(update={"annot_sha256": annot_sha256})
        note = ""
        if poses.corrected:
            _require_known_keypoints(poses)
            if poses.image_sha256 != annot.image_sha256:
                note = f"{name} has changed, its corrected poses are kept as they are"
        elif self.overwrite or not is_current(poses.made_by, wanted, files):
            return None
        final = self.workspace.path(self.workspace.final_file(name))
        if read_jpeg_comment(final) == final_comment(record, self.style):
            return Settled(name, people=len(poses.people), note=note)
        return Redraw(name, poses, record, note=note)


def _require_known_keypoints(poses: ImagePoses) -> None:
    known = skeleton_named(poses.skeleton).keypoints
    for point in (point for person in poses.people for point in person.keypoints):
        if point.name not in known:
            near = difflib.get_close_matches(point.name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise ImageError(f"has a corrected record with a keypoint {point.name!r}", hint)


def read_cut(workspace: Workspace, person: Person) -> Picture:
    """One person's cut. Raises ImageError naming the cut."""
    if person.cut is None:
        raise ImageError(f"has an annot whose person {person.index} has no cut yet", AGAIN)
    try:
        return read_image(workspace.path(person.cut.file))
    except ImageError as error:
        raise ImageError(f"cannot be processed: {person.cut.file} {error.reason}", AGAIN) from error


def _annot_bytes(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise ImageError(f"has an annot that cannot be read: {error.strerror}", f"check {path}") from error
