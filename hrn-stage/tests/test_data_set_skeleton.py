import pytest

from hrn_stage.data_set_skeleton import skeleton_for
from pose_contract.errors import ConfigError
from pose_contract.skeletons import COCO17, LSP14, MPII16


@pytest.mark.parametrize(
    ("dataset", "num_joints", "expected"),
    [
        ("", 16, MPII16),
        ("mpii", 16, MPII16),
        ("MPII", 16, MPII16),
        ("coco", 17, COCO17),
        ("lsp", 14, LSP14),
        ("lsp", 16, MPII16),
        ("custom", 16, MPII16),
        ("custom", 17, COCO17),
        ("custom", 14, LSP14),
    ],
)
def test_skeleton_for(dataset, num_joints, expected):
    assert skeleton_for(dataset, num_joints) is expected


@pytest.mark.parametrize(("dataset", "num_joints"), [("", 0), ("custom", 21), ("mpii", 17), ("coco", 16), ("lsp", 17)])
def test_no_skeleton(dataset, num_joints):
    with pytest.raises(ConfigError, match=str(num_joints)) as caught:
        skeleton_for(dataset, num_joints)
    assert caught.value.remedy
