"""OpenPose's own networks by cv2.dnn, on the CPU, in fp32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from openpose_stage.engines.caffe_file import require_weights
from openpose_stage.engines.caffe_graph import INPUT, OUTPUT, CaffeGraph
from openpose_stage.layouts import Layout
from openpose_stage.maps import Maps, of_one_array
from pose_contract.errors import ConfigError, WeightsError

Norm = Literal["openpose", "seed"]
# Factor and what is taken away then: OpenPose's own cvMatToOpInput, and the lecture's blobFromImage.
_NORMS: dict[Norm, tuple[float, float]] = {"openpose": (1 / 256, 0.5), "seed": (1 / 255, 0.0)}
_LAST_WITH_CAFFE = 4


@dataclass(frozen=True)
class CaffeNetwork:
    """A network in cv2.dnn. Not safe for use by several threads at once."""

    net: cv2.dnn.Net
    layout: Layout
    norm: Norm
    name: str = "opencv"
    fixed_batch: bool = False
    at_once: tuple[int, int] = (1, 1)
    device: str = "cpu"
    precision: str = "fp32"

    def maps(self, pictures: NDArray[np.uint8]) -> list[Maps]:
        """See `FieldNetwork.maps`."""
        self.net.setInput(blob_of(pictures, self.norm), INPUT)
        try:
            outputs = np.asarray(self.net.forward(OUTPUT), np.float32)
        except cv2.error as error:  # weights of other shapes, in the right number
            if error.code == cv2.Error.StsNoMem:
                raise
            raise WeightsError(f"OpenCV can't run the network: {error.err}", "fetch its weights again") from None
        return [of_one_array(output, self.layout) for output in outputs]


def blob_of(pictures: NDArray[np.uint8], norm: Norm) -> NDArray[np.float32]:
    """RGB pictures [N, H, W, 3] as the networks were trained on them: BGR [N, 3, H, W]."""
    factor, less = _NORMS[norm]
    bgr = pictures[..., ::-1].transpose(0, 3, 1, 2)
    return np.ascontiguousarray(bgr * np.float32(factor) - np.float32(less), np.float32)


def require_caffe(version: str = cv2.__version__) -> None:
    """Raises ConfigError where OpenCV is one that no longer reads Caffe's networks."""
    if int(version.split(".")[0]) > _LAST_WITH_CAFFE:
        reason = f"OpenCV {version} no longer reads Caffe networks"
        raise ConfigError(reason, "install opencv-python-headless 4 (make setup), or give --model hpe-0001")


def load_caffe(graph: CaffeGraph, layout: Layout, weights: Path, norm: Norm) -> CaffeNetwork:
    """The network of a graph with the weights of a .caffemodel.

    Raises:
        WeightsError: the file is missing, damaged, a web page, or of another network.
        ConfigError: OpenCV no longer reads Caffe's networks.
    """
    require_caffe()
    require_weights(weights, graph.parameters)
    prototxt = np.frombuffer(graph.prototxt.encode(), np.uint8)
    try:
        net = cv2.dnn.readNetFromCaffe(prototxt, np.fromfile(weights, np.uint8))
    except cv2.error as error:
        raise WeightsError(f"{weights}: OpenCV can't read it: {error.err}", "fetch the file again") from None
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
    return CaffeNetwork(net, layout, norm)
