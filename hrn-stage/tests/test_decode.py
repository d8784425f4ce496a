import numpy as np
import pytest

from hrn_stage.decode import decode, keypoints_to_image, merge_flipped
from hrn_stage.preprocess import affine_image_to_input, center_and_scale


def gaussians(centers_xy: np.ndarray, heatmap_wh: tuple[int, int], sigma: float = 2.0) -> np.ndarray:
    y, x = np.mgrid[: heatmap_wh[1], : heatmap_wh[0]]
    squares = (x - centers_xy[..., 0, None, None]) ** 2 + (y - centers_xy[..., 1, None, None]) ** 2
    return np.exp(-squares / (2 * sigma**2)).astype(np.float32)


def one(values: dict[tuple[int, int], float], heatmap_wh: tuple[int, int] = (8, 6)) -> np.ndarray:
    heatmap = np.zeros((1, 1, heatmap_wh[1], heatmap_wh[0]), np.float32)
    for (x, y), value in values.items():
        heatmap[0, 0, y, x] = value
    return heatmap


@pytest.mark.parametrize("method", ["argmax", "quarter", "dark"])
def test_nobody(method):
    keypoints, scores = decode(np.zeros((0, 16, 8, 6), np.float32), method)
    assert keypoints.shape == (0, 16, 2)
    assert scores.shape == (0, 16)


@pytest.mark.parametrize(
    ("values", "method", "expected_xy", "score"),
    [
        ({}, "argmax", (0, 0), 0),
        ({}, "quarter", (0, 0), 0),
        ({}, "dark", (0, 0), 0),
        ({(4, 3): 1.0}, "argmax", (4, 3), 1),
        ({(4, 3): 1.0}, "quarter", (4, 3), 1),
        ({(4, 3): 1.0, (5, 3): 0.5}, "argmax", (4, 3), 1),
        ({(4, 3): 1.0, (5, 3): 0.5}, "quarter", (4.25, 3), 1),
        ({(4, 3): 1.0, (3, 3): 0.5, (4, 4): 0.1}, "quarter", (3.75, 3.25), 1),
        ({(4, 3): 1.0, (4, 2): 0.5}, "quarter", (4, 2.75), 1),
        # Equal maxima: the first in reading order.
        ({(4, 3): 1.0, (2, 2): 1.0}, "argmax", (2, 2), 1),
        # The published margin: refined only where 1 < x < w - 1 and 1 < y < h - 1.
        ({(1, 3): 1.0, (2, 3): 0.5}, "quarter", (1, 3), 1),
        ({(2, 3): 1.0, (3, 3): 0.5}, "quarter", (2.25, 3), 1),
        ({(7, 3): 1.0, (6, 3): 0.5}, "quarter", (7, 3), 1),
        ({(6, 3): 1.0, (7, 3): 0.5}, "quarter", (6.25, 3), 1),
        ({(4, 1): 1.0, (4, 2): 0.5}, "quarter", (4, 1), 1),
        ({(4, 4): 1.0, (4, 5): 0.5}, "quarter", (4, 4.25), 1),
        ({(0, 0): 1.0}, "dark", (0, 0), 1),
    ],
)
def test_decode(values, method, expected_xy, score):
    keypoints, scores = decode(one(values), method)
    assert keypoints.dtype == scores.dtype == np.float32
    np.testing.assert_array_equal(keypoints[0, 0], expected_xy)
    np.testing.assert_array_equal(scores[0, 0], score)


