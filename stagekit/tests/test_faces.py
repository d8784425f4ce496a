"""Faces are covered wherever somebody may have one: it fails closed."""

from __future__ import annotations

import numpy as np
import pytest

from pose_contract.skeletons import COCO17, COCO18, LSP14, MPII16, Skeleton
from stage_kit.pictures.faces import HELD_SECONDS, Body, FacesInMovie, Region, face_regions, without_faces

# A person of 170 px: a pixel is a centimetre. x, y from the middle of the head.
STANDING = {
    "nose": (0, 0), "left_eye": (3, -4), "right_eye": (-3, -4), "left_ear": (7, -2), "right_ear": (-7, -2),
    "head_top": (0, -14), "upper_neck": (0, 11), "neck": (0, 15),
    "left_shoulder": (19, 24), "right_shoulder": (-19, 24), "left_hip": (14, 74), "right_hip": (-14, 74),
}  # fmt: skip
HEAD = (100.0, 40.0)
BOX = (70.0, 24.0, 130.0, 196.0)
FACE_PX = 12  # around the head's middle


def person(skeleton: Skeleton, scores: dict[str, float] | None = None, at=HEAD, box=BOX, size=1.0) -> Body:
    """Keypoints that are not named have no score."""
    sure = dict.fromkeys(STANDING, 0.9) if scores is None else scores
    points = [np.multiply(STANDING.get(name, (0, 0)), size) + at for name in skeleton.keypoints]
    return Body(np.array(points), np.array([sure.get(name, 0.0) for name in skeleton.keypoints]), box)


def covered(regions, width=400, height=400):
    """Which pixels of a noisy picture have changed."""
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return (without_faces(picture, regions) != picture).any(axis=-1)


def face_is_covered(mask, at=HEAD, reach=FACE_PX) -> bool:
    y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
    face = (x - at[0]) ** 2 + (y - at[1]) ** 2 <= reach**2
    return bool(mask[face].mean() > 0.99)


def test_nobody_is_nothing_to_cover() -> None:
    picture = np.arange(30 * 40 * 3, dtype=np.uint8).reshape(30, 40, 3)
    result = without_faces(picture, face_regions([], COCO17.keypoints))
    assert result is not picture and np.array_equal(result, picture)


@pytest.mark.parametrize("at", [(-900.0, 40.0), (100.0, 5000.0), (1e9, -1e9)])
def test_a_head_outside_of_the_picture(at: tuple[float, float]) -> None:
    box = (at[0] - 30, at[1] - 16, at[0] + 30, at[1] + 156)
    assert not covered(face_regions([person(COCO17, at=at, box=box)], COCO17.keypoints)).any()


@pytest.mark.parametrize("skeleton", [COCO17, MPII16, LSP14])
@pytest.mark.parametrize("size", [0.3, 1.0, 1.9])
def test_a_head_that_is_seen_is_covered_and_little_more(skeleton: Skeleton, size: float) -> None:
    box = tuple(np.multiply(np.subtract(BOX, HEAD * 2), size) + HEAD * 2)
    mask = covered(face_regions([person(skeleton, box=box, size=size)], skeleton.keypoints))
    assert face_is_covered(mask, reach=FACE_PX * size)
    y, x = np.nonzero(mask)
    assert np.ptp(x) < 44 * size + 4 and np.ptp(y) < 44 * size + 4  # not the whole person


@pytest.mark.parametrize("seen", [("nose", "left_ear"), ("left_eye", "right_eye"), ("right_eye", "right_ear")])
def test_two_keypoints_of_a_face_suffice(seen: tuple[str, ...]) -> None:
    mask = covered(face_regions([person(COCO17, dict.fromkeys(seen, 0.5))], COCO17.keypoints))
    middle = np.mean([np.add(STANDING[name], HEAD) for name in seen], axis=0)
    assert face_is_covered(mask, at=(middle[0], middle[1]), reach=8)


@pytest.mark.parametrize("skeleton", [COCO17, MPII16, LSP14])
@pytest.mark.parametrize("score", [0.0, 0.05, 0.29])
def test_a_head_of_a_low_score_costs_the_upper_part_of_the_box(skeleton: Skeleton, score: float) -> None:
    astray = person(skeleton, dict.fromkeys(STANDING, score), at=(350.0, 350.0))  # a guess, far from the person
    mask = covered(face_regions([astray], skeleton.keypoints))
    assert face_is_covered(mask)
    assert mask[24:80, 72:128].mean() > 0.99 and not mask[100:].any()


def test_a_head_beside_its_box_covers_both() -> None:
    mask = covered(face_regions([person(COCO17, at=(300.0, 300.0))], COCO17.keypoints))
    assert face_is_covered(mask) and face_is_covered(mask, at=(300.0, 300.0))


def test_somebody_who_lies_is_covered_throughout_where_the_head_is_not_sure() -> None:
    lying = (20.0, 200.0, 190.0, 250.0)
    mask = covered(face_regions([person(COCO17, {}, box=lying)], COCO17.keypoints))
    assert mask[201:249, 21:189].mean() > 0.99


