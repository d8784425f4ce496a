"""What is to be done for one annot: nothing, a new drawing, or the network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from hrn_stage.config_keys import PUBLISHED_CONTEXT
from hrn_stage.people import PreparedPerson, prepare_person
from hrn_stage.results import DebugPictures, final_comment
from pose_contract.errors import ImageError
from pose_contract.names import printable
from pose_contract.records import ImageAnnot, ImagePoses, MadeBy, Person
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.images import Picture, fitting_into_memory, read_image, read_image_bytes, read_jpeg_comment
from stage_kit.pictures.limits import MAX_FILE_MB
from stage_kit.runs.found_records import FoundRecord, found_record, picture_of
from stage_kit.runs.posed_records import Redraw
from stage_kit.runs.record_bounds import (
    cut_scale_of,
    require_fits,
    require_image,
    require_paths,
    size_of,
    with_cuts,
)
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
    replaces: bytes | None = None

    @property
    def rows(self) -> int:
        """See `stage_kit.runs.steps.Image`."""
        return len(self.people)


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
    max_file_mb: int = MAX_FILE_MB
    context: float = PUBLISHED_CONTEXT

    def examine(self, annot_name: str) -> Prepared | Redraw | Settled:
        """Reads one annot (its path below annots/) and, unless its poses are current, its cuts."""
        name = picture_of(self.workspace, annot_name.removesuffix(".json"))
        try:
            found = self._annot(annot_name)
            annot, name = found.record, self.workspace.image_name(found.record.image)
            require_paths(self.workspace, name, annot)
            self._require_same_image(annot)
            if found.edited:
                self._require_fitting_cuts(found)
            annot_sha256 = hashlib.sha256(found.data).hexdigest()
            poses = found_record(self.workspace, self.workspace.poses_file(name), ImagePoses)
            current = self._current(name, annot, annot_sha256, poses) if poses else None
            if current is not None:
                return current
            _require_wide_cuts(annot, self.context)
            with fitting_into_memory():
                people = tuple(
                    prepare_person(person, read_cut(self.workspace, person), self.input_wh, self.context)
                    for person in annot.people
                )
        except ImageError as error:
            return Settled(name, error)
        return Prepared(name, annot, annot_sha256, people, replaces=poses.data if poses else None)

    def _annot(self, annot_name: str) -> FoundRecord[ImageAnnot]:
        file = str(PurePosixPath(self.workspace.annots, annot_name))
        found = found_record(self.workspace, file, ImageAnnot)
        if found is None:
            raise ImageError("has an annot that cannot be read: No such file", f"check {self.workspace.path(file)}")
        image, images = found.record.image, f"{self.workspace.images}/"
        if not image.startswith(images) or self.workspace.annot_file(image.removeprefix(images)) != file:
            reason = f"is the annot of {printable(image[:200])}, which belongs elsewhere"
            raise ImageError(reason, f"delete {self.workspace.path(file)} and {AGAIN}")
        return found

    def _require_fitting_cuts(self, found: FoundRecord[ImageAnnot]) -> None:
        """What a person wrote into an annot fits the picture, and yolo-stage has cut it out since."""
        annot = found.record
        require_fits(found, size_of(self.workspace, annot.image, self.max_file_mb))
        if "cut_scale" not in annot.made_by.options:
            return
        for person, fitting in zip(annot.people, with_cuts(annot, cut_scale_of(annot, 1.0)), strict=True):
            place = person.index, person.cut and person.cut.model_copy(update={"file": ""})
            if person.cut and place != (fitting.index, fitting.cut):
                raise ImageError(f"has an annot whose person {fitting.index} has a cut that is not of the box", AGAIN)

    def _require_same_image(self, annot: ImageAnnot) -> None:
        """The picture that the boxes were found in is still the one in images/."""
        path = self.workspace.path(annot.image)
        if not path.exists() and not path.is_symlink():
            raise ImageError("is gone", f"{AGAIN}: it takes the outputs of photos that are gone along")
        sha256 = self.seen.known(annot.image)
        if sha256 is None:
            sha256 = self.seen.sha256(annot.image, read_image_bytes(path, self.max_file_mb))
        if sha256 == annot.image_sha256:
            return
        if annot.corrected:
            remedy = f"its annot was corrected by hand for another picture: delete that and {AGAIN}"
            raise ImageError("has changed since", remedy)
        raise ImageError("has changed since yolo-stage saw it", AGAIN)

    def _current(
        self, name: str, annot: ImageAnnot, annot_sha256: str, found: FoundRecord[ImagePoses]
    ) -> Redraw | Settled | None:
        """The skip rule; None sends the image through the network."""
        poses, note = found.record, found.note
        files = self.debug.files(self.workspace, name, len(annot.people))
        wanted = self.made_by.model_copy(update={"annot_sha256": annot_sha256})
        if found.edited:
            require_image(poses, found.file, annot.image)
            same = poses.image_sha256 == annot.image_sha256
            require_fits(found, size_of(self.workspace, annot.image, self.max_file_mb) if same else None)
            if not same:
                work = "corrected poses" if poses.corrected else "poses, edited by hand,"
                note = f"{name} has changed, its {work} are kept as they are"
        elif self.overwrite or not is_current(poses.made_by, wanted, files) or poses.image != annot.image:
            return None
        final = self.workspace.path(self.workspace.final_file(name))
        if read_jpeg_comment(final) == final_comment(found.data, self.style):
            return Settled(name, people=len(poses.people), note=note)
        return Redraw(name, poses, found.data, note=note)


def _require_wide_cuts(annot: ImageAnnot, context: float) -> None:
    """The network sees `context` times the box; what a narrower cut lacks of that would be black."""
    scale = annot.made_by.options.get("cut_scale")
    if isinstance(scale, int | float) and scale < context and annot.people and not annot.corrected:
        reason = f"has cuts of {scale} times the box, TEST.CROP_CONTEXT asks for {context}"
        raise ImageError(reason, f"yolo-stage --cut_scale {context}, then again")


def read_cut(workspace: Workspace, person: Person) -> Picture:
    """One person's cut. Raises ImageError naming the cut."""
    if person.cut is None:
        raise ImageError(f"has an annot whose person {person.index} has no cut yet", AGAIN)
    try:
        return read_image(workspace.path(person.cut.file))
    except ImageError as error:
        raise ImageError(f"cannot be processed: {person.cut.file} {error.reason}", AGAIN) from error
