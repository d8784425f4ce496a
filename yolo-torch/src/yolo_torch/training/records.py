"""What is kept of every epoch for people to look at: a log for TensorBoard, a sheet of boxes, the model card."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pose_contract.storage import write_bytes
from stage_kit.command.progress import tell
from stage_kit.pictures.draw_boxes import draw_boxes
from stage_kit.pictures.images import write_jpeg
from yolo_stage import __version__
from yolo_stage.cfg_sections import render_sections
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.detector import Detector
from yolo_stage.evaluation import Measured, detect_in
from yolo_stage.labels import LabelledPicture, read_picture
from yolo_stage.people import Selection
from yolo_torch.training.options import TrainOptions
from yolo_torch.training.state import TrainingState

SHEET_PICTURES, SHEET_COLUMNS, CELL = 16, 4, 256
SHOWN = Selection(conf_thres=0.3, nms_thres=0.45)


class EpochRecords:
    """Keeps a training run's records in its output folder."""

    def __init__(self, options: TrainOptions, network: DarknetNetwork, state: TrainingState) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._options = options
        self._network = network
        self._state = state
        write_bytes(options.output / options.model_def.name, render_sections(network.sections).encode())
        self._log: Any = SummaryWriter(str(options.output / "log"), purge_step=state.epoch + 1)

    def add(self, measured: Measured, testing: Sequence[LabelledPicture], detector: Detector) -> None:
        """One epoch has ended."""
        row = self._state.history[-1]
        tell(f"epoch {row['epoch']}: loss {row['loss']:.4f}, {measured.as_line()}, best AP50 {self._state.best:.4f}")
        for name, value in row.items():
            if name != "epoch":
                self._log.add_scalar(name, value, row["epoch"])
        self._log.flush()
        shown = list(testing[:: max(1, len(testing) // SHEET_PICTURES)][:SHEET_PICTURES])
        write_jpeg(self._options.output / "sheets" / f"epoch-{row['epoch']:03}.jpg", box_sheet(shown, detector))
        write_bytes(self._options.output / "history.json", json.dumps(self._state.history, indent=1).encode())
        write_bytes(self._options.output / "measured.json", json.dumps(measured.as_json(), indent=1).encode())

    def finish(self, trained_on: int, measured_on: int) -> None:
        """The run has ended: writes the card of the weights that were kept."""
        self._log.close()
        card = model_card(self._options, self._network, self._state, (trained_on, measured_on))
        write_bytes(self._options.output / "card.md", card.encode())


def box_sheet(labelled: Sequence[LabelledPicture], detector: Detector) -> NDArray[np.uint8]:
    """What the detector finds in some test pictures, each fitted into a cell."""
    rows = -(-len(labelled) // SHEET_COLUMNS)
    sheet: NDArray[np.uint8] = np.full((rows * CELL, SHEET_COLUMNS * CELL, 3), 255, np.uint8)
    for index, (picture, (boxes, scores)) in enumerate(
        zip(labelled, detect_in(labelled, detector, SHOWN), strict=True)
    ):
        pixels = read_picture(picture)
        factor = CELL / max(pixels.shape[:2])
        width, height = (max(1, round(side * factor)) for side in pixels.shape[1::-1])
        small = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        drawn = draw_boxes(small, boxes * factor, scores)
        y, x = (index // SHEET_COLUMNS) * CELL, (index % SHEET_COLUMNS) * CELL
        sheet[y : y + height, x : x + width] = drawn
    return sheet


def model_card(
    options: TrainOptions,
    network: DarknetNetwork,
    state: TrainingState,
    pictures: tuple[int, int],
) -> str:
    """Markdown: data, recipe, commit, seed, metrics, limits; `pictures` trained on and measured on."""
    varied = options.augmentation
    begun = f"from {options.pretrained_weights}" if options.pretrained_weights else "from scratch"
    return f"""# Model card

{network.name}: a YOLOv3-like detector of people, {network.parameter_count / 1e6:.2f} M parameters,
{network.input_size} px input.

- Data: {options.train}, {pictures[0]} pictures; measured on {options.valid}, {pictures[1]} pictures.
- Recipe: {begun}, {state.epoch} epochs of batches of {options.batch_size}; the weights are the average at epoch
  {state.kept["epoch"]}, the best. AdamW, learning rate {options.learning_rate} (cosine), weight decay
  {options.weight_decay}, average of weights {options.average}, {options.precision}; mosaics {varied.mosaic}, scale
  {varied.scale[0]:g} to {varied.scale[1]:g}, regions without people {varied.background}, colour {varied.colour}.
- Made by yolo-stage {__version__}, commit {_commit()}, seed {options.seed}.
- Limits: people unlike those of the training pictures (size, clothing, pose, camera), crowds, and people half hidden.

{state.kept_measured.as_text()}
"""


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
