"""HRNet as an OpenVINO graph: built from the YAML's MODEL section and a checkpoint's parameters, without torch.

Batch norms are folded into the convolutions before them, in float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrn_stage.config_keys import ModelConfig
from hrn_stage.layout import Block, Convolution, Module, Path, layout_of
from hrn_stage.parameter_fit import fitting_parameters
from stage_kit.networks.openvino import import_openvino

_EPSILON = 1e-5  # what PyTorch's batch norm adds to a variance

Parameters = Mapping[str, NDArray[Any]]


def build_graph(model_config: ModelConfig, parameters: Parameters, source: str = "the weights") -> Any:
    """The `openvino.Model` of `config.MODEL`: input float32 [1, 3, H, W], output heatmaps float32 [1, J, H/4, W/4].

    Args:
        model_config: the YAML's MODEL section.
        parameters: by their official names.
        source: the checkpoint, as errors name it.

    Raises:
        WeightsError: parameters that are missing, that the network lacks, or of another shape.
    """
    openvino = import_openvino()
    from openvino import opset13 as ops  # type: ignore[import-untyped, unused-ignore]

    layout = layout_of(model_config)
    builder = _Builder(ops, fitting_parameters(layout.shapes(), parameters, source))
    width, height = model_config.IMAGE_SIZE
    image = ops.parameter([1, 3, height, width], np.float32, name="input")
    branches = [builder.blocks(builder.path(image, layout.stem), layout.layer1)]
    for stage in layout.stages:
        coarsest = len(branches) - 1
        # The new, coarser branch grows out of the coarsest there is.
        branches = [
            builder.path(branches[min(number, coarsest)], change) for number, change in enumerate(stage.transition)
        ]
        for module in stage.modules:
            branches = builder.module(branches, module)
    return openvino.Model([builder.convolution(branches[0], layout.final)], [image], "hrnet")


class _Builder:
    """Makes nodes of a graph of the parts of a layout."""

    def __init__(self, ops: Any, parameters: Parameters) -> None:
        self.ops = ops
        self.parameters = parameters

    def module(self, branches: Sequence[Any], module: Module) -> list[Any]:
        """One node a branch -> one a fusion."""
        sources = [self.blocks(node, blocks) for node, blocks in zip(branches, module.branches, strict=True)]
        fused = []
        for paths in module.fusions:
            resampled = [self.path(node, path) for node, path in zip(sources, paths, strict=True)]
            total = resampled[0]
            for node in resampled[1:]:
                total = self.ops.add(total, node)
            fused.append(self.ops.relu(total))
        return fused

    def blocks(self, node: Any, blocks: Sequence[Block]) -> Any:
        """Residual blocks in a row."""
        for block in blocks:
            total = self.ops.add(self.path(node, block.row), self.path(node, block.shortcut))
            node = self.ops.relu(total)
        return node

    def path(self, node: Any, path: Path) -> Any:
        """Convolutions in a row, then the enlargement."""
        for convolution in path.convolutions:
            node = self.convolution(node, convolution)
        return node if path.enlarge == 1 else self._enlarged(node, path.enlarge)

    def convolution(self, node: Any, convolution: Convolution) -> Any:
        """A convolution with its batch norm folded in, and its ReLU."""
        kernels, bias = _folded(convolution, self.parameters)
        strides, pads = [convolution.stride] * 2, [convolution.kernel // 2] * 2
        node = self.ops.convolution(node, kernels, strides, pads, pads, [1, 1])
        node = self.ops.add(node, bias.reshape(1, -1, 1, 1))
        return self.ops.relu(node) if convolution.relu else node

    def _enlarged(self, node: Any, factor: int) -> Any:
        scales = np.array([factor, factor], np.float32)
        settings = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.ops.interpolate(node, scales, "nearest", "scales", axes=np.array([2, 3], np.int64), **settings)


def _folded(convolution: Convolution, parameters: Parameters) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernels [out, in, k, k] and bias [out] of a convolution and the batch norm behind it."""
    kernels = parameters[f"{convolution.name}.weight"].astype(np.float64)
    if not convolution.norm:
        return kernels.astype(np.float32), parameters[f"{convolution.name}.bias"].astype(np.float32)
    scale, shift, mean, variance = (
        parameters[f"{convolution.norm}.{name}"].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    # What is not finite, from a variance below zero, comes out of the network, and is refused there.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        factor = scale / np.sqrt(variance + _EPSILON)
        folded = kernels * factor[:, None, None, None]
        return folded.astype(np.float32), (shift - mean * factor).astype(np.float32)
