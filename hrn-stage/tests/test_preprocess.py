import json

import cv2
import numpy as np
import pytest

from hrn_stage.preprocess import affine_image_to_input, center_and_scale, normalize, shift_affine, warp_person


@pytest.mark.parametrize(
    ("box_xyxy", "input_wh", "center", "scale"),
    [
        ((10, 20, 10, 20), (256, 256), (10, 20), (0, 0)),
        ((-300, -200, -100, 0), (256, 256), (-200, -100), (1.25, 1.25)),
        ((0, 0, 100, 100), (256, 256), (50, 50), (0.625, 0.625)),
        ((0, 0, 100, 100), (192, 256), (50, 50), (0.625, 0.8333333)),
        ((0, 0, 75, 100), (192, 256), (37.5, 50), (0.46875, 0.625)),
        ((0, 0, 10, 100), (192, 256), (5, 50), (0.46875, 0.625)),
        ((155, 47, 368, 402), (288, 384), (261.5, 224.5), (1.6640625, 2.21875)),
    ],
)
def test_center_and_scale(box_xyxy, input_wh, center, scale):
    got_center, got_scale = center_and_scale(box_xyxy, input_wh)
    assert got_center.dtype == got_scale.dtype == np.float32
    np.testing.assert_allclose(got_center, center, atol=1e-6)
    np.testing.assert_allclose(got_scale, scale, atol=1e-6)


def test_geometry_is_the_published_one(shared):
    rows = json.loads((shared / "reference/geometry.json").read_text())
    assert rows
    for row in rows:
        x, y, width, height = row["box_xywh"]
        input_wh = tuple(row["input_wh"])
        center, scale = center_and_scale((x, y, x + width, y + height), input_wh)
        affine = affine_image_to_input(center, scale, input_wh)
        np.testing.assert_array_equal(center, np.array(row["center"], np.float32))
        np.testing.assert_array_equal(scale, np.array(row["scale_200px"], np.float32))
        np.testing.assert_allclose(affine, row["affine_image_to_input"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("input_wh", [(256, 256), (192, 256)])
def test_affine_shows_the_grown_box(input_wh):
    center, scale = center_and_scale((100, 50, 220, 350), input_wh)
    affine = affine_image_to_input(center, scale, input_wh)
    corners = np.array([[*(center - scale * 100), 1], [*(center + scale * 100), 1]])
    np.testing.assert_allclose(corners @ affine.T, [(0, 0), input_wh], atol=1e-3)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (-7, 3), (37, 12)])
def test_a_cut_gives_the_same_input(rng, dx, dy):
    picture = rng.integers(0, 256, (200, 220, 3), np.uint8)
    affine = affine_image_to_input(*center_and_scale((90, 70, 130, 140), (64, 96)), (64, 96))
    shifted = shift_affine(affine, dx, dy)
    np.testing.assert_allclose(shifted @ [5, 6, 1], affine @ [5 + dx, 6 + dy, 1])
    if dx >= 0:
        np.testing.assert_allclose(
            warp_person(picture[dy:, dx:], shifted, (64, 96)).astype(int),
            warp_person(picture, affine, (64, 96)).astype(int),
            atol=8,  # cv2 rounds the position to 1/32 pixel, on noise of 256 levels
        )


@pytest.mark.parametrize("box_xyxy", [(-500, -500, -400, -400), (900, 10, 950, 60)])
def test_a_box_outside_the_picture_is_black(box_xyxy):
    white = np.full((100, 100, 3), 255, np.uint8)
    affine = affine_image_to_input(*center_and_scale(box_xyxy, (64, 64)), (64, 64))
    assert not warp_person(white, affine, (64, 64)).any()


def test_an_empty_picture_is_black():
    affine = affine_image_to_input(*center_and_scale((0, 0, 9, 9), (64, 96)), (64, 96))
    warped = warp_person(np.zeros((0, 0, 3), np.uint8), affine, (64, 96))
    assert warped.shape == (96, 64, 3)
    assert not warped.any()


def test_half_outside_is_half_black():
    white = np.full((100, 100, 3), 255, np.uint8)
    affine = affine_image_to_input(*center_and_scale((-50, 0, 50, 80), (64, 64)), (64, 64))
    warped = warp_person(white, affine, (64, 64))
    assert not warped[:, :25].any()
    assert (warped[14:50, 40:] == 255).all()


@pytest.mark.parametrize("box_xyxy", [(40000, 10, 40060, 90), (0, 0, 40100, 100), (-900, 0, -800, 90)])
def test_a_panorama_longer_than_cv2_can_address(rng, box_xyxy):
    picture = np.zeros((100, 40100, 3), np.uint8)
    picture[:, :, 0] = np.linspace(0, 255, 40100)
    picture[:, :, 1] = np.linspace(0, 255, 100)[:, None]
    affine = affine_image_to_input(*center_and_scale(box_xyxy, (64, 64)), (64, 64))
    warped = warp_person(picture, affine, (64, 64)).astype(int)
    to_image = cv2.invertAffineTransform(affine)
    for x, y in rng.integers(0, 64, (50, 2)):
        image_x, image_y = to_image @ [x, y, 1]
        inside = 1 <= image_x <= 40098 and 1 <= image_y <= 98
        if inside:
            expected = [image_x / 40099 * 255, image_y / 99 * 255]
            np.testing.assert_allclose(warped[y, x, :2], expected, atol=3)
    assert warped.shape == (64, 64, 3)


@pytest.mark.parametrize("color_rgb", [True, False])
def test_normalize_is_the_arithmetic(rng, color_rgb):
    warped = rng.integers(0, 256, (2, 5, 4, 3), np.uint8)
    ordered = warped if color_rgb else warped[..., ::-1]
    expected = (ordered / np.float32(255) - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    inputs = normalize(warped, color_rgb)
    assert inputs.dtype == np.float32
    assert inputs.flags.c_contiguous
    np.testing.assert_allclose(inputs, expected.transpose(0, 3, 1, 2), rtol=0, atol=1e-6)


def test_normalize_of_nobody():
    assert normalize(np.zeros((0, 8, 4, 3), np.uint8), True).shape == (0, 3, 8, 4)
