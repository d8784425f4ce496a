"""What is kept of every epoch for people to look at: a sheet of predictions, the log, and the model card at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml  # type: ignore[import-untyped, unused-ignore]

from hrn_stage import __version__
from hrn_stage.config import HrnConfig
from hrn_stage.engines.torch import TorchEstimator
from hrn_stage.evaluation import Measured, predict
from hrn_stage.preprocess import affine_image_to_input, warp_person
from hrn_stage.training.samples import Sample
from hrn_stage.training.sets import is_workspace
from pose_contract.skeletons import Skeleton
from pose_contract.storage import write_bytes
from stage_kit.command.progress import tell
from stage_kit.pictures.draw_poses import DrawnPose, draw_poses
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.images import Picture, read_image
from stage_kit.training.card import Card, commit_of
from stage_kit.training.log import EpochLog
from stage_kit.training.sheets import CELL, sheet_of, shown_of
from stage_kit.training.split import split_in_words
from stage_kit.training.state import TrainingState


class EpochRecords:
    """Keeps a training run's records in its folder: of the process that leads."""

    def __init__(self, folder: Path, config: HrnConfig, skeleton: Skeleton, begun: int) -> None:
        self._folder = folder
        self._config = config
        self._skeleton = skeleton
        self._log = EpochLog(folder, Path(config.LOG_DIR, folder.name) if config.LOG_DIR else None, begun)

    def add(self, state: TrainingState, measured: Measured, testing: Sequence[Sample]) -> None:
        """One epoch has ended."""
        row = state.history[-1]
        tell(f"epoch {state.epoch}: loss {row['loss']:.3e}, {_how_good(measured.score, state.best)}")
        sheet = prediction_sheet(shown_of(testing), state, self._config, self._skeleton)
        self._log.add(state, measured.as_json(), sheet)

    def finish(self, state: TrainingState, measured: Measured, trained_on: int, measured_on: int) -> None:
        """The run has ended: writes the model card and the YAML that the weights belong to."""
        tree = self._config.model_dump(mode="json")
        write_bytes(self._folder / "experiment.yaml", yaml.safe_dump(tree, sort_keys=False).encode())
        card = card_of(self._config, state, measured, (trained_on, measured_on))
        self._log.finish(card.as_text(commit_of(Path(__file__))))


def _how_good(score: float | None, best: float) -> str:
    if score is None:
        return "no score, as nothing of TEST_SET can be measured: model_best.pth is this epoch's"
    return f"score {score:.4f}, best {best:.4f}"


def prediction_sheet(samples: Sequence[Sample], state: TrainingState, config: HrnConfig, skeleton: Skeleton) -> Picture:
    """The averaged network's poses on some test people, as the network sees them."""
    device = str(next(state.average.parameters()).device.type)
    found = predict(samples, TorchEstimator(state.average.eval(), device), config, skeleton)
    cells = []
    for index, sample in enumerate(samples):
        affine = affine_image_to_input(sample.center, sample.scale, (CELL, CELL))
        picture = warp_person(read_image(sample.image), affine, (CELL, CELL))
        keypoints = found.keypoints_xy[index] @ affine[:, :2].T + affine[:, 2]
        pose = DrawnPose(keypoints, found.scores[index])
        cells.append(draw_poses(picture, [pose], skeleton, DrawStyle(line_thickness=3)))
    return sheet_of(cells)


def card_of(config: HrnConfig, state: TrainingState, measured: Measured, people: tuple[int, int]) -> Card:
    """The card of the weights at the end; `people` trained on and measured on."""
    train, dataset, model = config.TRAIN, config.DATASET, config.MODEL
    parameters = sum(parameter.numel() for parameter in state.network.parameters())
    width, height = model.IMAGE_SIZE
    begun = f"backbone {model.PRETRAINED}" if model.PRETRAINED and model.INIT_WEIGHTS else "from scratch"
    split = f", {split_in_words(train.SEED)}" if is_workspace(config) else ""
    recipe = f"""{begun}, {state.epoch} epochs of batches of {train.BATCH_SIZE_PER_GPU}, {train.OPTIMIZER}, learning
rate {train.LR}, schedule {train.SCHEDULE}, weight decay {train.WD}, average of weights {train.EMA}, {train.AMP};
rotation {dataset.ROT_FACTOR}, scale {dataset.SCALE_FACTOR}, mirror {dataset.FLIP}, half body {dataset.PROB_HALF_BODY},
colour {dataset.COLOR_FACTOR}."""
    return Card(
        network=f"HRNet, {parameters / 1e6:.2f} M parameters, {model.NUM_JOINTS} keypoints, {width} x {height} input.",
        data=f"{dataset.DATASET} in {dataset.ROOT}, {people[0]} people of set {dataset.TRAIN_SET}; measured on\n"
        f"{people[1]} people of set {dataset.TEST_SET}{split}.",
        recipe=recipe,
        maker=f"hrn-stage {__version__}",
        seed=train.SEED,
        limits=f"people unlike those of {dataset.DATASET} (age, clothing, sport, camera), several people in one box, "
        "and\nleft and right where the labels mix them up.",
        measured=measured.as_text(),
    )
