"""The embedded bottom-up network, told once: which layers make a photo into its heatmaps and fields.

`maps` says what follows what; the `Layers` that it is given decide what a layer is: PyTorch's while it is trained,
nodes of OpenVINO's graph when it runs, or a list of what there is. The trunk is an HRNet (Sun et al., CVPR 2019), and
its convolutions keep the published names, so that a network for one person can be the start of this one.

Frame: input [N, 3, H, W], H and W multiples of 32; four branches at 1/4, 1/8, 1/16 and 1/32 of it; maps at 1/4: cell i
stands for pixel 4 i + 1.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

HEATMAPS, FIELDS = 19, 38
STRIDE, MULTIPLE = 4, 32  # of the maps, and of the input's sides
MEAN_RGB, DEVIATION_RGB = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of the input's colours, 0 to 255

_STEM, _WIDTHS = 64, (32, 64, 128, 256)
_BLOCKS = (2, 2, 2, 1)  # residual blocks of each branch; the coarsest is the heaviest
_ROWS = {2: 2, 3: 3, 4: 2}  # branches that a stage gives on; nobody needs the coarse ones at the end
_HEAD = 64

Node = TypeVar("Node")


@dataclass(frozen=True)
class Convolution:
    """A convolution with a bias and a padding that keeps the size (at stride 1)."""

    name: str
    channels_in: int
    channels_out: int
    kernel: int = 3
    stride: int = 1
    relu: bool = True


class Layers(Protocol[Node]):
    """What a layer is."""

    def convolution(self, node: Node, convolution: Convolution) -> Node:
        """The convolution, and its ReLU if it has one."""

    def total(self, nodes: Sequence[Node]) -> Node:
        """ReLU of the sum."""

    def enlarged(self, node: Node, factor: int) -> Node:
        """Every cell `factor` times in both directions."""

    def joined(self, nodes: Sequence[Node]) -> Node:
        """The channels of all, in a row."""


def maps(layers: Layers[Node], picture: Node) -> tuple[Node, Node]:
    """Normalised RGB [N, 3, H, W] -> heatmaps [N, 19, H/4, W/4], fields [N, 38, H/4, W/4], both in COCO-18's order."""
    node = layers.convolution(picture, Convolution("conv1", 3, _STEM, stride=2))
    node = layers.convolution(node, Convolution("conv2", _STEM, _STEM, stride=2))
    node = _block(layers, node, "layer1.0", _STEM, _WIDTHS[0])
    branches = [_block(layers, node, "layer1.1", _WIDTHS[0], _WIDTHS[0])]
    for stage in (2, 3, 4):
        new = stage - 1
        change = Convolution(f"transition{new}.{new}.0.0", _WIDTHS[new - 1], _WIDTHS[new], stride=2)
        branches.append(layers.convolution(branches[-1], change))
        branches = _stage(layers, branches, stage)
    fine, coarse = branches
    near = layers.joined([fine, layers.enlarged(coarse, 2)])
    near = layers.convolution(near, Convolution("joint_features", _WIDTHS[0] + _WIDTHS[1], _HEAD))
    last = layers.joined([fine, near])
    channels = _WIDTHS[0] + _HEAD
    heatmaps = layers.convolution(last, Convolution("heatmaps", channels, HEATMAPS, kernel=1, relu=False))
    fields = layers.convolution(last, Convolution("fields", channels, FIELDS, kernel=1, relu=False))
    return heatmaps, fields


def convolutions() -> tuple[Convolution, ...]:
    """All convolutions, in the order in which they run."""
    listing = _Listing()
    maps(listing, None)
    return tuple(listing.found)


def parameter_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every parameter: a weight and a bias for each convolution."""
    shapes: dict[str, tuple[int, ...]] = {}
    for one in convolutions():
        shapes[f"{one.name}.weight"] = (one.channels_out, one.channels_in, one.kernel, one.kernel)
        shapes[f"{one.name}.bias"] = (one.channels_out,)
    return shapes


def _block(layers: Layers[Node], node: Node, name: str, channels_in: int, channels: int) -> Node:
    """Two 3x3 convolutions and a shortcut."""
    row = layers.convolution(node, Convolution(f"{name}.conv1", channels_in, channels))
    row = layers.convolution(row, Convolution(f"{name}.conv2", channels, channels, relu=False))
    if channels_in != channels:
        node = layers.convolution(node, Convolution(f"{name}.downsample.0", channels_in, channels, 1, relu=False))
    return layers.total([row, node])


def _stage(layers: Layers[Node], branches: Sequence[Node], stage: int) -> list[Node]:
    """Residual blocks on each branch; then every branch that goes on receives the sum of all."""
    worked = []
    for branch, node in enumerate(branches):
        for number in range(_BLOCKS[branch]):
            name = f"stage{stage}.0.branches.{branch}.{number}"
            node = _block(layers, node, name, _WIDTHS[branch], _WIDTHS[branch])
        worked.append(node)
    return [
        layers.total([_fused(layers, node, f"stage{stage}.0", (source, target)) for source, node in enumerate(worked)])
        for target in range(_ROWS[stage])
    ]


def _fused(layers: Layers[Node], node: Node, name: str, way: tuple[int, int]) -> Node:
    """A branch in the channels and the resolution of another: 1x1 and larger, or strided 3x3s."""
    source, target = way
    place = f"{name}.fuse_layers.{target}.{source}"
    if source > target:
        step = Convolution(f"{place}.0", _WIDTHS[source], _WIDTHS[target], kernel=1, relu=False)
        return layers.enlarged(layers.convolution(node, step), 2 ** (source - target))
    for number in range(target - source):
        last = number == target - source - 1
        channels = _WIDTHS[target] if last else _WIDTHS[source]
        step = Convolution(f"{place}.{number}.0", _WIDTHS[source], channels, stride=2, relu=not last)
        node = layers.convolution(node, step)
    return node


class _Listing:
    """Layers that are only noted down."""

    def __init__(self) -> None:
        self.found: list[Convolution] = []

    def convolution(self, node: None, convolution: Convolution) -> None:
        self.found.append(convolution)
        return node

    def total(self, nodes: Sequence[None]) -> None:
        return nodes[0]

    def enlarged(self, node: None, factor: int) -> None:  # noqa: ARG002  # nothing is computed
        return node

    def joined(self, nodes: Sequence[None]) -> None:
        return nodes[0]
