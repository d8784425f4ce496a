"""HRNet (Sun, Xiao, Liu, Wang: Deep High-Resolution Representation Learning for Human Pose Estimation, CVPR 2019).

Written from the architecture. The attribute names spell the parameter names of the published checkpoints
(`stage3.2.fuse_layers.2.0.1.0.weight`), which is why some of them nest deeper than the code would need: they must stay.

Frame: input [N, 3, H, W] normalised; four parallel branches at 1/4, 1/8, 1/16 and 1/32 of it; heatmaps
[N, J, H/4, W/4].
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hrn_stage.config_keys import ModelConfig, StageConfig

_STEM_CHANNELS = 64


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, channels_in: int, planes: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(channels_in, planes)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels_in, planes)

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels_in, h, w] -> [N, planes, h, w]."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += self.downsample(x)
        return torch.relu_(y)


class Bottleneck(nn.Module):
    """1x1 down to `planes`, 3x3, 1x1 up to four times as many, and a shortcut."""

    expansion = 4

    def __init__(self, channels_in: int, planes: int) -> None:
        super().__init__()
        channels_out = planes * self.expansion
        self.conv1 = nn.Conv2d(channels_in, planes, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, channels_out, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels_in, h, w] -> [N, 4 planes, h, w]."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += self.downsample(x)
        return torch.relu_(y)


class HighResolutionModule(nn.Module):
    """Residual blocks on each branch, then every branch receives the sum of all, resampled to its resolution.

    `rows` is how many of the fused branches are computed: all, or only the finest in the network's last module.
    """

    def __init__(self, stage: StageConfig, channels: Sequence[int], rows: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            _blocks(stage, number, channels_in)[0] for number, channels_in in enumerate(channels)
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_resampler(channels, source, target) for source in range(len(channels)))
            for target in range(rows)
        )

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        """One tensor a branch, finest first -> `rows` tensors."""
        branches = [blocks(x) for blocks, x in zip(self.branches, branches, strict=True)]
        fused = []
        for row in self.fuse_layers:
            assert isinstance(row, nn.ModuleList)
            total = row[0](branches[0])
            for resample, x in zip(list(row)[1:], branches[1:], strict=True):
                total = total + resample(x)
            fused.append(torch.relu(total))
        return fused


class HrNet(nn.Module):
    """Stem, a one-branch stage, three stages with one branch more each, a convolution to the heatmaps."""

    def __init__(self, model: ModelConfig) -> None:
        super().__init__()
        extra = model.EXTRA
        self.conv1 = nn.Conv2d(3, _STEM_CHANNELS, kernel_size=3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_STEM_CHANNELS)
        self.conv2 = nn.Conv2d(_STEM_CHANNELS, _STEM_CHANNELS, kernel_size=3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_STEM_CHANNELS)
        self.relu = nn.ReLU(inplace=True)
        self.layer1, channels = _blocks(extra.STAGE1, 0, _STEM_CHANNELS)
        self.transition1, after1 = _transition([channels], extra.STAGE2)
        self.stage2 = _stage(extra.STAGE2, after1, rows_at_the_end=2)
        self.transition2, after2 = _transition(after1, extra.STAGE3)
        self.stage3 = _stage(extra.STAGE3, after2, rows_at_the_end=3)
        self.transition3, after3 = _transition(after2, extra.STAGE4)
        self.stage4 = _stage(extra.STAGE4, after3, rows_at_the_end=1)
        kernel = extra.FINAL_CONV_KERNEL
        self.final_layer = nn.Conv2d(after3[0], model.NUM_JOINTS, kernel_size=kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, H, W] -> heatmaps [N, J, H/4, W/4]."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        branches = [self.layer1(x)]
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            last = len(branches) - 1
            # The new, coarser branch grows out of the coarsest there is.
            branches = stage([change(branches[min(number, last)]) for number, change in enumerate(transition)])
        heatmaps: Tensor = self.final_layer(branches[0])
        return heatmaps


def build_network(model: ModelConfig) -> nn.Module:
    """The network of `config.MODEL` on the CPU, in evaluation mode.

    Its parameters are uninitialised memory: drawing random ones that a checkpoint replaces at once would cost a second.
    """
    return planned_network(model).to_empty(device="cpu").eval()


def planned_network(model: ModelConfig) -> nn.Module:
    """The same network before memory is taken for its parameters: they have shapes, and no numbers."""
    with torch.device("meta"):
        return HrNet(model)


def _conv3x3(channels_in: int, channels_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False)


def _shortcut(channels_in: int, channels_out: int) -> nn.Module:
    if channels_in == channels_out:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, kernel_size=1, bias=False), nn.BatchNorm2d(channels_out))


def _block_type(stage: StageConfig) -> type[BasicBlock] | type[Bottleneck]:
    return BasicBlock if stage.BLOCK == "BASIC" else Bottleneck


def _blocks(stage: StageConfig, branch: int, channels_in: int) -> tuple[nn.Sequential, int]:
    """The residual blocks of one branch and the channels they give."""
    block = _block_type(stage)
    planes = stage.NUM_CHANNELS[branch]
    channels_out = planes * block.expansion
    count = stage.NUM_BLOCKS[branch]
    blocks = nn.Sequential(*(block(channels_out if number else channels_in, planes) for number in range(count)))
    return blocks, channels_out


def _transition(before: Sequence[int], stage: StageConfig) -> tuple[nn.ModuleList, list[int]]:
    """What brings the branches of one stage to the channels of the next, and makes the new one; those channels."""
    expansion = _block_type(stage).expansion
    after = [channels * expansion for channels in stage.NUM_CHANNELS]
    changes: list[nn.Module] = []
    for number, channels in enumerate(after):
        if number == len(before):
            changes.append(nn.Sequential(_conv_bn(before[-1], channels, stride=2, relu=True)))
        elif before[number] == channels:
            changes.append(nn.Identity())
        else:
            changes.append(_conv_bn(before[number], channels, stride=1, relu=True))
    return nn.ModuleList(changes), after


def _stage(stage: StageConfig, channels: Sequence[int], rows_at_the_end: int) -> nn.Sequential:
    last = stage.NUM_MODULES - 1
    return nn.Sequential(
        *(
            HighResolutionModule(stage, channels, rows_at_the_end if number == last else len(channels))
            for number in range(stage.NUM_MODULES)
        )
    )


def _resampler(channels: Sequence[int], source: int, target: int) -> nn.Module:
    """Brings a branch to the channels and resolution of another: 1x1 and nearest upwards, strided 3x3 downwards."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(
            nn.Conv2d(channels[source], channels[target], kernel_size=1, bias=False),
            nn.BatchNorm2d(channels[target]),
            nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"),
        )
    steps = [_conv_bn(channels[source], channels[source], stride=2, relu=True) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, _conv_bn(channels[source], channels[target], stride=2, relu=False))


def _conv_bn(channels_in: int, channels_out: int, stride: int, relu: bool) -> nn.Sequential:
    layers: list[nn.Module] = [_conv3x3(channels_in, channels_out, stride), nn.BatchNorm2d(channels_out)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)
