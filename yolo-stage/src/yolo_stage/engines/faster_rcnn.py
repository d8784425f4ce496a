"""torchvision's Faster R-CNN (ResNet-50, FPN) as a person detector, on the CPU or a CUDA GPU.

Ren et al., "Faster R-CNN", NIPS 2015; Lin et al., "Feature Pyramid Networks", CVPR 2017. The published weights were
trained with batch norms that are frozen and add nothing to a variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.models.detection import FasterRCNN  # type: ignore[import-untyped]
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone  # type: ignore[import-untyped]
from torchvision.ops import FrozenBatchNorm2d  # type: ignore[import-untyped]

from pose_contract.errors import WeightsError
from stage_kit.networks.checkpoint import read_state_dict
from stage_kit.networks.device import torch_device
from stage_kit.networks.torch_exact import exact_inference, to_device
from yolo_stage.detector import Candidates, Detector

CLASSES = 91  # COCO's numbers, with the background as 0
PERSON = 1
_PREFIX = "backbone."  # which `read_state_dict` takes away


@dataclass(frozen=True)
class FasterRcnnDetector:
    """A loaded Faster R-CNN. It reports nothing under a score of 0.05, and 100 boxes at most."""

    model: Any
    input_size: int
    device: str
    precision: str = "fp32"
    name: str = "torch"
    fixed_batch: bool = True
    at_once: tuple[int, int] = (1, 1)
    rectangular: bool = True

    def detect(self, batch: NDArray[np.float32]) -> list[Candidates]:
        """See `Detector.detect`. Raises UsageError where the batch does not fit into the GPU's memory."""
        height, width = batch.shape[2:]
        # The pictures have the network's size already: its own resizing is to leave them as they are.
        self.model.transform.min_size, self.model.transform.max_size = (min(height, width),), max(height, width)
        with exact_inference(self.device, self.precision, len(batch)):
            found = self.model(list(to_device(batch, self.device)))
            return [_people(answer) for answer in found]


def _people(answer: dict[str, torch.Tensor]) -> Candidates:
    person = answer["labels"] == PERSON
    rows = torch.cat([answer["boxes"][person], answer["scores"][person, None]], dim=1)
    candidates: NDArray[np.float32] = rows.float().cpu().numpy()
    return candidates


def build_model() -> Any:
    """The network in eval mode, with random parameters."""
    norm = partial(FrozenBatchNorm2d, eps=0.0)
    return FasterRCNN(resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=norm), CLASSES).eval()


def load_detector(weights: Path, input_size: int, device: str) -> Detector:
    """The network with a checkpoint of torchvision's layout.

    Raises:
        WeightsError: the file is damaged, or of another network.
        UsageError: cuda is asked for and not there.
    """
    chosen = torch_device(device)
    model = build_model()
    expected = {name.removeprefix(_PREFIX): value for name, value in model.state_dict().items()}
    given = read_state_dict(weights)
    for name, value in expected.items():
        got = given.get(name)
        if got is None or got.shape != tuple(value.shape):
            reason = f"{name}: expected {tuple(value.shape)}, got {'nothing' if got is None else got.shape}"
            raise WeightsError(f"{weights} is of another network: {reason}", "fetch fasterrcnn_resnet50_fpn: see docs")
    state = {name: torch.from_numpy(given[name.removeprefix(_PREFIX)]) for name in model.state_dict()}
    model.load_state_dict(state, strict=True)
    return FasterRcnnDetector(model.requires_grad_(False).to(chosen), input_size, chosen)
