"""What training minimises: the published squared error, or one that minds sides and hard joints too (pure)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hrn_stage.config_keys import LossConfig
from pose_contract.skeletons import Skeleton

# Of the published COCO set: joints farther out are harder, and weigh more.
HARDER = {"elbow": 1.2, "knee": 1.2, "wrist": 1.5, "ankle": 1.5}
HARD_SHARE = 0.5  # of the worst joints' mean, beside everybody's


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


def joint_errors(
    heatmaps: Tensor, targets: Tensor, weights: Tensor, mirror_index: Sequence[int], sides: float
) -> Tensor:
    """Half the mean squared difference per joint [N, J], each times its weight.

    Near a joint and near its mirror partner a pixel counts up to 1 + `sides` times as much: with a plain mean an
    exchanged left and right costs no more than noise in the background. An absent joint (its target empty, its partner
    perhaps not) has a weight too: the network learns to say "not here".
    """
    near = torch.maximum(targets, targets[:, list(mirror_index)])
    squares = (heatmaps - targets).square() * (1 + sides * near)
    return 0.5 * squares.mean(dim=(2, 3)) * weights


def with_hard_joints(errors: Tensor, hardest: int) -> Tensor:
    """The mean of all joints' errors [N, J], plus half the mean of each person's `hardest` worst (0: none)."""
    loss = errors.mean()
    if hardest:
        loss = loss + HARD_SHARE * errors.topk(min(hardest, errors.shape[1]), dim=1).values.mean()
    return loss
