"""Person detection by OpenVINO, on the CPU: the graph is built straight from the cfg, without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import ConfigError
from stage_kit.networks.int8 import Outputs, quantized_model
from stage_kit.networks.openvino import CompiledNetwork, compile_network, converted_model, import_openvino
from stage_kit.pictures.boxes import iou_matrix
from stage_kit.pictures.nms import nms
from stage_kit.runs.workers import worker_count
from stage_kit.weights.published import sha256_of
from yolo_stage.cfg_layers import Layer, padding
from yolo_stage.darknet import DarknetNetwork, read_parameters
from yolo_stage.detector import SCORE_FLOOR, Detector, candidate_rows
from yolo_stage.engines.refusals import openvino_refusal
from yolo_stage.loading import Loading

_GRAPH = "1"  # raised when `build_graph` changes, so that cached graphs of old versions are not taken
_EPSILON = 1e-5  # what Darknet and pytorchyolo add to a variance
_LEAK = 0.1
_MOST_AT_ONCE = 8  # pictures wait for each other in memory
_SURE = 0.5  # score and IoU of boxes that are compared


@dataclass(frozen=True)
class OpenVinoDetector:
    """A Darknet network in OpenVINO."""

    network: CompiledNetwork
    heads: tuple[Layer, ...]
    person_class: int
    input_size: int
    precision: str
    name: str = "openvino"
    fixed_batch: bool = False
    at_once: tuple[int, int] = field(default_factory=lambda: (min(_MOST_AT_ONCE, worker_count(0)), _MOST_AT_ONCE))
    device: str = "cpu"
    rectangular: bool = False

    def detect(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `Detector.detect`."""
        found = []
        for outputs in self.network.infer(batch):
            found.append(candidate_rows(*_decode(outputs, self.heads, batch.shape[-1], self.person_class)))
        return found


def load_detector(loading: Loading) -> Detector:
    """Detector by OpenVINO, on the CPU.

    Raises ConfigError if OpenVINO can't honour the cfg exactly, WeightsError if the file does not fit it, UsageError
    for a precision that the CPU lacks.
    """
    network, weights, precision = loading.network, loading.weights, loading.precision
    if refusal := openvino_refusal(network, weights, loading.device):
        raise ConfigError(f"the openvino engine can't run {network.name} exactly: {refusal}", "use --engine torch")
    key = cache_key(network, sha256_of(weights))
    heads = tuple(layer for layer in network.layers if layer.kind == "yolo")

    def exact() -> Any:
        return converted_model(key, lambda: build_graph(network, read_parameters(network, weights)))

    def compare(before: Outputs, after: Outputs) -> str:
        boxes = [
            [
                candidate_rows(*_decode(outputs, heads, width_of(outputs, network), loading.person_class))
                for outputs in run
            ]
            for run in (before, after)
        ]
        return _agreement(*boxes)

    model = quantized_model(key, exact, loading.samples, compare) if precision == "int8" else exact()
    compiled = compile_network(model, precision)
    return OpenVinoDetector(
        compiled, heads, loading.person_class, network.input_size, precision, rectangular=network.rectangular
    )


def cache_key(network: DarknetNetwork, weights_sha256: str) -> str:
    """Names the converted network in the cache."""
    cfg = hashlib.sha256(network.text.encode()).hexdigest()
    return f"yolo-{_GRAPH}-{weights_sha256[:24]}-{cfg[:16]}-{network.input_size}"


