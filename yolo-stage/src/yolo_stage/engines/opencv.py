"""Person detection by OpenCV's own Darknet reader, on the CPU. It also does grouped convolutions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import ConfigError
from yolo_stage.cfg_sections import Section, render_sections
from yolo_stage.darknet import DarknetNetwork, read_parameters
from yolo_stage.detector import Detector, candidate_rows
from yolo_stage.engines.refusals import opencv_refusal
from yolo_stage.loading import Loading

# Version 0.2.0 and `seen` as int64: the one header that no reader takes for another.
_HEADER = np.array([0, 2, 0, 0, 0], "<i4").tobytes()
_EPSILON_MISSING = 1e-5 - 1e-6  # Darknet adds 1e-5 to a variance, OpenCV's reader 1e-6


@dataclass(frozen=True)
class OpenCvDetector:
    """A Darknet network in cv2.dnn. Not safe for use by several threads at once."""

    net: cv2.dnn.Net
    heads: tuple[str, ...]
    person_class: int
    input_size: int
    name: str = "opencv"
    fixed_batch: bool = True
    at_once: tuple[int, int] = (1, 1)
    device: str = "cpu"
    precision: str = "fp32"
    rectangular: bool = False

    def detect(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `Detector.detect`."""
        self.net.setInput(np.ascontiguousarray(batch))
        # A row: centre and size as parts of the input, objectness, then objectness x P for every class.
        heads = [np.reshape(head, (len(batch), -1, head.shape[-1])) for head in self.net.forward(self.heads)]
        rows = np.concatenate(heads, axis=1)
        scale = np.array(batch.shape[:1:-1] * 2, np.float32)  # width, height, width, height
        return [candidate_rows(image[:, :4] * scale, image[:, 5 + self.person_class]) for image in rows]


def load_detector(loading: Loading) -> Detector:
    """Detector by OpenCV, on the CPU, in fp32.

    Raises ConfigError if OpenCV can't honour the cfg exactly, WeightsError if the file does not fit it.
    """
    network, weights = loading.network, loading.weights
    if refusal := opencv_refusal(network, weights, loading.device):
        raise ConfigError(f"the opencv engine can't run {network.name} exactly: {refusal}", "use --engine torch")
    cfg = render_sections(_every_candidate(section) for section in network.sections)
    parameters = _with_darknet_epsilon(network, read_parameters(network, weights))
    try:
        net = cv2.dnn.readNetFromDarknet(
            np.frombuffer(cfg.encode(), np.uint8), np.frombuffer(_HEADER + parameters.tobytes(), np.uint8)
        )
    except cv2.error as error:
        raise ConfigError(f"OpenCV can't build {network.name}: {error.err}", "use --engine torch") from None
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
    heads = tuple(layer for layer in net.getUnconnectedOutLayersNames() if layer.startswith("yolo_"))
    return OpenCvDetector(net, heads, loading.person_class, network.input_size, rectangular=network.rectangular)


def _every_candidate(section: Section) -> Section:
    """The section, a [yolo] made to report all: unasked it drops scores under 0.2 and suppresses at IoU 0.4."""
    if section.kind != "yolo":
        return section
    anchors = len(section.numbers("anchors")) // 2
    return section.with_options({"num": str(anchors), "thresh": "0", "nms_threshold": "0"})


def _with_darknet_epsilon(network: DarknetNetwork, parameters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Parameters whose variances are raised by what OpenCV's epsilon lacks; they follow bias, scale and mean."""
    offset = 0
    for layer in network.layers:
        if layer.kind == "convolutional" and layer.section.integer("batch_normalize", 0):
            parameters[offset + 3 * layer.channels : offset + 4 * layer.channels] += np.float32(_EPSILON_MISSING)
        offset += layer.parameter_count
    return parameters
