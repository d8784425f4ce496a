import pytest

from pose_contract.errors import ImageError
from pose_contract.skeletons import BODY25, COCO17, COCO18, LSP14, MPI15, MPII16, SKELETONS, skeleton_named

ALL = [MPII16, COCO17, LSP14, COCO18, MPI15, BODY25]


def test_all_are_known():
    assert set(ALL) == set(SKELETONS)


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_limbs_and_mirror_fit_the_keypoints(skeleton):
    names = skeleton.keypoints
    assert len(set(names)) == len(names) == int(skeleton.name[-2:])
    assert {end for limb in skeleton.limbs for end in (limb.a, limb.b)} == set(names)
    assert len({frozenset((limb.a, limb.b)) for limb in skeleton.limbs}) == len(skeleton.limbs)
    mirror = skeleton.mirror_index
    assert sorted(mirror) == list(range(len(names)))
    for position, partner in enumerate(mirror):
        assert mirror[partner] == position
        swapped = names[position].replace("left_", "#").replace("right_", "left_").replace("#", "right_")
        assert names[partner] == swapped


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_limbs_are_symmetric(skeleton):
    partner = dict(zip(skeleton.keypoints, (skeleton.keypoints[i] for i in skeleton.mirror_index), strict=True))
    limbs = {(frozenset((limb.a, limb.b)), limb.side) for limb in skeleton.limbs}
    other = {"left": "right", "right": "left", "middle": "middle"}
    assert {(frozenset(partner[name] for name in ends), other[side]) for ends, side in limbs} == limbs


def test_the_published_mirror_pairs():
    assert MPII16.mirror_index == (5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10)
    assert COCO17.mirror_index == (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
    assert COCO18.mirror_index == (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)
    assert LSP14.mirror_index == (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13)


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_skeleton_named(skeleton):
    assert skeleton_named(skeleton.name) is skeleton


def test_no_skeleton_of_that_name():
    with pytest.raises(ImageError, match="hand21"):
        skeleton_named("hand21")
