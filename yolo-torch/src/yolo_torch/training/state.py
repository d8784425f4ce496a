"""What belongs to a training run of a detector alone: what its result depends on, and Darknet's weights file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose_contract.storage import write_bytes
from stage_kit.training.state import TrainingState, fingerprint_of
from stage_kit.weights.published import sha256_of
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.evaluation import Measured
from yolo_stage.labels import LabelledPicture
from yolo_torch.training.options import TrainOptions

JUDGED_BY = "ap50"


def measured_of(state: TrainingState) -> Measured:
    """What the weights that were kept reach, without the scan."""
    kept = {name: value for name, value in state.kept.items() if name not in ("epoch", "scan")}
    return Measured(**kept)  # type: ignore[arg-type]


def run_fingerprint(
    options: TrainOptions,
    network: DarknetNetwork,
    training: Sequence[LabelledPicture],
    testing: Sequence[LabelledPicture],
) -> str:
    """Of all that a run's result depends on, the content of its files included.

    How long it is trained is left out: more epochs go on from fewer.
    """
    free = {"output", "workers", "hold", "device", "overwrite", "quiet", "epochs"}
    chosen = {name: value for name, value in vars(options).items() if name not in free}
    begun = sha256_of(options.pretrained_weights) if options.pretrained_weights is not None else ""
    labels = [
        part
        for labelled in (*training, *testing)
        for part in (os.fsencode(labelled.image), labelled.boxes_xyxy.tobytes(), labelled.crowd.tobytes())
    ]
    return fingerprint_of(chosen, [network.text.encode(), begun.encode(), *labels])


def write_darknet_weights(path: Path, model: Any) -> None:
    """Writes a Darknet file atomically, with the header of version 0.2, which every reader understands."""
    model.header_info = np.array([0, 2, 0, 0, 0], np.int32)
    model.seen = 0
    with tempfile.TemporaryDirectory(prefix="yolo-stage-") as folder:
        file = Path(folder, "network.weights")
        model.save_darknet_weights(str(file))
        write_bytes(path, file.read_bytes())
