"""What belongs to a training run of a detector alone: what its result depends on, and Darknet's weights file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pose_contract.storage import write_bytes
from stage_kit.training.state import TrainingState, fingerprint_of
from stage_kit.weights.published import sha256_of
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.evaluation import Measured
from yolo_stage.labels import LabelledPicture
from yolo_torch.training.options import TrainOptions
from yolo_torch.training.sampling import Mined

JUDGED_BY = "ap50"


def measured_of(state: TrainingState) -> Measured:
    """What the weights that were kept reach, without the scan."""
    kept = {name: value for name, value in state.kept.items() if name not in ("epoch", "scan")}
    return Measured(**kept)  # type: ignore[arg-type]


def keep_mined(state: TrainingState, mined: Mined) -> None:
    """Keeps what was mined, for the epochs that follow and for a run that goes on from this state."""
    found = {"on_nothing": mined.on_nothing, "missed": mined.missed}
    state.extra = {
        name: {index: torch.from_numpy(boxes.copy()) for index, boxes in rows.items()} for name, rows in found.items()
    }


def mined_of(state: TrainingState) -> Mined:
    """What was mined last; nothing before the first time."""
    return Mined(
        **{name: {index: boxes.numpy() for index, boxes in rows.items()} for name, rows in state.extra.items()}
    )


def run_fingerprint(
    options: TrainOptions,
    network: DarknetNetwork,
    labelled: Sequence[LabelledPicture],
    objects: Sequence[NDArray[np.uint8]] = (),
) -> str:
    """Of all that a run's result depends on, the content of its labels and of the objects that are pasted included.

    How long it is trained is left out: more epochs go on from fewer.
    """
    free = {"output", "workers", "hold", "device", "overwrite", "quiet", "epochs"}
    chosen = {name: value for name, value in vars(options).items() if name not in free}
    begun = sha256_of(options.pretrained_weights) if options.pretrained_weights is not None else ""
    labels = [
        part
        for row in labelled
        for part in (os.fsencode(row.image), row.boxes_xyxy.tobytes(), row.crowd.tobytes(), _outlines_of(row))
    ]
    pasted = [thing.tobytes() for thing in objects]
    return fingerprint_of(chosen, [network.text.encode(), begun.encode(), *labels, *pasted])


def _outlines_of(row: LabelledPicture) -> bytes:
    return b"".join(str(person).encode() + points.tobytes() for person, points in sorted(row.outlines.items()))


def write_darknet_weights(path: Path, model: Any) -> None:
    """Writes a Darknet file atomically, with the header of version 0.2, which every reader understands."""
    model.header_info = np.array([0, 2, 0, 0, 0], np.int32)
    model.seen = 0
    with tempfile.TemporaryDirectory(prefix="yolo-stage-") as folder:
        file = Path(folder, "network.weights")
        model.save_darknet_weights(str(file))
        write_bytes(path, file.read_bytes())
