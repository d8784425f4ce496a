import dataclasses

import numpy as np
import pytest

from pose_contract.skeletons import COCO17, LSP14, MPII16
from stage_kit.pictures.draw_poses import SIDE_COLORS, DrawnPose, DrawStyle, draw_heatmap_sheet, draw_poses

GREY = np.full((200, 300, 3), 128, np.uint8)


def pose(skeleton=MPII16, score=1.0, **at):
    """Every keypoint at the picture's far corner but those in `at`; only the latter have a score."""
    keypoints = np.array([at.get(name, (290.0, 190.0)) for name in skeleton.keypoints], np.float64)
    return DrawnPose(keypoints, np.array([score if name in at else 0.0 for name in skeleton.keypoints]))


def standing(skeleton=MPII16):
    rng = np.random.default_rng(1)
    count = len(skeleton.keypoints)
    return DrawnPose(rng.uniform((20, 20), (280, 180), (count, 2)), np.ones(count))


def changed(picture, original=GREY):
    return (picture != original).any(axis=-1)


def test_nobody_leaves_the_picture_as_it_is():
    drawn = draw_poses(GREY, [], MPII16, DrawStyle())
    assert drawn is not GREY
    np.testing.assert_array_equal(drawn, GREY)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (-1e3, 50),
        (1e9, -1e9),
        (3e38, 50),
        (-1e12, 1e12),
        (np.nan, 50),
        (np.inf, 50),
        (50, -np.inf),
        (299, 199),
        (-4, -4),
    ],
)
@pytest.mark.parametrize("label", [False, True])
def test_keypoints_anywhere(x, y, label):
    drawn = draw_poses(GREY, [pose(right_ankle=(x, y), right_knee=(150.0, 100.0))], MPII16, DrawStyle(label=label))
    assert drawn.shape == GREY.shape
    assert changed(drawn)[95:105, 145:155].any()


def test_a_limb_that_crosses_the_picture_is_drawn_though_both_ends_lie_outside():
    drawn = draw_poses(
        GREY, [pose(right_ankle=(-1e6, 100.0), right_knee=(1e6, 100.0))], MPII16, DrawStyle(line_thickness=5)
    )
    assert (drawn[100] == SIDE_COLORS["right"]).all()


def test_a_limb_beside_the_picture_is_not_drawn():
    outside = pose(right_ankle=(-1e6, -50.0), right_knee=(1e6, -50.0))
    np.testing.assert_array_equal(draw_poses(GREY, [outside], MPII16, DrawStyle()), GREY)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (3, 2, 3)])
@pytest.mark.parametrize("label", [False, True])
def test_tiny_pictures(shape, label):
    tiny = np.zeros(shape, np.uint8)
    assert draw_poses(tiny, [standing()], MPII16, DrawStyle(label=label)).shape == shape


@pytest.mark.parametrize("skeleton", [MPII16, COCO17, LSP14], ids=lambda skeleton: skeleton.name)
def test_every_side_has_its_colour(skeleton):
    drawn = draw_poses(GREY, [standing(skeleton)], skeleton, DrawStyle())
    for color in SIDE_COLORS.values():
        assert (drawn == color).all(axis=-1).any()


def test_the_input_is_not_changed():
    picture = GREY.copy()
    draw_poses(picture, [standing()], MPII16, DrawStyle(label=True))
    np.testing.assert_array_equal(picture, GREY)


def test_a_picture_that_is_a_view():
    mirrored = np.arange(200 * 300 * 3, dtype=np.uint8).reshape(200, 300, 3)[:, ::-1]
    drawn = draw_poses(mirrored, [standing()], MPII16, DrawStyle())
    np.testing.assert_array_equal(drawn, draw_poses(np.ascontiguousarray(mirrored), [standing()], MPII16, DrawStyle()))


@pytest.mark.parametrize("skeleton_side", ["left", "right"])
def test_a_limb_has_the_colour_of_its_own_side(skeleton_side):
    limb = pose(**{f"{skeleton_side}_ankle": (100.0, 50.0), f"{skeleton_side}_knee": (100.0, 150.0)})
    drawn = draw_poses(GREY, [limb], MPII16, DrawStyle(circle=False, line_thickness=5))
    np.testing.assert_array_equal(drawn[100, 100], SIDE_COLORS[skeleton_side])
    # The outline beside the limb, and nothing further out.
    assert drawn[100, 104].max() < 90
    np.testing.assert_array_equal(drawn[100, 115], [128, 128, 128])


@pytest.mark.parametrize(("score", "shown"), [(0.0, False), (0.1999, False), (0.2, True), (1.0, True), (np.nan, False)])
def test_min_score(score, shown):
    drawn = draw_poses(GREY, [pose(score=score, pelvis=(150.0, 100.0))], MPII16, DrawStyle(min_score=0.2, label=True))
    assert changed(drawn).any() == shown


