"""Training runs, on people whose keypoints are markers of their own colours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")

import yaml
from fakes import marked_person, write_photo

from hrn_stage.cli import main
from hrn_stage.config import read_config
from hrn_stage.config_keys import LossConfig, ModelConfig, TrainConfig
from hrn_stage.network import build_network
from hrn_stage.training.loop import TrainingRun, initialise, train
from hrn_stage.training.losses import heatmap_loss, joint_weights, training_loss
from hrn_stage.training.processes import Processes
from hrn_stage.training.schedule import learning_rate
from hrn_stage.training.state import freeze, load_backbone
from pose_contract.errors import ConfigError, UsageError
from pose_contract.skeletons import COCO17, LSP14
from pose_contract.workspace import Workspace

PEOPLE = 32
STAGE = {"BLOCK": "BASIC", "FUSE_METHOD": "SUM", "NUM_MODULES": 1}


def experiment(root: Path, **train: Any) -> Path:
    """32 marked people as LSP arrays, and a YAML that trains a small network on them."""
    workspace = Workspace(root / "photos")
    rng = np.random.default_rng(0)
    joints = np.ones((PEOPLE, 14, 3), np.float32)
    for index in range(PEOPLE):
        x, y = rng.uniform(20, 120), rng.uniform(10, 60)
        box = (x, y, x + rng.uniform(80, 140), y + rng.uniform(100, 130))
        write_photo(workspace, f"{index:02}.jpg", [box])
        joints[index, :, :2] = marked_person(box)[:14]
    files = np.array([f"photos/images/{index:02}.jpg" for index in range(PEOPLE)])
    np.savez(root / "people.npz", files=files, joints=joints)
    branches = {
        f"STAGE{n}": {**STAGE, "NUM_BRANCHES": n, "NUM_BLOCKS": [1] * n, "NUM_CHANNELS": [16] * n} for n in (1, 2, 3, 4)
    }
    tree = {
        "OUTPUT_DIR": str(root / "output"),
        "AUTO_RESUME": True,
        "WORKERS": 0,
        "DATASET": {
            "DATASET": "lsp", "ROOT": str(root), "TRAIN_SET": "people", "TEST_SET": "people", "COLOR_RGB": True,
            "FLIP": False, "ROT_FACTOR": 10, "SCALE_FACTOR": 0.1,
        },
        "MODEL": {
            "NUM_JOINTS": 14, "IMAGE_SIZE": [64, 64], "HEATMAP_SIZE": [16, 16], "SIGMA": 1, "EXTRA": branches,
        },
        "TRAIN": {
            "BATCH_SIZE_PER_GPU": 8, "END_EPOCH": 3, "OPTIMIZER": "adamw", "LR": 0.004, "SCHEDULE": "cosine",
            "EMA": 0.9, "AMP": "none", **train,
        },
        "TEST": {"BATCH_SIZE_PER_GPU": 16, "POST_PROCESS": True},
    }  # fmt: skip
    path = root / "small.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def folder_of(root: Path) -> Path:
    return root / "output/lsp/pose_hrnet/small"


def test_a_small_set_is_learnt_by_heart_and_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = experiment(tmp_path, END_EPOCH=40)
    assert main(["train", "--cfg", str(path), "--quiet"]) == 0
    folder = folder_of(tmp_path)
    history = json.loads((folder / "history.json").read_text())
    assert len(history) == 40 and history[-1]["loss"] < history[0]["loss"] / 3
    assert history[-1]["score"] >= 0.95
    for name in ("checkpoint.pth", "model_best.pth", "final_state.pth", "sheets/epoch-040.jpg", "card.md"):
        assert (folder / name).is_file(), name
    card = (folder / "card.md").read_text()
    for said in ("32 people of set people", "40 epochs", "seed 0", "from scratch", "Limits", "| mean |"):
        assert said in card
    assert read_config(folder / "experiment.yaml") == read_config(path)
    capsys.readouterr()
    results = tmp_path / "results.json"
    flags = ["--output", str(results), "TEST.MODEL_FILE", str(folder / "final_state.pth")]
    assert main(["evaluate", "--cfg", str(path), *flags]) == 0
    assert "| mean |" in capsys.readouterr().out
    assert json.loads(results.read_text())["rates"]["PCK@0.2"]["mean"] >= 0.95


def test_without_any_measure_the_last_epoch_is_kept_and_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment(tmp_path, END_EPOCH=2)
    with np.load(tmp_path / "people.npz") as arrays:
        files, joints = arrays["files"], arrays["joints"].copy()
    joints[:, [LSP14.keypoints.index(name) for name in ("left_shoulder", "right_shoulder", "head_top")]] = 0
    np.savez(tmp_path / "people.npz", files=files, joints=joints)
    assert main(["train", "--cfg", str(path), "--quiet"]) == 0
    folder = folder_of(tmp_path)
    history = json.loads((folder / "history.json").read_text())
    assert len(history) == 2 and not any("score" in row for row in history)
    assert "NaN" not in (folder / "measured.json").read_text()
    assert capsys.readouterr().err.count("model_best.pth is this epoch's") == 2
    best, last = (torch.load(folder / name, weights_only=True) for name in ("model_best.pth", "checkpoint.pth"))
    assert all(torch.equal(value, last["average"][name]) for name, value in best.items())


def test_a_killed_run_goes_on_with_the_same_curve(tmp_path: Path) -> None:
    """The one that is killed is a process; the others need none, and PyTorch takes seconds to be imported."""
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
        experiment(tmp_path / name)
    words = ["train", "--quiet", "--cfg"]
    assert main([*words, str(tmp_path / "undisturbed/small.yaml")]) == 0
    history = folder_of(tmp_path / "killed") / "history.json"
    command = [sys.executable, "-m", "hrn_stage.cli", *words, str(tmp_path / "killed/small.yaml")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (folder_of(tmp_path / "killed") / "checkpoint.pth").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert len(json.loads(history.read_text())) < 3
    assert main(command[3:]) == 0
    expected = json.loads((folder_of(tmp_path / "undisturbed") / "history.json").read_text())
    assert json.loads(history.read_text()) == expected and len(expected) == 3


def test_the_state_of_another_network_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = experiment(tmp_path, END_EPOCH=1)
    assert main(["train", "--cfg", str(path), "--quiet"]) == 0
    assert main(["train", "--cfg", str(path), "--quiet", "TRAIN.END_EPOCH", "2", "TRAIN.OPTIMIZER", "sgd"]) == 4
    assert "state of another training run" in capsys.readouterr().err


def test_other_labels_or_options_are_another_run_but_more_epochs_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment(tmp_path, END_EPOCH=1)
    again = ["train", "--cfg", str(path), "--quiet", "TRAIN.END_EPOCH", "2"]
    assert main(again[:4]) == 0
    assert main([*again, "DATASET.ROT_FACTOR", "11"]) == 4
    labels = dict(np.load(tmp_path / "people.npz"))
    labels["joints"][3, 5, 0] += 1
    np.savez(tmp_path / "people.npz", **labels)
    assert main(again) == 4
    assert capsys.readouterr().err.count("labels were others") == 2
    labels["joints"][3, 5, 0] -= 1
    np.savez(tmp_path / "people.npz", **labels)
    assert main([*again, "WORKERS", "1", "PRINT_FREQ", "1", "OUTPUT_DIR", str(tmp_path / "output")]) == 0
    history = json.loads((folder_of(tmp_path) / "history.json").read_text())
    assert [row["epoch"] for row in history] == [1, 2]


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment(tmp_path, END_EPOCH=3)
    assert main(["train", "--cfg", str(path), "--quiet", "TRAIN.OPTIMIZER", "sgd", "TRAIN.LR", "1e30"]) == 4
    assert "-> train anew with a smaller TRAIN.LR" in capsys.readouterr().err
    assert not list(folder_of(tmp_path).glob("*.pth"))


def test_a_process_that_does_not_lead_measures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = read_config(experiment(tmp_path, END_EPOCH=1))
    monkeypatch.setattr("hrn_stage.training.loop.measure", None)
    monkeypatch.setattr(Processes, "wait", lambda _: None)
    monkeypatch.setattr(Processes, "all_agree", lambda _, fact: fact)
    monkeypatch.setattr("hrn_stage.training.loop.DistributedDataParallel", lambda network: network)
    follower = Processes("cpu", rank=1, count=2)
    assert train(TrainingRun(config, LSP14, tmp_path / "run", follower, quiet=True)) is None
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_damaged_picture_ends_with_its_name(workers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = experiment(tmp_path)
    picture = tmp_path / "photos/images/03.jpg"
    picture.write_bytes(picture.read_bytes()[:300])
    assert main(["train", "--cfg", str(path), "--quiet", "WORKERS", workers]) == 3
    assert "03.jpg" in capsys.readouterr().err


def test_from_scratch_parameters_are_he_s_but_for_the_last() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(32, 64, 3, bias=False), torch.nn.Conv2d(64, 16, 1))
    initialise(network, published=False)
    assert network[0].weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    assert network[1].weight.std().item() == pytest.approx(0.001, rel=0.1)
    initialise(network)
    assert network[0].weight.std().item() == pytest.approx(0.001, rel=0.1)


def test_without_the_published_initialisation_a_network_learns_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment(tmp_path)
    assert main(["train", "--cfg", str(path), "--quiet", "MODEL.INIT_WEIGHTS", "false"]) == 0
    history = json.loads(next(tmp_path.glob("output/**/history.json")).read_text())
    assert all(np.isfinite(row["loss"]) for row in history) and history[-1]["loss"] < history[0]["loss"]


def test_two_processes_share_the_work(tmp_path: Path) -> None:
    path = experiment(tmp_path, END_EPOCH=1)
    flags = ["--nproc_per_node", "2", "--master_port", "29517", "-m", "hrn_stage.cli", "train", "--cfg", str(path)]
    command = [sys.executable, "-m", "torch.distributed.run", *flags, "--device", "cpu", "--quiet"]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert ended.returncode == 0, ended.stderr
    assert len(json.loads((folder_of(tmp_path) / "history.json").read_text())) == 1


@pytest.mark.parametrize("flags", [["--cfg", "gone.yaml"], ["--cfg", "{yaml}", "DATASET.ROOT", "/nowhere"],
                                   ["--cfg", "{yaml}", "MODEL.PRETRAINED", "gone.pth"]])  # fmt: skip
def test_what_is_not_there_is_named(tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    path = str(experiment(tmp_path))
    assert main(["train", *(flag.format(yaml=path) for flag in flags)]) == 4
    assert "->" in capsys.readouterr().err


def test_predictions_of_a_file_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = experiment(tmp_path)
    joints = np.load(tmp_path / "people.npz")["joints"]
    predictions = tmp_path / "predictions.json"
    predictions.write_text(
        json.dumps([{"keypoints": [float(value) for value in person.reshape(-1)]} for person in joints])
    )
    assert main(["evaluate", "--cfg", str(path), "--predictions", str(predictions)]) == 0
    assert "| mean | 1.000 | 1.000 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("train", "epochs", "rate"),
    [
        ({}, 0, 1.0), ({}, 89.9, 1.0), ({}, 90, 0.1), ({}, 110, 0.01),
        ({"SCHEDULE": "cosine"}, 0, 1.0), ({"SCHEDULE": "cosine"}, 70, 0.5), ({"SCHEDULE": "cosine"}, 140, 0.0),
        ({"WARMUP_EPOCHS": 2.0}, 1, 0.5), ({"WARMUP_EPOCHS": 2.0}, 3, 1.0),
    ],
)  # fmt: skip
def test_the_learning_rate(train: dict[str, Any], epochs: float, rate: float) -> None:
    assert learning_rate(TrainConfig(LR=1.0, **train), epochs) == pytest.approx(rate, abs=1e-6)


def test_a_joint_without_weight_costs_nothing() -> None:
    heatmaps, targets = torch.ones(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    assert heatmap_loss(heatmaps, targets, None) == 0.5
    assert heatmap_loss(heatmaps, targets, torch.tensor([[1.0, 0.0]])) == 0.25


def test_only_the_hardest_joints_of_a_person_count() -> None:
    heatmaps, targets = torch.tensor([1.0, 3.0, 2.0]).view(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)
    assert training_loss(heatmaps, targets, torch.ones(1, 3), LossConfig()) == pytest.approx(14 / 6)
    hardest = LossConfig(USE_OHKM=True, TOPK=2)
    assert training_loss(heatmaps, targets, torch.ones(1, 3), hardest) == pytest.approx((4.5 + 2) / 2)
    assert training_loss(heatmaps, targets, torch.tensor([[1.0, 0, 1]]), hardest) == pytest.approx((2 + 0.5) / 2)


def test_joints_farther_out_weigh_more_where_asked_for() -> None:
    assert joint_weights(LossConfig(), COCO17).tolist() == [1] * 17
    weights = joint_weights(LossConfig(USE_DIFFERENT_JOINTS_WEIGHT=True), COCO17)
    assert weights.tolist() == pytest.approx([1] * 7 + [1.2, 1.2, 1.5, 1.5, 1, 1, 1.2, 1.2, 1.5, 1.5])


def test_a_backbone_gives_what_fits(tiny_model: ModelConfig) -> None:
    network = build_network(tiny_model)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    ones = {name: torch.ones_like(value) for name, value in network.state_dict().items()}
    ones |= {"final_layer.weight": torch.ones(17, 4, 1, 1), "final_layer.bias": torch.ones(17)}
    taken = load_backbone(network, ones, ("conv1", "final_layer"))
    assert taken == 1 and bool((network.state_dict()["conv1.weight"] == 1).all())
    assert not network.state_dict()["final_layer.weight"].any() and not network.state_dict()["conv2.weight"].any()
    assert load_backbone(network, ones, ("*",)) == len(ones) - 2
    with pytest.raises(UsageError, match="fits no layer"):
        load_backbone(network, ones, ("backbone",))


def test_frozen_parts_learn_nothing(tmp_path: Path) -> None:
    network = build_network(read_config(experiment(tmp_path), []).MODEL).train()
    freeze(network, ("conv1", "bn1"))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network(torch.rand(2, 3, 64, 64)).sum().backward()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert "bn2.running_mean" in changed
    assert not any(name.startswith("bn1") for name in changed)
    assert network.conv1.weight.grad is None
    assert network.conv2.weight.grad is not None
    with pytest.raises(ConfigError, match="no part conv9"):
        freeze(network, ("conv9",))
    with pytest.raises(ConfigError, match="no part of the network is left"):
        freeze(network, [name for name, _ in network.named_children()])


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_another_file_under_a_published_name_is_refused_unless_it_is_trusted(
    command: str, trust: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "hrnet_w32_mpii_256x256-6c4f923f_20200812.pth"
    mine.write_bytes(b"no checkpoint")
    key = "MODEL.PRETRAINED" if command == "train" else "TEST.MODEL_FILE"
    flags = ["--device", "cpu", *["--trust"] * trust]
    assert main([command, "--cfg", str(experiment(tmp_path)), *flags, key, str(mine)]) == 4
    said = capsys.readouterr().err
    assert ("has the name of published weights" in said) is not trust, "what is trusted fails for what it is"
