"""What is kept of every epoch for people to look at: a sheet of boxes, the log, and the model card at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pose_contract.storage import write_bytes
from stage_kit.command.progress import tell
from stage_kit.pictures.draw_boxes import draw_boxes
from stage_kit.pictures.images import Picture
from stage_kit.training.card import Card, commit_of
from stage_kit.training.log import EpochLog
from stage_kit.training.sheets import CELL, sheet_of, shown_of
from stage_kit.training.split import split_in_words
from stage_kit.training.state import TrainingState
from yolo_stage import __version__
from yolo_stage.cfg_sections import render_sections
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.detector import Detector
from yolo_stage.evaluation import Measured, detect_in
from yolo_stage.labels import LabelledPicture, read_picture
from yolo_stage.people import Selection
from yolo_torch.training.options import TrainOptions
from yolo_torch.training.state import measured_of

SHOWN = Selection(conf_thres=0.3, nms_thres=0.45)


class EpochRecords:
    """Keeps a training run's records in its output folder."""

    def __init__(self, options: TrainOptions, network: DarknetNetwork, state: TrainingState) -> None:
        self._options = options
        self._network = network
        self._state = state
        write_bytes(options.output / options.model_def.name, render_sections(network.sections).encode())
        self._log = EpochLog(options.output, options.output / "log", state.epoch)

    def add(self, measured: Measured, testing: Sequence[LabelledPicture], detector: Detector) -> None:
        """One epoch has ended."""
        row = self._state.history[-1]
        tell(f"epoch {row['epoch']}: loss {row['loss']:.4f}, {measured.as_line()}, best AP50 {self._state.best:.4f}")
        self._log.add(self._state, measured.as_json(), box_sheet(shown_of(testing), detector))

    def finish(self, trained_on: int, measured_on: int) -> None:
        """The run has ended: writes the card of the weights that were kept."""
        card = card_of(self._options, self._network, self._state, (trained_on, measured_on))
        self._log.finish(card.as_text(commit_of(Path(__file__))))


def box_sheet(labelled: Sequence[LabelledPicture], detector: Detector) -> Picture:
    """What the detector finds in some test pictures, each fitted into a cell."""
    cells = []
    for picture, (boxes, scores) in zip(labelled, detect_in(labelled, detector, SHOWN), strict=True):
        pixels = read_picture(picture)
        factor = CELL / max(pixels.shape[:2])
        width, height = (max(1, round(side * factor)) for side in pixels.shape[1::-1])
        small = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        cells.append(draw_boxes(small, boxes * factor, scores))
    return sheet_of(cells)


def card_of(options: TrainOptions, network: DarknetNetwork, state: TrainingState, pictures: tuple[int, int]) -> Card:
    """The card of the weights that were kept; `pictures` trained on and measured on."""
    varied = options.augmentation
    weights = options.set_weights or [1.0] * len(options.train)
    trained_on = ", ".join(f"{path} (x {weight:g})" for path, weight in zip(options.train, weights, strict=True))
    sizes = ", ".join(f"{width} x {height}" for width, height in options.input_sizes) or "the network's"
    mined = ", ".join(str(path) for path in options.mine_sets) or "none of the sets"
    begun = f"from {options.pretrained_weights}" if options.pretrained_weights else "from scratch"
    recipe = f"""{begun}, {state.epoch} epochs of batches of {options.batch_size}; the weights are the average at epoch
{state.kept["epoch"]}, the best. AdamW, learning rate {options.learning_rate} (cosine), weight decay
{options.weight_decay}, average of weights {options.average}, {options.precision}; mosaics {varied.mosaic}, scale
{varied.scale[0]:g} to {varied.scale[1]:g}, zoom {varied.zoom}, close-ups {varied.close_up}, regions without people
{varied.background}, colour {varied.colour}, faults {varied.faults}; input sizes {sizes}; mistakes looked for in
{mined}; pasted: {options.paste or "nothing"}."""
    split = f", {split_in_words(options.seed)}" if options.splits else ""
    return Card(
        network=f"{network.name}: a YOLOv3-like detector of people, {network.parameter_count / 1e6:.2f} M parameters,\n"
        f"{network.input_size} px input.",
        data=f"{trained_on}, {pictures[0]} pictures; measured on {options.valid}, {pictures[1]} pictures{split}.",
        recipe=recipe,
        maker=f"yolo-stage {__version__}",
        seed=options.seed,
        limits="people unlike those of the training pictures (size, clothing, pose, camera), crowds, and people half "
        "hidden.",
        measured=measured_of(state).as_text(),
    )
