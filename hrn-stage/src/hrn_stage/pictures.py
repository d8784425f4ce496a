"""What is drawn of one image: JPEG files by their names in the workspace. Nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hrn_stage.inference import Estimated
from hrn_stage.intake import Prepared
from hrn_stage.results import DebugPictures, final_comment
from pose_contract.records import ImagePoses, PersonPose
from pose_contract.skeletons import Skeleton, skeleton_named
from pose_contract.workspace import Workspace
from stage_kit.pictures.cuts import cut_out
from stage_kit.pictures.draw_heatmaps import draw_heatmap_sheet
from stage_kit.pictures.draw_poses import DrawnPose, draw_poses
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.faces import Body, Region, face_regions, without_faces
from stage_kit.pictures.images import Picture, encode_jpeg


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


def paste_poses(picture: Picture, people: Sequence[PersonPose], skeleton_name: str, style: DrawStyle) -> Picture:
    """The picture with the skeletons of all people whose pose has the style's least score, each with its number.

    A keypoint that a corrected record leaves out is not drawn. Where the style blurs faces, everybody's are.

    Raises:
        ImageError: the record names a skeleton that nobody knows.
    """
    skeleton = skeleton_named(skeleton_name)
    if style.blur_faces:
        picture = without_faces(picture, faces_of(people, skeleton_name))
    drawn = []
    for person in people:
        if person.score < style.min_person_score:
            continue
        table = _table(person, skeleton)
        drawn.append(DrawnPose(table[:, :2], table[:, 2], person.index))
    return draw_poses(picture, drawn, skeleton, style)


def faces_of(people: Sequence[PersonPose], skeleton_name: str) -> tuple[Region, ...]:
    """What has to be covered of a picture so that nobody's face is left."""
    skeleton = skeleton_named(skeleton_name)
    tables = [(person, _table(person, skeleton)) for person in people]
    bodies = [Body(table[:, :2], table[:, 2], person.box.xyxy) for person, table in tables]
    return face_regions(bodies, skeleton.keypoints)


def _table(person: PersonPose, skeleton: Skeleton) -> NDArray[np.float64]:
    """[J, 3]: x, y and score in the skeleton's order; a keypoint that is left out has the score 0."""
    points = {point.name: point for point in person.keypoints}
    rows = [(p.x, p.y, p.score) if (p := points.get(name)) else (0, 0, 0) for name in skeleton.keypoints]
    return np.array(rows, np.float64)
