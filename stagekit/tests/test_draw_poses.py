import dataclasses

import numpy as np
import pytest

from pose_contract.skeletons import COCO17, LSP14, MPII16
from stage_kit.pictures.draw_poses import SIDE_COLORS, DrawnPose, draw_poses
from stage_kit.pictures.draw_style import DrawStyle

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
    anywhere = pose(right_ankle=(x, y), right_knee=(150.0, 100.0), right_hip=(150.0, 60.0))
    drawn = draw_poses(GREY, [anywhere], MPII16, DrawStyle(label=label))
    assert drawn.shape == GREY.shape
    assert changed(drawn)[95:105, 145:155].any()


def test_a_keypoint_outside_the_picture_and_its_limbs_are_not_drawn():
    across = pose(right_ankle=(-1e6, 100.0), right_knee=(1e6, 100.0))
    half = pose(right_ankle=(150.0, 210.0), right_knee=(150.0, 100.0))
    for outside in (across, half):
        np.testing.assert_array_equal(draw_poses(GREY, [outside], MPII16, DrawStyle(label=True)), GREY)


def test_a_keypoint_without_a_limb_is_no_dot():
    limb = pose(right_ankle=(100.0, 50.0), right_knee=(100.0, 90.0))
    with_dot = pose(right_ankle=(100.0, 50.0), right_knee=(100.0, 90.0), left_wrist=(200.0, 150.0))
    drawn = [draw_poses(GREY, [one], MPII16, DrawStyle(label=True)) for one in (limb, with_dot)]
    np.testing.assert_array_equal(*drawn)


def black(drawn):
    """The tags' grounds: nothing else is as black."""
    return (drawn == 0).all(axis=-1)


def test_the_number_stands_at_the_head():
    keypoints = pose(head_top=(150.0, 80.0), upper_neck=(150.0, 110.0), thorax=(150.0, 120.0))
    unnumbered = draw_poses(GREY, [keypoints], MPII16, DrawStyle())
    assert not black(unnumbered).any()
    tags = []
    for index in (3, 4, 12):
        drawn = draw_poses(GREY, [dataclasses.replace(keypoints, index=index)], MPII16, DrawStyle())
        y, x = np.nonzero(black(drawn))
        assert 40 < y.min() < y.max() < 80 and 130 < x.min() < x.max() < 170
        assert y.max() - y.min() >= 10  # pixels: readable
        tags.append(drawn[y.min() : y.max(), x.min() : x.max()])
    assert not np.array_equal(tags[0], tags[1]) and tags[2].shape[1] > tags[1].shape[1]


def test_names_stand_only_where_there_is_room():
    style = DrawStyle(label=True, circle=False, line=False)
    two = pose(left_ankle=(60.0, 60.0), left_knee=(60.0, 140.0))
    crowd = [pose(left_ankle=(60.0 + n, 60.0), left_knee=(60.0 + n, 140.0)) for n in range(20)]
    alone, crowded = (changed(draw_poses(GREY, poses, MPII16, style)).sum() for poses in ([two], crowd))
    assert 0 < crowded < 5 * alone


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
    limb = pose(score=score, pelvis=(150.0, 100.0), thorax=(150.0, 50.0))
    drawn = draw_poses(GREY, [limb], MPII16, DrawStyle(min_score=0.2, label=True))
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
    drawn = draw_poses(GREY, [pose(pelvis=(150.0, 100.0), thorax=(150.0, 30.0))], MPII16, style)
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
        drawn = draw_poses(GREY, [pose(pelvis=(x, 100.0), thorax=(x, 30.0))], MPII16, style)
        yellow = drawn[100, :, 0].astype(float) - 128
        weight[x] = (np.arange(300) * np.abs(yellow)).sum() / np.abs(yellow).sum()
    assert weight[150.0] == pytest.approx(150.0, abs=0.1)
    assert weight[150.5] == pytest.approx(150.5, abs=0.2)


def test_a_pose_may_have_a_colour_of_its_own():
    drawn = draw_poses(GREY, [dataclasses.replace(standing(), color=(10, 250, 10))], MPII16, DrawStyle())
    assert (drawn == (10, 250, 10)).all(axis=-1).any()
    assert not any((drawn == color).all(axis=-1).any() for color in SIDE_COLORS.values())