def test_a_heatmap_that_is_nowhere_positive():
    heatmap = np.full((1, 1, 6, 8), -2.0, np.float32)
    heatmap[0, 0, 3, 4] = -1.0
    for method in ("argmax", "quarter", "dark"):
        keypoints, scores = decode(heatmap, method)
        np.testing.assert_array_equal(keypoints, np.zeros((1, 1, 2)))
        np.testing.assert_array_equal(scores, [[-1.0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["argmax", "quarter", "dark"])
def test_not_a_number(method, bad):
    heatmaps = np.zeros((2, 3, 6, 8), np.float32)
    heatmaps[1, 2, 3, 4] = bad
    with pytest.raises(ValueError, match="keypoint 2 of person 1"):
        decode(heatmaps, method)


@pytest.mark.parametrize("heatmap_wh", [(64, 64), (48, 64), (72, 96)])
@pytest.mark.parametrize("blur_kernel", [5, 11, 17])
def test_dark_finds_the_centre_of_a_gaussian(rng, heatmap_wh, blur_kernel):
    centers = rng.uniform((6, 6), (heatmap_wh[0] - 7, heatmap_wh[1] - 7), (8, 16, 2))
    # The corners of what is asked: exactly 3 sigma inside.
    centers[0, :4] = [(x, y) for x in (6, heatmap_wh[0] - 7) for y in (6, heatmap_wh[1] - 7)]
    keypoints, scores = decode(0.8 * gaussians(centers, heatmap_wh), "dark", blur_kernel)
    assert np.abs(keypoints - centers).max() <= 0.02
    assert scores.max() <= 0.8


def test_dark_beats_quarter_on_noise(rng):
    centers = rng.uniform(10, 53, (4, 16, 2))
    heatmaps = gaussians(centers, (64, 64)) + rng.normal(0, 0.01, (4, 16, 64, 64)).astype(np.float32)
    error = {method: np.abs(decode(heatmaps, method)[0] - centers).mean() for method in ("quarter", "dark")}
    assert error["dark"] < 0.5 * error["quarter"]


def test_dark_smooths_before_it_looks_for_the_peak(rng):
    centers = rng.uniform(10, 53, (4, 16, 2))
    heatmaps = gaussians(centers, (64, 64)) + rng.normal(0, 0.03, (4, 16, 64, 64)).astype(np.float32)
    error = {kernel: np.abs(decode(heatmaps, "dark", kernel)[0] - centers).mean() for kernel in (1, 11)}
    assert error[11] < 0.7 * error[1]


def test_dark_stays_at_the_maximum_of_a_ridge():
    """Higher along one diagonal than at the sides: no hill, and a Newton step would go astray."""
    heatmap = one({(8, 8): 1.0, (9, 8): 0.9, (7, 8): 0.5, (8, 9): 0.7, (8, 7): 0.7}, (17, 17))
    for dx, dy, value in ((1, 1, 0.99), (-1, -1, 0.99), (1, -1, 0.01), (-1, 1, 0.01)):
        heatmap[0, 0, 8 + dy, 8 + dx] = value
    for dx, dy in ((2, 0), (-2, 0), (0, 2), (0, -2)):
        heatmap[0, 0, 8 + dy, 8 + dx] = 0.9
    np.testing.assert_array_equal(decode(heatmap, "dark", 1)[0][0, 0], (8, 8))


def test_dark_takes_no_logarithm_of_what_has_none():
    heatmap = one({(8, 8): 1.0, (9, 8): -0.5, (8, 9): 0.0}, (17, 17))
    with np.errstate(all="raise"):
        decode(heatmap, "dark", 1)


def test_dark_stays_at_the_maximum_of_a_surface_without_a_peak(rng):
    noise = rng.uniform(0, 1, (20, 16, 16, 16)).astype(np.float32)
    plain, _ = decode(noise, "argmax")
    dark, _ = decode(noise, "dark")
    assert np.abs(dark - plain).max() <= 2.0
    flat = np.ones((1, 1, 16, 16), np.float32)
    np.testing.assert_array_equal(decode(flat, "dark")[0], decode(flat, "argmax")[0])


def test_decode_leaves_its_input_alone(rng):
    heatmaps = rng.uniform(0, 1, (2, 3, 16, 16)).astype(np.float32)
    before = heatmaps.copy()
    for method in ("argmax", "quarter", "dark"):
        decode(heatmaps, method)
    np.testing.assert_array_equal(heatmaps, before)


def test_merge_flipped_of_nobody():
    empty = np.zeros((0, 3, 4, 5), np.float32)
    assert merge_flipped(empty, empty, (0, 2, 1), True).shape == (0, 3, 4, 5)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (False, [[1, 0, 0, 0], [0, 0, 0.5, 0]]),
        (True, [[1, 0.5, 0, 0], [0, 0, 0, 0.5]]),
    ],
)
def test_merge_flipped_by_hand(shift, expected):
    straight = np.array([[[[1, 0, 0, 0]], [[0, 0, 0, 0]]]], np.float32)
    # Of the mirrored input. Mirrored back and swapped: [1, 0, 0, 0] and [0, 0, 1, 0]; shifted, column 0 kept:
    # [1, 1, 0, 0] and [0, 0, 0, 1].
    mirrored = np.array([[[[0, 1, 0, 0]], [[0, 0, 0, 1]]]], np.float32)
    np.testing.assert_array_equal(merge_flipped(straight, mirrored, (1, 0), shift)[0, :, 0], expected)


def test_merge_flipped_of_a_mirrored_picture_is_itself(rng):
    heatmaps = rng.uniform(0, 1, (2, 4, 5, 6)).astype(np.float32)
    index = (1, 0, 2, 3)
    np.testing.assert_array_equal(merge_flipped(heatmaps, heatmaps[:, index, :, ::-1], index, False), heatmaps)


def test_no_keypoints_to_image():
    assert keypoints_to_image(np.zeros((0, 16, 2)), np.zeros((0, 2)), np.zeros((0, 2)), (48, 64)).shape == (0, 16, 2)


@pytest.mark.parametrize("input_wh", [(256, 256), (192, 256)])
def test_keypoints_to_image_inverts_the_affine(rng, input_wh):
    heatmap_wh = (input_wh[0] // 4, input_wh[1] // 4)
    centers, scales = zip(*(center_and_scale(box, input_wh) for box in [(-9, 3, 80, 90), (5, 5, 300, 90)]), strict=True)
    heatmap_xy = rng.uniform(0, 64, (2, 16, 2))
    image_xy = keypoints_to_image(heatmap_xy, np.array(centers), np.array(scales), heatmap_wh)
    for person in range(2):
        affine = affine_image_to_input(centers[person], scales[person], heatmap_wh)
        back = image_xy[person] @ affine[:, :2].T + affine[:, 2]
        np.testing.assert_allclose(back, heatmap_xy[person], atol=1e-3)
