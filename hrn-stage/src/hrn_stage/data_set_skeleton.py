"""Which skeleton a YAML's data set and number of joints stand for."""

from __future__ import annotations

from pose_contract.errors import ConfigError
from pose_contract.skeletons import COCO17, LSP14, MPII16, SKELETONS, Skeleton

_BY_DATASET = {"mpii": MPII16, "coco": COCO17, "lsp": LSP14}
_BY_COUNT = {len(skeleton.keypoints): skeleton for skeleton in SKELETONS}


def skeleton_for(dataset: str, num_joints: int) -> Skeleton:
    """The skeleton of `DATASET.DATASET` mpii, coco or lsp; of any other data set ("custom") by `MODEL.NUM_JOINTS`.

    Raises:
        ConfigError: the data set and the count contradict each other, or nobody knows a skeleton of that many.
    """
    named = _BY_DATASET.get(dataset.strip().lower())
    if named is LSP14 and num_joints == len(MPII16.keypoints):
        return MPII16  # pelvis and thorax are midpoints of LSP's joints
    if named is not None and len(named.keypoints) != num_joints:
        raise ConfigError(
            f"DATASET.DATASET {dataset} has {len(named.keypoints)} keypoints, but MODEL.NUM_JOINTS is {num_joints}",
            f"set MODEL.NUM_JOINTS {len(named.keypoints)}, or name the data set of the weights (mpii, coco, lsp)",
        )
    skeleton = named or _BY_COUNT.get(num_joints)
    if skeleton is None:
        known = ", ".join(f"{count} ({skeleton.name})" for count, skeleton in sorted(_BY_COUNT.items()))
        raise ConfigError(f"no skeleton with MODEL.NUM_JOINTS {num_joints} is known", f"known: {known}")
    return skeleton
