"""SSD person detectors in OpenVINO's own format, such as Open Model Zoo's person-detection-retail-0013, on the CPU.

Such a network takes BGR in 0..255 and gives rows (picture, class, score, x1, y1, x2, y2), edges in parts of the input's
width and height, after its own suppression of overlaps (operation DetectionOutput).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import ConfigError, WeightsError
from stage_kit.networks.openvino import CompiledNetwork, compile_network, the_core
from stage_kit.networks.precision import Precision
from stage_kit.runs.workers import worker_count
from yolo_stage.detector import SCORE_FLOOR, Candidates, Detector

PERSON = 1  # class 0 is the background
_COLUMNS = 7
_MOST_AT_ONCE = 8  # pictures wait for each other in memory
_GIVE_ANOTHER = "give an SSD of people alone by --weights_path, such as person-detection-retail-0013.xml"


@dataclass(frozen=True)
class SsdDetector:
    """A loaded SSD whose input takes the pictures' shape: see `rectangles`."""

    network: CompiledNetwork
    input_size: int
    precision: str
    name: str = "openvino"
    device: str = "cpu"
    fixed_batch: bool = False
    at_once: tuple[int, int] = field(default_factory=lambda: (min(_MOST_AT_ONCE, worker_count(0)), _MOST_AT_ONCE))
    rectangular: bool = True

    def detect(self, batch: NDArray[np.float32]) -> list[Candidates]:
        """See `Detector.detect`."""
        height, width = batch.shape[2:]
        bgr = [picture[::-1] * np.float32(255) for picture in batch]
        return [candidates_of(outputs[0], (width, height)) for outputs in self.network.infer(bgr)]


def candidates_of(rows: NDArray[np.float32], input_wh: tuple[int, int]) -> Candidates:
    """The people in what DetectionOutput gives of one picture, float32 [..., N, 7].

    Returns candidates [K, 5] in input pixels. The rows end at the first of picture -1.
    """
    flat = rows.reshape(-1, _COLUMNS)
    over = np.flatnonzero(flat[:, 0] < 0)
    flat = flat[: over[0]] if len(over) else flat
    people = flat[(flat[:, 1] == PERSON) & (flat[:, 2] > SCORE_FLOOR)]
    found: NDArray[np.float32] = np.concatenate(
        [people[:, 3:] * np.array(input_wh * 2, np.float32), people[:, 2:3]], axis=1
    )
    return found


def load_detector(xml: Path, input_size: int, precision: Precision) -> Detector:
    """Reads `xml` and the .bin beside it.

    Raises:
        WeightsError: the files are damaged.
        ConfigError: a network that is no SSD of people, or that cannot take pictures of any shape.
    """
    try:
        model = the_core().read_model(xml)
    except RuntimeError as error:
        raise WeightsError(f"{xml}: is damaged or no OpenVINO network: {_first_line(error)}", _GIVE_ANOTHER) from None
    _require_an_ssd(model, xml)
    try:
        model.reshape([1, 3, -1, -1])
        compiled = compile_network(model, precision)
    except RuntimeError as error:
        reason = f"{xml}: can't take pictures of any shape: {_first_line(error)}"
        raise ConfigError(reason, _GIVE_ANOTHER) from None
    return SsdDetector(compiled, input_size, precision)


def _require_an_ssd(model: Any, xml: Path) -> None:
    expected = "expected one input [1, 3, H, W] and one output [1, 1, N, 7]"
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConfigError(f"{xml}: {expected}, got {len(model.inputs)} and {len(model.outputs)}", _GIVE_ANOTHER)
    taken, given = _shape(model.inputs[0]), _shape(model.outputs[0])
    if len(taken) != 4 or taken[1] != 3 or len(given) != 4 or given[-1] != _COLUMNS:
        raise ConfigError(f"{xml}: {expected}, got {taken} and {given}", _GIVE_ANOTHER)


def _shape(port: Any) -> Sequence[int]:
    """Sides that are open are -1."""
    return [-1 if side.is_dynamic else side.get_length() for side in port.get_partial_shape()]


def _first_line(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