def test_a_limb_with_one_end_unseen_is_not_drawn():
    half = pose(right_ankle=(100.0, 50.0))
    np.testing.assert_array_equal(draw_poses(GREY, [half], MPII16, DrawStyle(circle=False)), GREY)


@pytest.mark.parametrize(
    ("style", "empty"),
    [
        (DrawStyle(circle=False, line=False), True),
        (DrawStyle(circle=False, line=True), False),
        (DrawStyle(circle=True, line=False), False),
        (DrawStyle(circle=False, line=False, label=True), False),
    ],
)
def test_switches(style, empty):
    assert changed(draw_poses(GREY, [standing()], MPII16, style)).any() != empty


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ({"circle_radius": 2}, {"circle_radius": 9}),
        ({"line_thickness": 1}, {"line_thickness": 8}),
        ({"circle_radius": 9, "circle_thickness": 1}, {"circle_radius": 9, "circle_thickness": 4}),
        ({"label": True, "label_font_scale": 0.3}, {"label": True, "label_font_scale": 0.6}),
        ({"label": True, "label_thickness": 1}, {"label": True, "label_thickness": 3}),
    ],
)
def test_given_sizes(small, large):
    def area(sizes):
        # Only what the sizes are about, well apart.
        lonely = pose(left_ankle=(60.0, 100.0), left_knee=(200.0, 100.0))
        style = dataclasses.replace(DrawStyle(line="line_thickness" in sizes), **sizes)
        return changed(draw_poses(GREY, [lonely], MPII16, style)).sum()

    assert area(small) < area(large)


def test_a_given_radius_is_in_pixels():
    style = DrawStyle(line=False, circle_radius=10)
    drawn = draw_poses(GREY, [pose(pelvis=(150.0, 100.0))], MPII16, style)
    columns = np.flatnonzero((drawn[100] == SIDE_COLORS["middle"]).all(axis=-1))
    assert (columns.min(), columns.max()) == pytest.approx((140, 160), abs=1)


def test_default_sizes_scale_with_the_picture():
    def share(size):
        picture = np.full((size, size, 3), 128, np.uint8)
        keypoints = standing().keypoints_xy * size / 300
        drawn = draw_poses(picture, [DrawnPose(keypoints, np.ones(16))], MPII16, DrawStyle())
        return changed(drawn, picture).mean()

    assert share(2000) == pytest.approx(share(4000), rel=0.1)


def test_positions_are_kept_to_a_fraction_of_a_pixel():
    style = DrawStyle(line=False, circle_radius=6)
    weight = {}
    for x in (150.0, 150.5):
        drawn = draw_poses(GREY, [pose(pelvis=(x, 100.0))], MPII16, style)
        yellow = drawn[100, :, 0].astype(float) - 128
        weight[x] = (np.arange(300) * np.abs(yellow)).sum() / np.abs(yellow).sum()
    assert weight[150.0] == pytest.approx(150.0, abs=0.1)
    assert weight[150.5] == pytest.approx(150.5, abs=0.2)


@pytest.mark.parametrize(
    ("input_wh", "joints", "columns", "rows"), [((64, 64), 0, 1, 1), ((64, 96), 16, 5, 4), ((256, 256), 3, 2, 2)]
)
def test_heatmap_sheet(rng, input_wh, joints, columns, rows):
    picture = np.full((input_wh[1], input_wh[0], 3), 100, np.uint8)
    heatmaps = rng.uniform(0, 1, (joints, input_wh[1] // 4, input_wh[0] // 4)).astype(np.float32)
    sheet = draw_heatmap_sheet(picture, heatmaps, [f"keypoint_{number}" for number in range(joints)])
    zoom = max(1, -(-192 // input_wh[0]))
    assert sheet.shape == (rows * (input_wh[1] * zoom + 20), columns * input_wh[0] * zoom, 3)
    assert sheet.dtype == np.uint8


def test_a_heatmap_lies_over_its_own_place():
    picture = np.zeros((256, 256, 3), np.uint8)
    heatmap = np.zeros((1, 64, 64), np.float32)
    heatmap[0, 20, 40] = 3.0
    sheet = draw_heatmap_sheet(picture, heatmap, ["nose"])
    cell = sheet[20:, 256:].sum(axis=-1)
    y, x = np.unravel_index(cell.argmax(), cell.shape)
    assert (x, y) == pytest.approx((160, 80), abs=4)
    assert not cell[:60].any()
    # The name and the maximum stand above it.
    assert (sheet[:20, 256:] < 100).any()


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_heatmap_without_heat_shows_the_input(value):
    picture = np.full((256, 256, 3), 77, np.uint8)
    sheet = draw_heatmap_sheet(picture, np.full((1, 64, 64), value, np.float32), ["nose"])
    assert (sheet[20:] == 77).all()
