"""What training minimises."""

from __future__ import annotations

import torch
from torch import Tensor

from hrn_stage.config_keys import LossConfig
from pose_contract.skeletons import Skeleton

# Of the published COCO set: joints farther out are harder, and weigh more.
HARDER = {"elbow": 1.2, "knee": 1.2, "wrist": 1.5, "ankle": 1.5}


def joint_weights(config: LossConfig, skeleton: Skeleton) -> Tensor:
    """What each joint [J] counts besides whether it is labelled: all one, unless USE_DIFFERENT_JOINTS_WEIGHT."""
    if not config.USE_DIFFERENT_JOINTS_WEIGHT:
        return torch.ones(len(skeleton.keypoints))
    return torch.tensor([HARDER.get(name.rpartition("_")[2], 1.0) for name in skeleton.keypoints])


def training_loss(heatmaps: Tensor, targets: Tensor, weights: Tensor, config: LossConfig) -> Tensor:
    """`heatmap_loss` as LOSS says: with the weights of joints or without, of all joints or of the TOPK hardest."""
    used = weights if config.USE_TARGET_WEIGHT else None
    return heatmap_loss(heatmaps, targets, used, config.TOPK if config.USE_OHKM else None)


def heatmap_loss(heatmaps: Tensor, targets: Tensor, weights: Tensor | None, hardest: int | None = None) -> Tensor:
    """Half the mean squared difference, averaged over joints; a joint of weight 0 counts as met, as published.

    With `hardest`, of each person only so many joints with the largest difference count (online hard keypoint mining:
    Chen et al., Cascaded Pyramid Network, arXiv 1711.07319).
    """
    difference = heatmaps - targets
    if weights is not None:
        difference = difference * weights[:, :, None, None]
    if hardest is None:
        return 0.5 * difference.square().mean()
    each = 0.5 * difference.square().mean(dim=(2, 3))
    return each.topk(hardest, dim=1).values.mean()
