"""What is drawn of one image: JPEG files by their names in the workspace. Nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hrn_stage.inference import Estimated
from hrn_stage.intake import Prepared
from hrn_stage.results import DebugPictures, final_comment
from pose_contract.records import ImagePoses
from pose_contract.skeletons import skeleton_named
from pose_contract.workspace import Workspace
from stage_kit.pictures.cuts import cut_out
from stage_kit.pictures.draw_heatmaps import draw_heatmap_sheet
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.faces import without_faces
from stage_kit.pictures.images import Picture, encode_jpeg
from stage_kit.pictures.posed_pictures import faces_of, paste_poses


@dataclass(frozen=True)
class Pictures:
    """Draws in one style, and the debug pictures that are asked for."""

    workspace: Workspace
    style: DrawStyle
    debug: DebugPictures

    def final(self, name: str, poses: ImagePoses, record: bytes, picture: Picture) -> dict[str, bytes]:
        """The final picture of image `name`; its comment says which record and style it shows."""
        style = replace(self.style, min_person_score=0.0) if poses.corrected else self.style
        final = paste_poses(picture, poses.people, poses.skeleton, style)
        return {self.workspace.final_file(name): encode_jpeg(final, final_comment(record, self.style))}

    def debugging(
        self, image: Prepared, answers: Sequence[Estimated], poses: ImagePoses, picture: Picture
    ) -> dict[str, bytes]:
        """Every person's heatmaps, and their cut with nobody else's skeleton, as far as they are asked for."""
        files, everybody = {}, replace(self.style, min_person_score=0.0, blur_faces=False)
        if self.debug.cuts and self.style.blur_faces:  # others may stand in somebody's cut
            picture = without_faces(picture, faces_of(poses.people, poses.skeleton))
        for index, person in enumerate(image.people):
            if self.debug.heatmaps:
                names = skeleton_named(poses.skeleton).keypoints
                sheet = draw_heatmap_sheet(person.network_input, answers[index].heatmaps, names)
                files[self.workspace.heatmap_file(image.name, index)] = encode_jpeg(sheet)
            if self.debug.cuts:
                cut = image.annot.people[index].cut
                assert cut is not None, "nobody without a cut comes this far"
                pasted = paste_poses(picture, [poses.people[index]], poses.skeleton, everybody)
                files[self.workspace.cut_inspect_file(image.name, index)] = encode_jpeg(cut_out(pasted, cut))
        return files
