"""Training on people of ordinary photos from its labels to its end: rows, epochs, what is refused."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")

from fakes import config_with

from hrn_stage.config import HrnConfig
from hrn_stage.training.datasets import ordinary_people
from hrn_stage.training.epochs import epoch_source
from hrn_stage.training.loop import TrainingRun, train
from hrn_stage.training.ordinary_rows import OrdinaryPeople
from hrn_stage.training.processes import Processes
from hrn_stage.training.refusals import require_trainable
from hrn_stage.training.sets import read_sets
from hrn_stage.training.state import run_fingerprint
from pose_contract.errors import ConfigError, StageError
from pose_contract.skeletons import MPII16
from stage_kit.training.loader import Draw, made


def write_people(root: Path, box: tuple[float, ...] = (30, 0, 70, 200), joints: int = 16) -> HrnConfig:
    """Four people of one picture as train.npz, and the YAML for them."""
    write_png(root / "a.png", np.random.default_rng(0).integers(0, 256, (200, 100, 3)).astype(np.uint8))
    joints_xy = np.random.default_rng(1).uniform((40, 10), (60, 190), (joints, 2))
    np.savez(
        root / "train.npz",
        files=np.array(["a.png"] * 4),
        joints=np.tile(joints_xy, (4, 1, 1)),
        weight=np.ones((4, joints), np.float32),
        absent=np.zeros((4, joints), bool),
        box=np.tile(np.array(box, float), (4, 1)),
        draws=np.ones(4),
    )
    sets = {"DATASET": "people", "ROOT": str(root), "TRAIN_SET": "train", "TEST_SET": "train"}
    train = {"BATCH_SIZE_PER_GPU": 2, "END_EPOCH": 2, "AMP": "none"}
    config = config_with(DATASET=sets, TRAIN=train, PEOPLE={"PER_EPOCH": 6, "GROW": [[64, 0.5]]})
    return config.model_copy(update={"WORKERS": 0})


def write_png(path: Path, picture: np.ndarray) -> None:
    assert cv2.imwrite(str(path), picture)


def test_rows_have_the_epochs_size_and_are_the_same_for_the_same_draw(tmp_path: Path) -> None:
    there = write_people(tmp_path)
    rows = OrdinaryPeople(ordinary_people(there, "train"), there, MPII16, (64, 64))
    inputs, targets, weights = rows.make(Draw(1, 2, 0))
    assert (inputs.shape, targets.shape, weights.shape) == ((3, 64, 64), (16, 16, 16), (16,))
    assert torch.equal(inputs, rows.make(Draw(1, 2, 0))[0])
    assert not torch.equal(inputs, rows.make(Draw(1, 2, 1))[0])  # drawn twice in an epoch, seen otherwise
    (tmp_path / "a.png").unlink()
    error = rows[Draw(1, 2, 0)]
    assert isinstance(error, StageError) and "a.png" in error.reason


def test_other_boxes_are_another_run(tmp_path: Path) -> None:
    """A state is not gone on from with labels that changed in what samples do not hold."""
    prints = set()
    for box in ((30.0, 0, 70, 200), (30.0, 0, 71, 200), (30.0, 0, 70, 200)):
        there = write_people(tmp_path, box)
        training, testing = read_sets(there)
        source = epoch_source(there, MPII16, training, Processes("cpu"))
        prints.add(run_fingerprint(there, training, testing, source.more_labels()))
    assert len(prints) == 2


def test_an_epoch_draws_so_many_people_at_its_size(tmp_path: Path) -> None:
    there = write_people(tmp_path)
    source = epoch_source(there, MPII16, read_sets(there)[0], Processes("cpu"))
    assert len(source) == 4
    for epoch, size in ((0, 64), (1, 128)):
        batches = list(made(source.batches(epoch)))
        assert [tuple(inputs.shape) for inputs, _, _ in batches] == [(2, 3, size, size)] * 3
        _, targets, weights = batches[0]
        assert float(source.loss(epoch, targets, targets, weights)) == 0


def test_hard_joints_count_from_their_share_of_the_training_on(tmp_path: Path) -> None:
    there = write_people(tmp_path)
    losses = there.LOSS.model_copy(update={"USE_OHKM": True, "TOPK": 1})
    there = there.model_copy(update={"LOSS": losses, "PEOPLE": there.PEOPLE.model_copy(update={"HARD_FROM": 0.5})})
    source = epoch_source(there, MPII16, [], Processes("cpu"))
    maps, targets, weights = torch.ones(1, 16, 4, 4), torch.zeros(1, 16, 4, 4), torch.ones(1, 16)
    assert [float(source.loss(epoch, maps, targets, weights)) for epoch in (0, 1)] == [0.5, 0.75]


def test_labels_of_other_joints_are_refused(tmp_path: Path) -> None:
    there = write_people(tmp_path, joints=14)
    with pytest.raises(ConfigError, match=r"train\.npz: people have 14 joints, but MODEL.NUM_JOINTS is 16"):
        ordinary_people(there, "train")
    (tmp_path / "train.npz").write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(ConfigError, match=r"train\.npz: cannot be read"):
        ordinary_people(there, "train")


@pytest.mark.parametrize(
    ("section", "keys", "said"),
    [
        ("DATASET", {}, None),
        ("DATASET", {"SELECT_DATA": True}, "SELECT_DATA"),
        ("LOSS", {"USE_TARGET_WEIGHT": False}, "USE_TARGET_WEIGHT"),
    ],
)
def test_what_ordinary_people_cannot_be_trained_by(
    tmp_path: Path, section: str, keys: dict[str, bool], said: str | None
) -> None:
    there = write_people(tmp_path)
    there = there.model_copy(update={section: getattr(there, section).model_copy(update=keys)})
    with pytest.raises(ConfigError, match=said) if said else nullcontext():
        require_trainable(there)


def test_a_training_on_ordinary_people_runs_to_its_end(tmp_path: Path) -> None:
    there = write_people(tmp_path)
    frozen = there.PEOPLE.model_copy(update={"FROZEN": ("conv1", "bn1")})
    run = TrainingRun(there.model_copy(update={"PEOPLE": frozen}), MPII16, tmp_path / "out", Processes("cpu"), True)
    measured = train(run)
    assert measured is not None and measured.people == 4
    assert (tmp_path / "out" / "final_state.pth").is_file() and "4 people" in (tmp_path / "out/card.md").read_text()
