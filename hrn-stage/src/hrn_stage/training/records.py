"""What is kept of every epoch for people to look at: a log for TensorBoard, a sheet of predictions, the model card."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml  # type: ignore[import-untyped, unused-ignore]

from hrn_stage import __version__
from hrn_stage.config import HrnConfig
from hrn_stage.engines.torch import TorchEstimator
from hrn_stage.evaluation import Measured, predict
from hrn_stage.preprocess import affine_image_to_input, warp_person
from hrn_stage.training.samples import Sample
from hrn_stage.training.state import TrainingState
from pose_contract.skeletons import Skeleton
from pose_contract.storage import write_bytes
from stage_kit.command.progress import tell
from stage_kit.pictures.draw_poses import DrawnPose, DrawStyle, draw_poses
from stage_kit.pictures.images import Picture, read_image, write_jpeg

SHEET_PEOPLE, SHEET_COLUMNS, CELL = 16, 4, 256


class EpochRecords:
    """Keeps a training run's records in its folder; silent in the processes that do not lead."""

    def __init__(self, folder: Path, config: HrnConfig, skeleton: Skeleton, leads: bool) -> None:
        self._folder = folder
        self._config = config
        self._skeleton = skeleton
        self._log: Any = None
        if leads and config.LOG_DIR:
            from torch.utils.tensorboard import SummaryWriter

            self._log = SummaryWriter(str(Path(config.LOG_DIR, folder.name)))

    def add(self, state: TrainingState, measured: Measured, testing: Sequence[Sample]) -> None:
        """One epoch has ended."""
        row = state.history[-1]
        tell(f"epoch {state.epoch}: loss {row['loss']:.3e}, score {row['score']:.4f}, best {state.best:.4f}")
        if self._log is not None:
            for name in ("loss", "score"):
                self._log.add_scalar(name, row[name], state.epoch)
            self._log.flush()
        shown = list(testing[:: max(1, len(testing) // SHEET_PEOPLE)][:SHEET_PEOPLE])
        sheet = prediction_sheet(shown, state, self._config, self._skeleton)
        write_jpeg(self._folder / "sheets" / f"epoch-{state.epoch:03}.jpg", sheet)
        write_bytes(self._folder / "history.json", json.dumps(state.history, indent=1).encode())
        write_bytes(self._folder / "measured.json", json.dumps(measured.as_json(), indent=1).encode())

    def finish(self, state: TrainingState, measured: Measured, trained_on: int, measured_on: int) -> None:
        """The run has ended: writes the model card and the YAML that the weights belong to."""
        card = model_card(self._config, state, measured, trained_on, measured_on)
        write_bytes(self._folder / "card.md", card.encode())
        tree = self._config.model_dump(mode="json")
        write_bytes(self._folder / "experiment.yaml", yaml.safe_dump(tree, sort_keys=False).encode())
        if self._log is not None:
            self._log.close()


def prediction_sheet(samples: Sequence[Sample], state: TrainingState, config: HrnConfig, skeleton: Skeleton) -> Picture:
    """The averaged network's poses on some test people, as the network sees them."""
    device = str(next(state.average.parameters()).device.type)
    found = predict(samples, TorchEstimator(state.average.eval(), device), config, skeleton)
    rows = -(-len(samples) // SHEET_COLUMNS)
    sheet = np.full((rows * CELL, SHEET_COLUMNS * CELL, 3), 255, np.uint8)
    for index, sample in enumerate(samples):
        affine = affine_image_to_input(sample.center, sample.scale, (CELL, CELL))
        picture = warp_person(read_image(sample.image), affine, (CELL, CELL))
        keypoints = found.keypoints_xy[index] @ affine[:, :2].T + affine[:, 2]
        drawn = draw_poses(picture, [DrawnPose(keypoints, found.scores[index])], skeleton, DrawStyle(line_thickness=3))
        y, x = (index // SHEET_COLUMNS) * CELL, (index % SHEET_COLUMNS) * CELL
        sheet[y : y + CELL, x : x + CELL] = drawn
    return sheet


def model_card(config: HrnConfig, state: TrainingState, measured: Measured, trained_on: int, measured_on: int) -> str:
    """Markdown: data, recipe, commit, seed, metrics, limits."""
    train, dataset, model = config.TRAIN, config.DATASET, config.MODEL
    parameters = sum(parameter.numel() for parameter in state.network.parameters())
    width, height = model.IMAGE_SIZE
    begun = f"backbone {model.PRETRAINED}" if model.PRETRAINED and model.INIT_WEIGHTS else "from scratch"
    measured_set = f"{measured_on} people of set {dataset.TEST_SET}"
    return f"""# Model card

HRNet, {parameters / 1e6:.2f} M parameters, {model.NUM_JOINTS} keypoints, {width} x {height} input.

- Data: {dataset.DATASET} in {dataset.ROOT}, {trained_on} people of set {dataset.TRAIN_SET}; measured on
  {measured_set}.
- Recipe: {begun}, {state.epoch} epochs of batches of {train.BATCH_SIZE_PER_GPU}, {train.OPTIMIZER}, learning rate
  {train.LR}, schedule {train.SCHEDULE}, weight decay {train.WD}, average of weights {train.EMA}, {train.AMP}; rotation
  {dataset.ROT_FACTOR}, scale {dataset.SCALE_FACTOR}, mirror {dataset.FLIP}, half body {dataset.PROB_HALF_BODY}, colour
  {dataset.COLOR_FACTOR}.
- Made by hrn-stage {__version__}, commit {_commit()}, seed {train.SEED}.
- Limits: people unlike those of {dataset.DATASET} (age, clothing, sport, camera), several people in one box, and
  left and right where the labels mix them up.

{measured.as_text()}
"""


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
