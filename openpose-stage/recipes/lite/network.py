"""The network in PyTorch while it is trained: each convolution of the architecture with a batch norm behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skeleton18 import FROM_MPII
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from openpose_stage.lite.architecture import Convolution, convolutions, maps

FROZEN = ("conv1", "conv2", "layer1.")  # what any picture needs alike
FINE = 32  # channels of the finest branch, which lie first among those of the last layers


class MapsNetwork(nn.Module):
    """The layers by their names (dots become slashes)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({key(one.name): _with_norm(one) for one in convolutions()})

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised RGB [N, 3, H, W] -> heatmaps [N, 19, H/4, W/4], fields [N, 38, H/4, W/4]."""
        return maps(self, x)

    def convolution(self, node: Tensor, convolution: Convolution) -> Tensor:
        """See `Layers`."""
        result: Tensor = self.layers[key(convolution.name)](node)
        return torch.relu_(result) if convolution.relu else result

    def total(self, nodes: Sequence[Tensor]) -> Tensor:
        """See `Layers`."""
        result = nodes[0]
        for node in nodes[1:]:
            result = result + node
        return torch.relu(result)

    def enlarged(self, node: Tensor, factor: int) -> Tensor:
        """See `Layers`."""
        return nn.functional.interpolate(node, scale_factor=factor, mode="nearest")

    def joined(self, nodes: Sequence[Tensor]) -> Tensor:
        """See `Layers`."""
        return torch.cat(list(nodes), dim=1)

    def freeze(self) -> None:
        """Lets what lies lowest as it is; call it again after `train`."""
        for name, layer in self.layers.items():
            if name.replace("/", ".").startswith(FROZEN):
                layer.requires_grad_(False).eval()


def key(name: str) -> str:
    """A name as PyTorch allows it."""
    return name.replace(".", "/")


def _with_norm(one: Convolution) -> nn.Sequential:
    last = one.name in ("heatmaps", "fields")
    layer = nn.Conv2d(one.channels_in, one.channels_out, one.kernel, one.stride, padding=one.kernel // 2, bias=last)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if last:
        nn.init.normal_(layer.weight, std=0.003)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # it has one
        if one.name == "heatmaps":
            layer.bias.data[-1] = 1.0  # type: ignore[union-attr]  # most of a scene is background
        return nn.Sequential(layer)
    return nn.Sequential(layer, nn.BatchNorm2d(one.channels_out))


def norm_of(name: str) -> str:
    """What HRNet calls the batch norm behind a convolution."""
    return name.replace("conv", "bn") if "conv" in name.rpartition(".")[2] else f"{name.removesuffix('.0')}.1"


def start_from(network: MapsNetwork, given: Mapping[str, NDArray[Any]]) -> int:
    """Takes over what an HRNet for one person with MPII's points has of the same shape; says how many convolutions."""
    taken = 0
    with torch.no_grad():
        for one in convolutions():
            layer = network.layers[key(one.name)]
            weight = given.get(f"{one.name}.weight")
            if weight is None or len(layer) < 2 or tuple(weight.shape) != tuple(layer[0].weight.shape):
                continue
            layer[0].weight.copy_(_tensor(weight))
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(layer[1], name).copy_(_tensor(given[f"{norm_of(one.name)}.{name}"]))
            taken += 1
        last, old = network.layers["heatmaps"][0], given["final_layer.weight"]
        for row, source in enumerate(FROM_MPII):
            if source >= 0:
                last.weight[row, :FINE].copy_(_tensor(old[source]))
    return taken


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(array, np.float32))


def folded(network: MapsNetwork) -> dict[str, Tensor]:
    """Weights and biases in half precision, the batch norms folded in: what the graph is built of."""
    state = {}
    network = network.eval()
    for one in convolutions():
        layer = network.layers[key(one.name)]
        plain = fuse_conv_bn_eval(layer[0], layer[1]) if len(layer) == 2 else layer[0]
        state[f"{one.name}.weight"] = plain.weight.detach().half().contiguous()
        state[f"{one.name}.bias"] = plain.bias.detach().half().contiguous()
    return state
