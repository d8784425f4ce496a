"""From cuts to network inputs, and from decoded keypoints to records (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config_keys import PUBLISHED_CONTEXT
from hrn_stage.preprocess import affine_image_to_input, center_and_scale, shift_affine, warp_person
from pose_contract.errors import ImageError
from pose_contract.records import SURE_SCORE, Keypoint, Person, PersonPose
from pose_contract.skeletons import Skeleton
from stage_kit.pictures.images import Picture


@dataclass(frozen=True)
class PreparedPerson:
    """One network input, uint8 [H, W, 3] RGB, and the centre and scale that lead back to image pixels."""

    network_input: Picture
    center: NDArray[np.float32]
    scale: NDArray[np.float32]


def prepare_person(
    person: Person, cut_picture: Picture, input_wh: tuple[int, int], context: float = PUBLISHED_CONTEXT
) -> PreparedPerson:
    """Warps one person's cut, `context` times the box.

    The geometry is that of the full image, so overlapping people keep their own centres.

    Raises:
        ImageError: there is no cut, or it is not the one that the record describes.
    """
    cut = person.cut
    if cut is None:
        raise ImageError(f"has an annot whose person {person.index} has no cut yet", "run yolo-stage again")
    if cut_picture.shape[:2] != (cut.height, cut.width):
        height, width = cut_picture.shape[:2]
        raise ImageError(
            f"{cut.file} is {width} x {height}, its record says {cut.width} x {cut.height}",
            f"delete {cut.file} and run yolo-stage again",
        )
    center, scale = center_and_scale(person.box.xyxy, input_wh, context)
    affine = shift_affine(affine_image_to_input(center, scale, input_wh), cut.x, cut.y)
    return PreparedPerson(warp_person(cut_picture, affine, input_wh), center, scale)


def person_pose(
    person: Person, keypoints_xy: NDArray[np.float64], scores: NDArray[np.float32], skeleton: Skeleton
) -> PersonPose:
    """One person's record: heatmap maxima clipped to 0..1, and box score times the mean of those >= 0.2.

    Args:
        person: the detected person.
        keypoints_xy: [J, 2] in image pixels.
        scores: [J] heatmap maxima.
        skeleton: names the J keypoints.
    """
    clipped = np.clip(scores.astype(np.float64), 0, 1)
    sure = clipped[clipped >= SURE_SCORE]
    return PersonPose(
        index=person.index,
        score=person.score * float(sure.mean()) if sure.size else 0.0,
        box=person.box,
        keypoints=tuple(
            Keypoint(name=name, x=float(x), y=float(y), score=float(score))
            for name, (x, y), score in zip(skeleton.keypoints, keypoints_xy, clipped, strict=True)
        ),
    )