def build_graph(network: DarknetNetwork, parameters: NDArray[np.float32]) -> Any:
    """The `openvino.Model` of a checked cfg: input [1, 3, S, S], per [yolo] what goes into it.

    Where pictures come in rectangles both sides are open: one network for all costs 7 MB and a tenth of a second for
    each shape that comes, one for each 36 MB and a third. Their numbers are the same to the bit, and so is the time.

    Batch norms are folded into the convolutions before them. The heads are decoded outside: in bf16 a coordinate would
    be rounded to whole pixels.
    """
    openvino = import_openvino()
    from openvino import opset13 as ops  # type: ignore[import-untyped]

    sides = [-1, -1] if network.rectangular else [network.input_size] * 2
    source = ops.parameter([1, 3, *sides], np.float32, name="input")
    outputs: list[Any] = []
    heads: list[Any] = []
    offset = 0
    for layer in network.layers:
        before = outputs[-1] if outputs else source
        own = parameters[offset : offset + layer.parameter_count]
        offset += layer.parameter_count
        match layer.kind:
            case "convolutional":
                node = _convolution(ops, before, layer, own)
            case "maxpool":
                size, stride = layer.section.integer("size"), layer.section.integer("stride")
                begin, end = [(size - 1) // 2] * 2, [size // 2] * 2
                node = ops.max_pool(before, [stride] * 2, [1, 1], begin, end, [size] * 2).output(0)
            case "upsample":
                node = _upsample(ops, before, layer.section.integer("stride"))
            case "dropout":
                node = before
            case "route":
                node = _route(ops, layer, [outputs[index] for index in layer.section.integers("layers")])
            case "shortcut":
                node = ops.add(before, outputs[layer.section.integer("from")])
            case _:
                node = before
                heads.append(before)
        outputs.append(node)
    return openvino.Model(heads, [source], Path(network.name).stem)


def _convolution(ops: Any, before: Any, layer: Layer, own: NDArray[np.float32]) -> Any:
    """Darknet's order in a file: bias, and with batch norm scale, mean, variance; then the kernels."""
    section, filters = layer.section, layer.channels
    groups, kernel = section.integer("groups", 1), section.integer("size")
    normalised = section.integer("batch_normalize", 0)
    values = own.astype(np.float64)
    bias, rest = values[:filters], values[filters * (4 if normalised else 1) :]
    kernels = rest.reshape(filters, layer.channels_in // groups, kernel, kernel)
    if normalised:
        scale, mean, variance = values[filters : 4 * filters].reshape(3, filters)
        factor = scale / np.sqrt(variance + _EPSILON)
        kernels, bias = kernels * factor[:, None, None, None], bias - mean * factor
    strides, pads = [section.integer("stride", 1)] * 2, [padding(section)] * 2
    if groups == 1:
        node = ops.convolution(before, kernels.astype(np.float32), strides, pads, pads, [1, 1])
    else:
        grouped = kernels.reshape(groups, filters // groups, -1, kernel, kernel)
        node = ops.group_convolution(before, grouped.astype(np.float32), strides, pads, pads, [1, 1])
    node = ops.add(node, bias.reshape(1, filters, 1, 1).astype(np.float32))
    match section.text("activation"):
        case "leaky":
            return ops.prelu(node, np.array([_LEAK], np.float32))
        case "mish":
            return ops.mish(node)
        case "logistic":
            return ops.sigmoid(node)
        case "swish":
            return ops.swish(node)
        case _:
            return node


def _upsample(ops: Any, before: Any, stride: int) -> Any:
    scales = np.array([stride, stride], np.float32)
    settings = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return ops.interpolate(before, scales, "nearest", "scales", axes=np.array([2, 3], np.int64), **settings)


def _route(ops: Any, layer: Layer, sources: Sequence[Any]) -> Any:
    joined = sources[0] if len(sources) == 1 else ops.concat(list(sources), 1)
    groups = layer.section.integer("groups", 1)
    if groups == 1:
        return joined
    start = layer.section.integer("group_id", 0) * layer.channels
    return ops.slice(joined, [start], [start + layer.channels], [1], [1])


def width_of(outputs: Sequence[NDArray[np.float32]], network: DarknetNetwork) -> int:
    """Width in pixels of the input that the network had when it gave `outputs`."""
    head = next(layer for layer in network.layers if layer.kind == "yolo")
    return int(outputs[0].shape[-1]) * network.input_size // head.size


def _decode(
    outputs: Sequence[NDArray[np.float32]], heads: Sequence[Layer], width: int, person_class: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    parts = [decode_head(output, layer, width, person_class) for output, layer in zip(outputs, heads, strict=True)]
    boxes, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    return boxes, scores


def _agreement(before: Sequence[NDArray[np.float32]], after: Sequence[NDArray[np.float32]]) -> str:
    """How many people that fp32 sees int8 sees too, and how many more it sees."""
    people, kept, more = 0, 0, 0
    for exact, rough in zip(before, after, strict=True):
        one, two = (rows[rows[:, 4] >= _SURE] for rows in (exact, rough))
        one, two = (rows[nms(rows[:, :4], rows[:, 4], _SURE)] for rows in (one, two))
        overlap = iou_matrix(one[:, :4], two[:, :4]) >= _SURE
        people += len(one)
        kept += int(overlap.any(axis=1).sum())
        more += int((~overlap.any(axis=0)).sum())
    return f"it finds {kept} of the {people} people that fp32 finds, and {more} more"


def decode_head(
    output: NDArray[np.float32], layer: Layer, width: int, person_class: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Darknet's decoding (yolo_layer.c) of what goes into a [yolo], float32 [anchors x (5 + classes), h, w], of an
    input of `width` pixels.

    Returns:
        centre and size [K, 4] in network-input pixels, and objectness x P(person) [K], of the cells that can score
        above the floor.
    """
    section, (rows, columns) = layer.section, output.shape[-2:]
    anchors = np.array(section.numbers("anchors"), np.float32).reshape(-1, 2)[list(section.integers("mask"))]
    spread, raw = np.float32(section.number("scale_x_y", 1)), section.integer("new_coords", 0)
    cells = output.reshape(len(anchors), -1, rows * columns)
    floor = SCORE_FLOOR if raw else np.log(SCORE_FLOOR / (1 - SCORE_FLOOR))
    anchor, cell = np.nonzero(cells[:, 4] > floor)
    values = cells[anchor, :, cell]
    if raw:
        offsets, extents = values[:, :2], 4 * values[:, 2:4] ** 2
        scores = values[:, 4] * values[:, 5 + person_class]
    else:
        offsets, extents = _sigmoid(values[:, :2]), np.exp(values[:, 2:4])
        scores = _sigmoid(values[:, 4]) * _sigmoid(values[:, 5 + person_class])
    corners = np.stack([cell % columns, cell // columns], axis=1).astype(np.float32)
    centres = (offsets * spread - (spread - 1) / 2 + corners) * np.float32(width / columns)
    return np.concatenate([centres, extents * anchors[anchor]], axis=1), scores


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-values))).astype(np.float32)
