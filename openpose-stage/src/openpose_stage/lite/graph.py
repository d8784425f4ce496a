"""The embedded bottom-up network as an OpenVINO graph: built from its weights, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpose_stage.lite import architecture
from openpose_stage.lite.architecture import DEVIATION_RGB, MEAN_RGB, MULTIPLE, Convolution, maps, parameter_shapes
from pose_contract.errors import WeightsError
from stage_kit.networks.openvino import import_openvino

INPUT, HEATMAPS, FIELDS = "data", "Mconv7_stage2_L2", "Mconv7_stage2_L1"  # as human-pose-estimation-0001 calls them

# Deviation in cells, measured on MPII's validation: without it every eighth joint fewer is right.
SMOOTH, SMOOTH_SIDE = 1.25, 7

Parameters = Mapping[str, NDArray[Any]]


def build_graph(parameters: Parameters, source: str = "the weights") -> Any:
    """The `openvino.Model`: input `data` float32 [1, 3, 256, 256], BGR from 0 to 255.

    It may be reshaped to any multiples of 32. Its outputs have human-pose-estimation-0001's names, order and ranges: 19
    heatmaps and 38 fields, at a quarter of the input's size. The heatmaps are smoothed.

    Args:
        parameters: weight and bias of each convolution, by the architecture's names.
        source: the checkpoint, as errors name it.

    Raises:
        WeightsError: parameters that are missing, that the network lacks, or of another shape.
    """
    openvino = import_openvino()
    from openvino import opset13 as ops  # type: ignore[import-untyped, unused-ignore]  # noqa: TID251  # for engines

    _check(parameters, source)
    picture = ops.parameter([1, 3, 8 * MULTIPLE, 8 * MULTIPLE], np.float32, name=INPUT)
    picture.output(0).set_names({INPUT})
    shape = (1, 3, 1, 1)
    mean, deviation = (np.array(row[::-1], np.float32).reshape(shape) for row in (MEAN_RGB, DEVIATION_RGB))
    normal = ops.divide(ops.subtract(picture, mean), deviation)
    found = maps(_GraphLayers(ops, parameters), normal)
    found = (_smoothed(ops, found[0]), found[1])
    for node, name in zip(found, (HEATMAPS, FIELDS), strict=True):
        node.output(0).set_names({name})
    return openvino.Model(list(found), [picture], "openpose_lite")


class _GraphLayers:
    """Layers as nodes of a graph."""

    def __init__(self, ops: Any, parameters: Parameters) -> None:
        self.ops = ops
        self.parameters = parameters

    def convolution(self, node: Any, convolution: Convolution) -> Any:
        """See `Layers`; the first one's kernels take blue, green, red."""
        kernels, bias = (
            np.ascontiguousarray(self.parameters[f"{convolution.name}.{name}"], np.float32)
            for name in ("weight", "bias")
        )
        if convolution.channels_in == 3:
            kernels = np.ascontiguousarray(kernels[:, ::-1])
        strides, pads = [convolution.stride] * 2, [convolution.kernel // 2] * 2
        node = self.ops.convolution(node, kernels, strides, pads, pads, [1, 1])
        node = self.ops.add(node, bias.reshape(1, -1, 1, 1))
        return self.ops.relu(node) if convolution.relu else node

    def total(self, nodes: Sequence[Any]) -> Any:
        """See `Layers`."""
        result = nodes[0]
        for node in nodes[1:]:
            result = self.ops.add(result, node)
        return self.ops.relu(result)

    def enlarged(self, node: Any, factor: int) -> Any:
        """See `Layers`."""
        scales = np.array([factor, factor], np.float32)
        settings = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.ops.interpolate(node, scales, "nearest", "scales", axes=np.array([2, 3], np.int64), **settings)

    def joined(self, nodes: Sequence[Any]) -> Any:
        """See `Layers`."""
        return self.ops.concat(list(nodes), 1)


def smoothing() -> NDArray[np.float32]:
    """The Gaussian [7, 7] that goes over each heatmap."""
    row = np.exp(-((np.arange(SMOOTH_SIDE) - SMOOTH_SIDE // 2) ** 2) / (2 * SMOOTH**2))
    bell = np.outer(row, row)
    return np.asarray(bell / bell.sum(), np.float32)


def _smoothed(ops: Any, heatmaps: Any) -> Any:
    """The coarse branches reach the maps cell by cell, so that one bump has several highest cells."""
    kernels = np.tile(smoothing(), (architecture.HEATMAPS, 1, 1, 1, 1))
    pads = [SMOOTH_SIDE // 2] * 2
    return ops.group_convolution(heatmaps, kernels, [1, 1], pads, pads, [1, 1])


def _check(parameters: Parameters, source: str) -> None:
    expected = parameter_shapes()
    wrong = [key for key in {**expected, **parameters} if key not in parameters or key not in expected]
    wrong += [key for key in expected if key in parameters and tuple(parameters[key].shape) != expected[key]]
    if wrong:
        raise WeightsError(
            f"{source}: does not fit the embedded network: {len(wrong)} parameters differ, such as {sorted(wrong)[0]}",
            "leave the weights out to use the embedded ones",
        )
