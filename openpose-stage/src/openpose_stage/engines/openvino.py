"""Networks by OpenVINO, on the CPU: an IR with COCO's heatmaps and fields, such as human-pose-estimation-0001."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpose_stage.layouts import Layout
from openpose_stage.maps import Maps, checked
from pose_contract.errors import WeightsError
from stage_kit.networks.openvino import CompiledNetwork, compile_network, the_core
from stage_kit.networks.precision import Precision
from stage_kit.regular_files import open_regular
from stage_kit.runs.workers import worker_count
from stage_kit.weights.published import how_to_replace

_MOST_AT_ONCE = 8  # pictures wait for each other in memory
Prepare = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True)
class OpenVinoNetwork:
    """A network in OpenVINO. `heatmaps` and `fields` are the places of its outputs."""

    network: CompiledNetwork
    layout: Layout
    heatmaps: int
    fields: int
    prepare: Prepare
    precision: str
    name: str = "openvino"
    fixed_batch: bool = False
    at_once: tuple[int, int] = field(default_factory=lambda: (min(_MOST_AT_ONCE, worker_count(0)), _MOST_AT_ONCE))
    device: str = "cpu"

    def maps(self, pictures: NDArray[np.uint8]) -> list[Maps]:
        """See `FieldNetwork.maps`."""
        answers = self.network.infer([self.prepare(picture) for picture in pictures])
        return [checked(outputs[self.heatmaps], outputs[self.fields], self.layout) for outputs in answers]


def raw_bgr(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB [H, W, 3] -> BGR [3, H, W], 0 to 255: the IR holds mean and deviation itself."""
    return np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1), np.float32)


@dataclass(frozen=True)
class ReadIr:
    """An IR: the model with open sides, its stride, the places of its outputs, and whether it is quantised."""

    model: Any
    stride: int
    heatmaps: int
    fields: int
    quantised: bool


def read_ir(path: Path, layout: Layout) -> ReadIr:
    """Reads an .xml with its .bin beside it.

    The outputs are told apart by their channels, as their order differs from converter to converter.

    Raises WeightsError: missing, damaged, or with other outputs than the layout's.
    """
    for file in (path, path.with_suffix(".bin")):
        _require_file(file)
    try:
        model = the_core().read_model(path)
    except RuntimeError:
        raise WeightsError(f"{path}: is damaged or no IR of OpenVINO", how_to_replace(path)) from None
    channels = [output.partial_shape[1] for output in model.outputs if output.partial_shape.rank == 4]
    found = [int(count.get_length()) if count.is_static else 0 for count in channels]
    if sorted(found) != sorted((layout.heatmaps, layout.fields)):
        expected = f"expected {layout.heatmaps} heatmaps and {layout.fields} fields"
        raise WeightsError(f"{path}: {expected}, got outputs of {found} channels", "give another --weights_path")
    stride = _stride(path, model)
    try:
        model.reshape([1, 3, -1, -1])
    except RuntimeError:
        raise WeightsError(f"{path}: takes pictures of one size only", "give another --weights_path") from None
    quantised = any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
    return ReadIr(model, stride, found.index(layout.heatmaps), found.index(layout.fields), quantised)


def _stride(path: Path, model: Any) -> int:
    """Input pixels of a cell; found out by a shape where the IR's own is open."""
    if model.inputs[0].partial_shape.is_dynamic:
        model.reshape([1, 3, 256, 256])
    side, cells = model.inputs[0].shape[2], model.outputs[0].shape[2]
    if side % cells:
        raise WeightsError(f"{path}: {cells} rows of cells for {side} pixels", "give another --weights_path")
    return int(side // cells)


def _require_file(path: Path) -> None:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            head = file.read(64).lstrip().lower()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file", "an IR is two files of one name, .xml and .bin") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}", "give a readable file") from None
    if head.startswith((b"<!doctype", b"<html")):
        raise WeightsError(f"{path}: is a web page, not weights", how_to_replace(path))
    if path.suffix == ".xml" and not head.startswith(b"<"):  # OpenVINO would try its other readers, and print of it
        raise WeightsError(f"{path}: is damaged or no IR of OpenVINO", how_to_replace(path))


def load_ir(read: ReadIr, layout: Layout, precision: Precision) -> OpenVinoNetwork:
    """The network of an IR, which takes raw BGR."""
    network = compile_network(read.model, precision)
    return OpenVinoNetwork(network, layout, read.heatmaps, read.fields, raw_bgr, precision)
