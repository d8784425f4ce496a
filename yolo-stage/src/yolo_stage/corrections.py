"""Records that a person has corrected or edited: their people stay, cuts and inspection picture are made to fit."""

from __future__ import annotations

from dataclasses import dataclass

from pose_contract.records import ImageAnnot
from pose_contract.storage import record_bytes
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import Picture, decode_image, read_image_bytes, read_jpeg_comment, upright_size
from stage_kit.runs.found_records import FoundRecord
from stage_kit.runs.numbered_files import NumberedFiles
from stage_kit.runs.record_bounds import cut_scale_of, require_fits, require_image, with_cuts
from stage_kit.runs.seen import SeenFiles
from stage_kit.runs.steps import Outputs, Settled
from yolo_stage.results import draw_results, inspect_comment, name_cuts


@dataclass(frozen=True)
class Corrected:
    """An image whose record, a person's work, wants other files than there are; the network is not asked."""

    name: str
    found: FoundRecord[ImageAnnot]
    fitted: ImageAnnot
    picture: Picture
    rows: int = 0
    pixels: int = 0


@dataclass(frozen=True)
class Corrections:
    """What it takes to decide about a person's record; `cut_scale` is for one that does not say its own."""

    workspace: Workspace
    seen: SeenFiles
    cut_scale: float
    max_file_mb: int

    def examine(self, name: str, found: FoundRecord[ImageAnnot]) -> Corrected | Settled:
        """People and boxes stay as they are; cuts that do not fit the boxes are made anew. Raises ImageError."""
        file, annot = self.workspace.image_file(name), found.record
        require_image(annot, found.file, file)
        data = read_image_bytes(self.workspace.path(file), self.max_file_mb)
        if (self.seen.known(file) or self.seen.sha256(file, data)) != annot.image_sha256:
            work = "corrected record" if annot.corrected else "record, edited by hand,"
            return Settled(name, people=len(annot.people), note=f"{name} has changed, its {work} is kept as it is")
        require_fits(found, upright_size(data))
        fitted = self._fitted(name, annot)
        if self._is_done(name, annot, fitted):
            return Settled(name, people=len(annot.people), note=found.note)
        return Corrected(name, found, fitted, decode_image(data))

    def _fitted(self, name: str, annot: ImageAnnot) -> ImageAnnot:
        """The record with the cuts that its boxes ask for; one that has to change says from then on whose it is."""
        people = name_cuts(self.workspace, name, with_cuts(annot, cut_scale_of(annot, self.cut_scale)))
        return annot if people == annot.people else annot.model_copy(update={"people": people, "corrected": True})

    def _is_done(self, name: str, annot: ImageAnnot, fitted: ImageAnnot) -> bool:
        cuts = [person.cut.file for person in fitted.people if person.cut]
        inspect = self.workspace.path(self.workspace.inspect_file(name))
        there = all(self.workspace.path(file).is_file() for file in cuts)
        return fitted == annot and there and read_jpeg_comment(inspect) == inspect_comment(fitted)


def corrected_outputs(workspace: Workspace, image: Corrected, cuts: NumberedFiles) -> Outputs:
    """Cuts and inspection picture, and the record only where its cuts have changed."""
    changed = image.fitted != image.found.record
    record = (workspace.annot_file(image.name), record_bytes(image.fitted)) if changed else None
    return Outputs(
        name=image.name,
        people=len(image.fitted.people),
        files=draw_results(image.picture, image.fitted, workspace.inspect_file(image.name)),
        record=record,
        kept=True,
        replaces=image.found.data,
        numbered=(cuts,),
        done="redrawn",
        note=image.found.note,
    )