def test_somebody_who_bends_is_covered_beyond_the_shoulders() -> None:
    points = {"left_shoulder": 0.9, "right_shoulder": 0.9, "left_hip": 0.9, "right_hip": 0.9}
    body = person(COCO17, points)
    turned = np.array([[-1.0, -1.0]]) * (body.keypoints_xy - HEAD) + (200.0, 300.0)  # upside down: the head is below
    box = (170.0, 130.0, 230.0, 320.0)
    mask = covered(face_regions([Body(turned, body.scores, box)], COCO17.keypoints))
    assert face_is_covered(mask, at=(200.0, 300.0))


def test_what_is_not_finite_covers_by_the_box() -> None:
    body = person(COCO17)
    body.keypoints_xy[:5] = np.nan
    assert face_is_covered(covered(face_regions([body], COCO17.keypoints)))


@pytest.mark.parametrize("size", [8, 40, 160])
def test_a_covered_face_has_a_handful_of_colours_left(size: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    part = without_faces(picture, [Region((100, 100, 100 + size, 100 + size))])[100 : 100 + size, 100 : 100 + size]
    assert len(np.unique(part.reshape(-1, 3), axis=0)) <= 25
    assert part[:, :, 0].std() < picture[:, :, 0].std() / 2


def test_only_the_ellipse_of_a_round_region_changes() -> None:
    mask = covered([Region((100, 100, 200, 160), is_round=True)])
    assert mask[130, 150] and not mask[101, 101] and not mask[:100].any() and not mask[:, 201:].any()
    assert 0.7 < mask[100:160, 100:200].mean() < 0.86  # pi / 4


def test_a_region_half_outside_keeps_its_cells() -> None:
    assert covered([Region((-50, -50, 50, 50))])[:50, :50].mean() > 0.99


def test_a_face_that_is_lost_in_a_movie_stays_covered_for_a_while() -> None:
    faces, region = FacesInMovie(), Region((10, 10, 20, 20))
    assert faces.regions(0.0, [region]) == (region,)
    [held] = faces.regions(0.1, [])
    assert held.box_xyxy == (8, 8, 22, 22)
    elsewhere = Region((100, 100, 110, 110))
    assert len(faces.regions(0.2, [elsewhere])) == 2
    assert faces.regions(0.3, [Region((15, 15, 25, 25))])[1:] == (elsewhere.grown(1.4),)
    assert faces.regions(0.3 + HELD_SECONDS + 0.01, []) == ()


LEGS = {"left_hip": (14, 74), "right_hip": (-14, 74), "left_knee": (14, 116), "left_ankle": (14, 158)}
ARM = {"neck": (0, 15), "left_shoulder": (19, 24), "left_elbow": (24, 55), "left_wrist": (27, 80)}


def bottom_up(points: dict[str, tuple[float, float]], at=HEAD, score=0.9, grown=0.0) -> Body:
    """Somebody without a detector's box: it ends at the keypoints, or so many pixels beyond them."""
    xy = np.array([np.add(points.get(name, (0, 0)), at) * (name in points) for name in COCO18.keypoints])
    scores = np.array([score * (name in points) for name in COCO18.keypoints])
    low, high = xy[scores > 0].min(axis=0) - grown, xy[scores > 0].max(axis=0) + 1 + grown
    return Body(xy, scores, (*low.tolist(), *high.tolist()))


@pytest.mark.parametrize("score", [0.9, 0.11])
@pytest.mark.parametrize("points", [LEGS, ARM, ARM | LEGS, ARM | {"nose": (0, 0)}])
def test_a_head_that_was_not_found_lies_outside_of_a_box_of_keypoints(
    points: dict[str, tuple[float, float]], score: float
) -> None:
    mask = covered(face_regions([bottom_up(points, score=score)], COCO18.keypoints))
    assert face_is_covered(mask)


@pytest.mark.parametrize("turn", [(-1, -1), (1, -1)])
def test_a_head_below_the_neck_is_covered_too(turn: tuple[int, int]) -> None:
    upside_down = {name: (x * turn[0], y * turn[1]) for name, (x, y) in ARM.items()}
    assert face_is_covered(covered(face_regions([bottom_up(upside_down, at=(200, 200))], COCO18.keypoints)), (200, 200))


def test_a_detectors_box_is_trusted_and_a_face_that_was_found_costs_no_more_than_before() -> None:
    boxed = covered(face_regions([bottom_up(ARM, grown=8)], COCO18.keypoints))
    assert boxed.sum() < covered(face_regions([bottom_up(ARM)], COCO18.keypoints)).sum() / 2
    face = {"nose": (0, 0), "left_eye": (3, -4), "right_eye": (-3, -4)}
    y, x = np.nonzero(covered(face_regions([bottom_up(ARM | face)], COCO18.keypoints)))
    assert np.ptp(x) < 44 and np.ptp(y) < 44
