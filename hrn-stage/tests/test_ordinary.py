"""Training on people of ordinary photos: what is cut off, framed, asked for, and drawn how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")

from fakes import config_with
from pydantic import ValidationError

from hrn_stage.config import HrnConfig
from hrn_stage.config_people import PeopleConfig
from hrn_stage.training.datasets import ordinary_people, read_samples
from hrn_stage.training.exact_targets import exact_heatmaps
from hrn_stage.training.framing import framed_by_box, framed_by_half, framed_by_joints, random_view
from hrn_stage.training.growth import input_size
from hrn_stage.training.looks import poor, with_patches
from hrn_stage.training.losses import joint_errors, with_hard_joints
from hrn_stage.training.ordinary import OrdinaryPerson, read_ordinary_people
from hrn_stage.training.ordinary_rows import WeightedSampler
from hrn_stage.training.photo_edges import photo_end, within_photo
from pose_contract.errors import ConfigError
from pose_contract.skeletons import MPII16

NO_BOX = np.full(4, np.nan)
MIRROR = list(MPII16.mirror_index)
ANKLES = [MPII16.keypoints.index(f"{side}_ankle") for side in ("right", "left")]
HEAD = MPII16.keypoints.index("head_top")


def person(box: tuple[float, ...] = tuple(NO_BOX)) -> OrdinaryPerson:
    """Joints from the ankles at y = 190 up to the head top at y = 10, x from 40 to 60."""
    heights = {"ankle": 190, "knee": 150, "hip": 110, "pelvis": 110, "wrist": 100, "elbow": 80, "shoulder": 50,
               "thorax": 50, "upper_neck": 40, "head_top": 10}  # fmt: skip
    joints = np.full((16, 2), 50.0)
    for row, name in enumerate(MPII16.keypoints):
        side, _, part = name.partition("_")
        joints[row] = {"left": 60.0, "right": 40.0}.get(side, 50.0), heights.get(name, heights.get(part, 0))
    return OrdinaryPerson(Path("a.png"), joints, np.ones(16, np.float32), np.zeros(16, bool), np.array(box, float))


def config(**people: object) -> HrnConfig:
    return config_with(
        DATASET={"DATASET": "people", "SCALE_FACTOR": 0.35, "ROT_FACTOR": 30}, MODEL={"NUM_JOINTS": 16}, PEOPLE=people
    )


def test_people_are_read_with_weights_and_boxes(tmp_path: Path) -> None:
    joints = np.stack([person().joints_xy, person().joints_xy])
    weight = np.ones((2, 16), np.float16)
    weight[0, :4], weight[1, 3:] = 0.5, 0
    arrays = {"files": np.array(["a.png", "b.png"]), "joints": joints, "weight": weight,
              "absent": weight < 1, "box": np.tile([1.0, 2, 3, 4], (2, 1)), "draws": np.array([2.0, 1])}  # fmt: skip
    np.savez(tmp_path / "train.npz", **arrays)
    there = config_with(DATASET={"DATASET": "people", "ROOT": str(tmp_path)}, MODEL={"NUM_JOINTS": 16})
    (kept,) = ordinary_people(there, "train")  # the second has three labels
    assert kept.image == tmp_path / "a.png"
    assert kept.draws == 2
    assert (kept.weights[:4] == 0.5).all() and kept.labelled.all() and kept.absent[:4].all()
    (sample,) = read_samples(there, "train")
    assert sample.center.tolist() == [50, 100]
    assert sample.scale[0] * 200 == pytest.approx(180 * 1.38)
    np.savez(tmp_path / "old.npz", files=arrays["files"], joints=joints)
    with pytest.raises(ConfigError, match="lacks weight, absent, box, draws"):
        read_ordinary_people(tmp_path / "old.npz", tmp_path)


def test_what_lies_beyond_the_edge_is_absent() -> None:
    picture = np.zeros((200, 100, 3), np.uint8)
    left, seen = within_photo(person((30, 0, 70, 200)), picture, (20, 5, 100, 130))
    assert seen.shape == (125, 80, 3)
    assert left.absent.sum() == 4  # knees and ankles
    assert left.absent[ANKLES].all() and not left.weights[ANKLES].any() and left.weights.sum() == 12
    assert left.joints_xy[HEAD].tolist() == [30, 5]
    assert left.box_xyxy.tolist() == [10, 0, 50, 125]
    assert within_photo(person(), picture, (0, 0, 100, 130))[0].box_xyxy.tolist() == [39, 1, 61, 130]


def test_a_photo_is_not_cut_where_too_little_is_left() -> None:
    picture = np.zeros((200, 100, 3), np.uint8)
    for part in ((0, 0, 100, 20), (0, 0, 100, 30), (0, 0, 10, 200)):
        left, seen = within_photo(person(), picture, part)
        assert not left.absent.any() and seen.shape == picture.shape


def test_photos_end_mostly_below() -> None:
    rng = np.random.default_rng(0)
    ends = [photo_end(person(), (100, 200), rng) for _ in range(400)]
    below = [y2 for x1, y1, x2, y2 in ends if y2 < 200]
    assert 0.55 < len(below) / 400 < 0.73
    assert min(below) >= 10 + 0.3 * 180 - 1 and max(below) <= 10 + 0.92 * 180
    assert all(0 <= x1 < x2 <= 100 and 0 <= y1 < y2 <= 200 for x1, y1, x2, y2 in ends)


def test_frames() -> None:
    rng = np.random.default_rng(0)
    center, side = framed_by_joints(person())
    assert center.tolist() == [50, 100] and side == pytest.approx(180 * 1.38)
    assert framed_by_joints(person((0, 0, 100, 400)))[1] == pytest.approx(320)
    frames = [framed_by_box(person((30, 0, 70, 200)), 1.25, rng) for _ in range(200)]
    assert np.mean([side for _, side in frames]) == pytest.approx(250, rel=0.02)
    assert np.std([side for _, side in frames]) > 5
    halves = {tuple(framed_by_half(person(), MPII16, rng)[0]) for _ in range(50)}
    assert halves == {(50, 55), (50, 150)}  # above and below the waist
    assert framed_by_half(person(), MPII16, rng)[1] == pytest.approx(1.45 * 90, rel=0.15)


def test_views_keep_their_bounds() -> None:
    rng = np.random.default_rng(0)
    plain = config(PROB_BOX=0, PROB_ANY_TURN=0)
    views = [random_view(person(), plain, MPII16, (128, 128), rng) for _ in range(300)]
    sides = np.array([view.scale[0] * 200 for view in views]) / (180 * 1.38)
    assert 0.70 < sides.min() < 0.78 and 1.3 < sides.max() < 1.42
    turns = np.array([view.rotation_degrees for view in views])
    assert 0.35 < (turns != 0).mean() < 0.57 and np.abs(turns).max() <= 60
    assert max(np.abs(view.center - [50, 100]).max() / (view.scale[0] * 200) for view in views) <= 0.08 + 1e-3
    assert 0.4 < np.mean([view.mirrored for view in views]) < 0.6
    anywhere = config(PROB_ANY_TURN=1)
    assert max(abs(random_view(person(), anywhere, MPII16, (128, 128), rng).rotation_degrees) for _ in range(50)) > 90


def test_a_peak_lies_where_the_joint_is() -> None:
    joints = np.full((16, 2), 66.0)
    weights, absent = np.full(16, 0.5, np.float32), np.zeros(16, bool)
    joints[1], absent[2], weights[3] = (140, 60), True, 0
    heatmaps, counts = exact_heatmaps(joints, weights, absent, (32, 32), (128, 128), 1.5, 0.9)
    assert heatmaps[0, 16, 16] == heatmaps[0, 17, 17] == heatmaps[0].max() == pytest.approx(np.exp(-0.25 / 2.25))
    assert not heatmaps[1:4].any()
    assert counts[:4].tolist() == pytest.approx([0.5, 0.9, 0.9, 0])


def test_a_wrong_side_costs_more_than_a_wrong_place() -> None:
    right, left = MPII16.keypoints.index("right_knee"), MPII16.keypoints.index("left_knee")
    targets = torch.zeros(1, 16, 8, 8)
    targets[0, right, 2, 2] = targets[0, left, 2, 6] = 1
    on_partner, elsewhere, missed = targets.clone(), targets.clone(), targets.clone()
    on_partner[0, right, 2, 6] = elsewhere[0, right, 7, 4] = 1
    missed[0, right] = 0
    weights = torch.ones(1, 16)
    costs = [float(joint_errors(found, targets, weights, MIRROR, 2.0)[0, right] * 128)
             for found in (on_partner, elsewhere, missed, targets)]  # fmt: skip
    assert costs == pytest.approx([3, 1, 3, 0])
    assert not joint_errors(on_partner, targets, torch.zeros(1, 16), MIRROR, 2.0).any()


def test_hard_joints_count_more() -> None:
    errors = torch.tensor([[0.0, 1, 2, 3], [4, 0, 0, 0]])
    assert with_hard_joints(errors, 0) == errors.mean() == 1.25
    assert with_hard_joints(errors, 2) == pytest.approx(1.25 + 0.5 * (3 + 2 + 4 + 0) / 4)
    assert with_hard_joints(errors, 99) == pytest.approx(1.5 * 1.25)


def test_the_input_grows() -> None:
    grow = [(128, 0.4), (160, 0.7)]
    sizes = [input_size(grow, (192, 192), progress) for progress in (0, 0.39, 0.4, 0.7, 1)]
    assert sizes == [(128, 128), (128, 128), (160, 160), (192, 192), (192, 192)]
    assert input_size([(128, 1)], (192, 256), 0) == (96, 128)
    with pytest.raises(ValidationError, match="divisible by 32"):
        PeopleConfig(GROW=((100, 0.5),))
    with pytest.raises(ValidationError, match="must rise"):
        PeopleConfig(GROW=((128, 0.5), (160, 0.4)))


def test_people_are_drawn_by_their_share() -> None:
    sampler = WeightedSampler([1.0, 1, 2, 0], 400, (3, 5))
    draws = list(sampler)
    assert len(draws) == len(sampler) == 400
    assert Counter(draw.index for draw in draws) == {0: 100, 1: 100, 2: 200}
    assert len(set(draws)) == 400 and {draw.epoch for draw in draws} == {5}
    assert [draw.index for draw in draws] != sorted(draw.index for draw in draws)
    halves = [list(WeightedSampler([1.0, 1, 2, 0], 400, (3, 5), (rank, 2))) for rank in (0, 1)]
    assert sorted(halves[0] + halves[1], key=str) == sorted(draws, key=str)
    uneven = Counter(draw.index for draw in WeightedSampler([1.0, 1, 1], 100, (1, 1)))
    assert sorted(uneven.values()) == [33, 33, 34]


def test_looks() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
    before = picture.copy()
    assert (poor(picture, 0, rng) == picture).all()
    assert all(poor(picture, 1, rng).shape == picture.shape for _ in range(5))
    assert (picture == before).all()
    joints = np.tile([48.0, 48], (16, 1))
    changed = np.mean([(with_patches(picture, joints, rng) != picture).any(axis=2) for _ in range(60)], axis=0)
    assert (picture == before).all()
    assert changed[40:56, 40:56].mean() > 4 * changed[:16, :16].mean() > 0


def test_an_absent_joint_stays_absent() -> None:
    gone = replace(
        person(), absent=np.arange(16) == HEAD, weights=np.where(np.arange(16) == HEAD, 0, 1).astype(np.float32)
    )
    assert within_photo(gone, np.zeros((200, 100, 3), np.uint8), (0, 0, 100, 170))[0].absent[HEAD]
