"""Batch norms folded into the convolutions before them, for inference."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fuse_batch_norms(network: nn.Module) -> int:
    """Folds every batch norm that surely follows a convolution into it; returns how many are left.

    Surely: next to it in a Sequential, or named after it in a block (`conv2`, `bn2`), as HRNet's are. The numbers
    change by rounding only. The network must be in eval mode; its state has other keys from then on.
    """
    left = 0
    for module in network.modules():
        before: tuple[str, nn.Module] = ("", module)
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                follows = isinstance(module, nn.Sequential) or name == before[0].replace("conv", "bn")
                if follows and isinstance(before[1], nn.Conv2d):
                    setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
                    setattr(module, name, nn.Identity())
                else:
                    left += 1
            before = (name, child)
    return left
