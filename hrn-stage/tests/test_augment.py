from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hrn_stage.config_keys import DatasetConfig
from hrn_stage.preprocess import affine_image_to_input
from hrn_stage.training.augment import (
    View,
    half_body,
    joints_in_view,
    plain_view,
    random_view,
    vary_colour,
    view_affine,
)
from hrn_stage.training.samples import Sample
from hrn_stage.training.targets import gaussian_heatmaps
from pose_contract.skeletons import MPII16

WH = (64, 96)


def person(**changes: object) -> Sample:
    joints = np.stack([np.linspace(10, 90, 16), np.linspace(200, 20, 16)], axis=1).astype(np.float32)
    fields: dict[str, object] = {
        "image": Path("a.jpg"),
        "center": np.array([50, 110], np.float32),
        "scale": np.array([0.8, 1.2], np.float32),
        "joints_xy": joints,
        "labelled": np.ones(16, bool),
    }
    return Sample(**(fields | changes))  # type: ignore[arg-type]


def test_the_plain_view_is_that_of_inference() -> None:
    sample = person()
    ours, inference = view_affine(plain_view(sample), WH), affine_image_to_input(sample.center, sample.scale, WH)
    assert np.abs(ours - inference).max() < 1e-4


@pytest.mark.parametrize("degrees", [-170.0, -30.0, 0.0, 45.0, 90.0])
def test_the_centre_stays_and_distances_scale(degrees: float) -> None:
    affine = view_affine(View(np.array([50, 110], np.float32), np.array([0.8, 1.2], np.float32), degrees), WH)
    assert affine @ [50, 110, 1] == pytest.approx([32, 48], abs=1e-6)
    moved = affine @ [50, 110 - 40, 1] - affine @ [50, 110, 1]
    assert np.linalg.norm(moved) == pytest.approx(40 * 64 / 160)
    # As published: the direction that is up in the input is turned by the rotation in the image.
    turn = np.deg2rad(degrees)
    up_in_image = np.array([np.sin(turn), -np.cos(turn)])
    assert affine[:, :2] @ up_in_image == pytest.approx([0, -64 / 160], abs=1e-6)


def test_a_mirrored_view_is_the_mirrored_picture() -> None:
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 255, (220, 100, 3), np.uint8), (0, 0), 3)
    view = View(np.array([50, 110], np.float32), np.array([0.8, 1.2], np.float32), 20)
    straight = cv2.warpAffine(picture, view_affine(view, WH), WH)
    mirrored = cv2.warpAffine(picture, view_affine(replace(view, mirrored=True), WH), WH)
    assert np.abs(straight[:, ::-1].astype(int) - mirrored).mean() < 1


def test_in_a_mirror_left_and_right_change_names() -> None:
    skeleton = MPII16
    labelled = np.ones(16, bool)
    labelled[skeleton.keypoints.index("left_ankle")] = False
    sample = person(labelled=labelled)
    view = plain_view(sample)
    straight, _ = joints_in_view(sample, view, WH, skeleton)
    mirrored, seen = joints_in_view(sample, replace(view, mirrored=True), WH, skeleton)
    left, right = skeleton.keypoints.index("left_knee"), skeleton.keypoints.index("right_knee")
    assert mirrored[left] == pytest.approx([WH[0] - 1 - straight[right][0], straight[right][1]])
    assert not seen[skeleton.keypoints.index("right_ankle")] and seen[skeleton.keypoints.index("left_ankle")]


def test_without_factors_the_random_view_is_the_plain_one() -> None:
    config = DatasetConfig(FLIP=False, ROT_FACTOR=0, SCALE_FACTOR=0)
    view = random_view(person(), config, MPII16, np.random.default_rng(0))
    assert (view.scale == person().scale).all() and view.rotation_degrees == 0 and not view.mirrored


def test_random_views_keep_to_their_ranges() -> None:
    config = DatasetConfig(FLIP=True, ROT_FACTOR=30, SCALE_FACTOR=0.25)
    rng = np.random.default_rng(0)
    views = [random_view(person(), config, MPII16, rng) for _ in range(400)]
    turns = np.array([view.rotation_degrees for view in views])
    scales = np.array([view.scale[0] / 0.8 for view in views])
    assert np.abs(turns).max() <= 60 and 0.5 < np.mean(turns != 0) < 0.7
    assert scales.min() >= 0.75 - 1e-6 and scales.max() <= 1.25 + 1e-6 and scales.std() > 0.1
    assert 0.4 < np.mean([view.mirrored for view in views]) < 0.6


def test_half_a_body_is_centred_on_its_joints() -> None:
    sample = person()
    rng = np.random.default_rng(0)
    upper = np.array(
        [
            any(part in name for part in ("head", "neck", "thorax", "shoulder", "elbow", "wrist"))
            for name in MPII16.keypoints
        ]
    )
    centers = {tuple(np.round(half_body(sample, MPII16, rng)[0], 3)) for _ in range(20)}  # type: ignore[index]
    expected = {tuple(np.round(sample.joints_xy[rows].mean(axis=0), 3)) for rows in (upper, ~upper)}
    assert centers == expected
    few = np.zeros(16, bool)
    few[:2] = True
    assert half_body(person(labelled=few), MPII16, rng) is None


def test_colours_vary_within_bounds() -> None:
    picture = np.full((2, 2, 3), 100, np.uint8)
    assert vary_colour(picture, 0, np.random.default_rng(0)) is picture
    varied = np.stack([vary_colour(picture, 0.2, np.random.default_rng(seed)) for seed in range(50)]).astype(int)
    assert varied.min() >= 100 * 0.64 - 27 and varied.max() <= 100 * 1.44 + 27 and varied.std() > 5


@pytest.mark.parametrize(
    ("joint", "weight", "peak"),
    [
        ((0.0, 0.0), 1, (0, 0)),
        ((33.9, 46.1), 1, (8, 12)),
        ((-5.0, 20.0), 1, None),
        ((-40.0, 20.0), 0, None),
        ((63.0, 200.0), 0, None),
    ],
)
def test_targets_stand_on_the_nearest_cell(
    joint: tuple[float, float], weight: float, peak: tuple[int, int] | None
) -> None:
    heatmaps, weights = gaussian_heatmaps(np.array([joint]), np.array([True]), (16, 24), WH, sigma=1.5)
    assert heatmaps.shape == (1, 24, 16) and weights.tolist() == [weight]
    if peak is not None:
        x, y = peak
        assert heatmaps[0, y, x] == 1 and heatmaps[0].argmax() == y * 16 + x
        assert heatmaps[0, y, x + 1] == pytest.approx(np.exp(-1 / (2 * 1.5**2)))
        assert heatmaps[0, y, min(x + 5, 15)] == 0
    elif weight == 0:
        assert not heatmaps.any()


def test_nobody_labelled_has_no_targets() -> None:
    heatmaps, weights = gaussian_heatmaps(np.zeros((2, 2)), np.zeros(2, bool), (16, 24), WH, 2)
    assert not heatmaps.any() and not weights.any()
