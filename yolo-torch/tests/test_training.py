"""Training as a whole: a small network learns a handful of pictures, is killed, and goes on with the same curve."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from darknet_files import write_weights

from pose_contract.errors import ConfigError, UsageError, WeightsError
from stage_kit.pictures.images import read_image, write_jpeg
from yolo_stage.cli import main
from yolo_stage.darknet import read_network
from yolo_stage.engines import opencv as opencv_engine
from yolo_stage.evaluation import Measured, measure
from yolo_stage.labels import LabelledPicture, read_labels
from yolo_stage.loading import Loading
from yolo_torch import torch_engine
from yolo_torch.training.augment import Augmentation
from yolo_torch.training.command import parser, with_what_follows
from yolo_torch.training.loader import Batch, Pictures, joined_with, picture_batches, read_objects
from yolo_torch.training.loop import anchors_of, learning_rate, mines_now, train
from yolo_torch.training.options import TrainOptions
from yolo_torch.training.sampling import Shares

TINY = (
    """
[net]
width=96
height=96
channels=3
"""
    + "".join(
        f"""
[convolutional]
batch_normalize=1
filters={filters}
size=3
stride=2
pad=1
activation=leaky
"""
        for filters in (8, 16, 32, 32)
    )
    + """
[convolutional]
batch_normalize=1
filters=32
size=3
stride=1
pad=1
activation=leaky
[convolutional]
filters=18
size=1
stride=1
pad=1
activation=linear
[yolo]
mask=0,1,2
anchors=14,28, 22,40, 40,60
classes=1
num=3
"""
)


@pytest.fixture
def cfg(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.cfg"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Eight pictures with one or two 'people', upright coloured ellipses on noise, in Darknet's format."""
    folder = tmp_path / "pictures"
    rng = np.random.default_rng(5)
    yy, xx = np.mgrid[:120, :120]
    for number in range(8):
        picture = rng.integers(60, 120, (120, 120, 3)).astype(np.uint8)
        lines = []
        for part in range(1 + number % 2):
            x, y = 30 + 55 * part + rng.uniform(-8, 8), 60 + rng.uniform(-15, 15)
            w, h = rng.uniform(20, 28), rng.uniform(50, 70)
            picture[((xx - x) / w * 2) ** 2 + ((yy - y) / h * 2) ** 2 < 1] = (230, 200, 40)
            lines.append(f"0 {x / 120:.5f} {y / 120:.5f} {w / 120:.5f} {h / 120:.5f}")
        write_jpeg(folder / f"{number}.jpg", picture)
        (folder / f"{number}.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


PLAIN = Augmentation(mosaic=0, scale=(0.9, 1.0), background=0, colour=0)


def options_of(cfg: Path, pictures: Path, output: Path, **changes: object) -> TrainOptions:
    given: dict[str, object] = {
        "model_def": cfg,
        "train": (pictures,),
        "valid": pictures,
        "output": output,
        "epochs": 3,
        "batch_size": 4,
        "augmentation": PLAIN,
        "workers": 0,
        "precision": "fp32",
        "quiet": True,
        "device": "cpu",
        **changes,
    }
    return TrainOptions(**given)  # type: ignore[arg-type]


def test_a_few_pictures_are_learnt_and_every_engine_reads_the_weights(
    cfg: Path, pictures: Path, tmp_path: Path
) -> None:
    options = options_of(cfg, pictures, tmp_path / "run", epochs=60, learning_rate=0.005, average=0.9)
    measured = train(options)
    assert measured.ap50 > 0.95
    weights = tmp_path / "run" / "tiny.weights"
    assert np.fromfile(weights, "<i4", 5).tolist() == [0, 2, 0, 0, 0]
    network = read_network(tmp_path / "run" / "tiny.cfg")
    labelled = read_labels(pictures, None, 0)
    for engine in (torch_engine, opencv_engine):
        by_engine = measure(labelled, engine.load_detector(Loading(network, weights, 0, "cpu")))
        assert by_engine.ap50 > 0.95, engine.__name__
        assert by_engine.recall > 0.7, "the score of the only class must not damp the objectness"
    card = (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
    for word in ("8 pictures", "seed 1", "60 epochs", "commit", "Limits", f"{100 * measured.ap50:.1f}"):
        assert word in card
    sheet = read_image(tmp_path / "run" / "sheets" / "epoch-060.jpg")
    assert sheet.shape == (512, 1024, 3)
    assert list((tmp_path / "run" / "log").iterdir())


def test_the_card_tells_of_the_weights_that_were_kept(
    cfg: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = iter([0.2, 0.7, 0.4])
    monkeypatch.setattr("yolo_torch.training.loop.measure", lambda *_: Measured(next(reached), 0.123, 0.5, 0.5, 8, 12))
    options = options_of(cfg, pictures, tmp_path / "run")
    assert train(options).ap50 == 0.7
    card = (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
    assert "average at epoch\n  2, the best" in card and "| 12 | 70.0 | 12.3 |" in card
    assert train(options).ap50 == 0.7, "a finished run trains and measures nothing"


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_picture_ends_with_its_name(workers: int, cfg: Path, pictures: Path, tmp_path: Path) -> None:
    data = (pictures / "3.jpg").read_bytes()
    (pictures / "3.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(ConfigError, match=r"3\.jpg"):
        train(options_of(cfg, pictures, tmp_path / "run", workers=workers))


def test_a_run_that_was_stopped_goes_on_with_the_same_curve(cfg: Path, pictures: Path, tmp_path: Path) -> None:
    augmentation = Augmentation(mosaic=0.5)
    whole = options_of(cfg, pictures, tmp_path / "whole", epochs=4, augmentation=augmentation)
    train(whole)

    class StoppedError(Exception):
        pass

    def stop_after_two(*_: object) -> None:
        raise StoppedError

    parts = options_of(cfg, pictures, tmp_path / "parts", epochs=4, augmentation=augmentation)
    with pytest.MonkeyPatch.context() as patch:
        saved = 0

        def count(*args: object) -> None:
            nonlocal saved
            original(*args)  # type: ignore[arg-type]
            saved += 1
            if saved == 2:
                raise StoppedError

        from yolo_torch.training import loop

        original = loop.save_state
        patch.setattr(loop, "save_state", count)
        with pytest.raises(StoppedError):
            train(parts)
    train(parts)
    curves = [json.loads((tmp_path / name / "history.json").read_text(encoding="utf-8")) for name in ("whole", "parts")]
    assert len(curves[0]) == 4
    assert curves[0] == curves[1]
    assert (tmp_path / "whole" / "tiny.weights").read_bytes() == (tmp_path / "parts" / "tiny.weights").read_bytes()


def test_a_killed_process_goes_on(
    cfg: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    flags = ["--model_def", cfg, "--train", pictures, "--valid", pictures, "--output", output, "--n_cpu", "0"]
    flags += ["--batch_size", "4", "--device", "cpu", "--quiet", "--epochs"]
    words = ["train", *map(str, flags)]
    process = subprocess.Popen(
        [sys.executable, "-m", "yolo_stage.cli", *words, "100000"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 2:"):
            break
    process.kill()
    process.wait()
    reached = json.loads((output / "history.json").read_text(encoding="utf-8"))[-1]["epoch"]
    assert main([*words, str(reached + 2)]) == 0
    again = capsys.readouterr()
    assert f"epoch {reached + 2}:" in again.err
    assert "epoch 1:" not in again.err
    assert "weights, card and sheets" in again.out


def test_another_runs_state_is_not_gone_on_from(cfg: Path, pictures: Path, tmp_path: Path) -> None:
    train(options_of(cfg, pictures, tmp_path / "run", epochs=1))
    other = options_of(cfg, pictures, tmp_path / "run", epochs=2, seed=2)
    with pytest.raises(ConfigError, match="another training run"):
        train(other)
    train(options_of(cfg, pictures, tmp_path / "run", epochs=1, seed=2, overwrite=True))
    same = options_of(cfg, pictures, tmp_path / "run", epochs=1, seed=2)
    train(same)
    label = (pictures / "0.txt").read_text(encoding="utf-8")
    (pictures / "0.txt").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="labels were others"):
        train(same)
    (pictures / "0.txt").write_text(label, encoding="utf-8")
    cfg.write_text(TINY.replace("14,28", "15,28"), encoding="utf-8")
    with pytest.raises(ConfigError, match="its network"):
        train(same)
    cfg.write_text(TINY, encoding="utf-8")
    (tmp_path / "run" / "checkpoint.pth").write_bytes(b"no state")
    with pytest.raises(ConfigError, match="another training run"):
        train(other)


def test_weights_to_start_from(cfg: Path, pictures: Path, tmp_path: Path) -> None:
    train(options_of(cfg, pictures, tmp_path / "a", epochs=40, learning_rate=0.005, average=0.9))
    start = options_of(cfg, pictures, tmp_path / "b", epochs=1, learning_rate=1e-6, average=0)
    cold = train(start)
    warm = train(options_of(
        cfg, pictures, tmp_path / "c", epochs=1, learning_rate=1e-6, average=0,
        pretrained_weights=tmp_path / "a" / "tiny.weights",
    ))  # fmt: skip
    assert warm.ap50 > 0.5 > cold.ap50
    bad = write_weights(tmp_path / "bad.weights", np.zeros(10, np.float32))
    with pytest.raises(WeightsError, match="bad"):
        train(options_of(cfg, pictures, tmp_path / "d", pretrained_weights=bad))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("classes=1", "classes=2", "one class"),
        ("mask=0,1,2", "mask=0,1", "3 anchors"),
        (
            "pad=1\nactivation=leaky\n[convolutional]\nfilters=18",
            "activation=leaky\n[convolutional]\nfilters=18",
            "pads",
        ),
    ],
)
def test_cfgs_that_cannot_be_trained(
    old: str, new: str, message: str, cfg: Path, pictures: Path, tmp_path: Path
) -> None:
    text = TINY.replace(old, new)
    count = {"classes=2": 21, "mask=0,1": 12}.get(new, 18)
    cfg.write_text(text.replace("filters=18", f"filters={count}"), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        train(options_of(cfg, pictures, tmp_path / "run"))


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"average": 1.0},
        {"weight_decay": -1.0},
        {"workers": -1},
        {"seed": -1},
        {"augmentation": Augmentation(mosaic=1.5)},
        {"augmentation": Augmentation(scale=(0.5, 0.2))},
        {"augmentation": Augmentation(background=-0.1)},
        {"augmentation": Augmentation(colour=1)},
        {"augmentation": Augmentation(zoom=0.6, close_up=0.6)},
        {"augmentation": Augmentation(close_up=-0.1)},
        {"augmentation": Augmentation(faults=1.1)},
        {"set_weights": (1.0, 2.0)},
        {"set_weights": (0.0,)},
        {"mine_sets": (Path("another"),)},
        {"input_sizes": ((96, 100),)},
    ],
)
def test_values_without_a_meaning(changes: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected"):
        options_of(tmp_path / "a.cfg", tmp_path, tmp_path / "run", **changes)


def test_the_cfg_is_not_written_over(cfg: Path, pictures: Path) -> None:
    with pytest.raises(UsageError, match="without the cfg"):
        options_of(cfg, pictures, cfg.parent)


def test_crowds_are_left_open(pictures: Path) -> None:
    (labelled, *_) = read_labels(pictures, None, 0)
    both = np.concatenate([labelled.boxes_xyxy, [[5, 5, 25, 115]]])
    crowded = LabelledPicture(labelled.image, labelled.size_wh, both, np.array([False, True]))
    source = Pictures([crowded], 120, PLAIN, seed=1)
    source.fill()
    assert source.held[0].people.shape == (1, 4)
    assert source.held[0].left_open.tolist() == [[5, 5, 25, 115]]
    (batch,) = picture_batches(source, 0, Shares(np.ones(1), ((120, 96),), 1), 0)
    assert isinstance(batch, Batch)
    assert [len(boxes) for boxes in (*batch.people, *batch.left_open)] == [1, 1]
    assert batch.inputs.shape == (1, 3, 96, 120) and batch.width == 120


def test_batches_are_the_same_with_and_without_workers_and_held_pictures(pictures: Path) -> None:
    labelled = read_labels(pictures, None, 0)
    shares = Shares(np.ones(8), ((96, 96),), 4)
    plain, held = (Pictures(labelled, 96, Augmentation(scale=(0.3, 1)), seed=3) for _ in range(2))
    held.fill()
    for epoch in (0, 1):
        one, two = (
            list(picture_batches(source, epoch, shares, workers)) for source, workers in ((plain, 0), (plain, 1))
        )
        for x, y in zip(one, two, strict=True):
            assert isinstance(x, Batch) and isinstance(y, Batch)
            assert torch.equal(x.inputs, y.inputs)
            assert all(torch.equal(a, b) for a, b in zip(x.people, y.people, strict=True))
    first, second = (next(iter(picture_batches(source, 0, shares, 0))) for source in (plain, held))
    other = next(iter(picture_batches(plain, 1, shares, 0)))
    assert isinstance(first, Batch) and isinstance(second, Batch) and isinstance(other, Batch)
    assert first.inputs.shape == (4, 3, 96, 96) and first.inputs.dtype == torch.float32
    assert torch.equal(first.inputs, second.inputs)
    assert not torch.equal(first.inputs, other.inputs)


def test_pictures_that_are_held_are_no_larger_than_is_needed(pictures: Path) -> None:
    labelled = read_labels(pictures, None, 0)
    small, zoomed = (Pictures(labelled, 64, Augmentation(scale=(0.3, 1), zoom=zoom), seed=3) for zoom in (0.0, 0.5))
    for source, longest in ((small, 64), (zoomed, 96)):
        source.fill()
        assert source.held[0].picture.shape == (longest, longest, 3)
        np.testing.assert_allclose(source.held[0].people, labelled[0].people * longest / 120)


def test_how_many_pictures_are_joined() -> None:
    rng = np.random.default_rng(0)
    counts = [joined_with(0.5, rng) for _ in range(2000)]
    assert [abs(counts.count(more) / 2000 - part) < 0.04 for more, part in ((0, 0.5), (1, 0.1), (3, 0.4))] == [True] * 3


def test_objects_to_paste(tmp_path: Path) -> None:
    import cv2

    (tmp_path / "things").mkdir()
    thing = np.zeros((400, 200, 4), np.uint8)
    thing[..., 0], thing[..., 3] = 250, 128  # blue, as OpenCV has it
    cv2.imwrite(str(tmp_path / "things" / "a.png"), thing)
    cv2.imwrite(str(tmp_path / "b.png"), thing[..., :3])
    (read,) = read_objects(tmp_path)
    assert read.shape == (160, 80, 4) and read[0, 0].tolist() == [0, 0, 250, 128]
    assert read_objects(None) == []
    with pytest.raises(ConfigError, match="opacity"):
        read_objects(tmp_path / "nothing")


def test_several_sets_and_sizes_with_mining(cfg: Path, pictures: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write_jpeg(other / "empty.jpg", np.zeros((120, 120, 3), np.uint8))
    options = options_of(
        cfg, pictures, tmp_path / "run", train=(pictures, other), set_weights=(1.0, 4.0), mine_sets=(pictures,),
        input_sizes=((96, 96), (128, 64)), epochs=2, augmentation=Augmentation(zoom=0.3, close_up=0.2, faults=0.3),
    )  # fmt: skip
    train(options)
    saved = torch.load(tmp_path / "run" / "checkpoint.pth", weights_only=True)
    assert not saved["extra"]["on_nothing"]
    assert set(saved["extra"]["missed"]) == set(range(8)), "the untrained network misses everybody in the first set"
    card = (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
    assert "(x 4)" in card and "96 x 96, 128 x 64" in card
    assert train(options_of(cfg, pictures, tmp_path / "run", **{
        name: getattr(options, name) for name in ("train", "set_weights", "mine_sets", "input_sizes", "augmentation")
    }, epochs=3)).people == 12  # fmt: skip


def test_when_mistakes_are_looked_for() -> None:
    assert [epoch for epoch in range(100) if mines_now(epoch, 100)] == [12, 30, 50, 68, 85]
    assert [epoch for epoch in range(4) if mines_now(epoch, 4)] == [1, 2, 3]


def test_anchors_of_each_head(cfg: Path) -> None:
    (anchors,) = anchors_of(read_network(cfg))
    assert anchors.tolist() == [[14, 28], [22, 40], [40, 60]]


def test_learning_rate(tmp_path: Path) -> None:
    options = options_of(tmp_path / "a.cfg", tmp_path, tmp_path / "run", epochs=10, learning_rate=0.1)
    rates = [learning_rate(options, progress) for progress in (0, 0.25, 0.5, 5, 10)]
    assert rates[0] < 1e-6
    assert rates[1] == pytest.approx(0.05, rel=0.01)
    assert rates[2] == pytest.approx(0.1, rel=0.01)
    assert rates[3] == pytest.approx(0.1 * (0.01 + 0.99 / 2))
    assert rates[4] == pytest.approx(0.001)


def test_evaluate_command(cfg: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(options_of(cfg, pictures, tmp_path / "run", epochs=1))
    weights = tmp_path / "run" / "tiny.weights"
    flags = ["--valid", pictures, "--model_def", cfg, "--weights_path", weights, "--output", tmp_path / "numbers.json"]
    assert main(["evaluate", *map(str, flags), "--conf_thres", "0.25"]) == 0
    assert "| 12 |" in capsys.readouterr().out
    numbers = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["people"] == 12 and numbers["threshold"] == 0.25
    assert main(["evaluate", "--valid", str(tmp_path / "none.json"), *map(str, flags[2:])]) == 4
    assert "none.json" in capsys.readouterr().err


def test_training_needs_nothing_until_it_is_asked_for() -> None:
    code = "import sys, yolo_stage.cli; assert not any(name.startswith('yolo_torch.training') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)


def test_fine_tuning_begins_at_a_low_rate(tmp_path: Path) -> None:
    def flags(*given: str) -> dict[str, Any]:
        common = ["--output", str(tmp_path), "--train", str(tmp_path)]
        return with_what_follows(vars(parser().parse_args([*common, *given])))

    network, labels = ["--model_def", "a.cfg"], ["--valid", "b.json"]
    assert flags(*network, *labels)["learning_rate"] == 0.002
    assert flags(*network, *labels, "--pretrained_weights", "a.weights")["learning_rate"] == 0.0002
    lite = flags("--weights", "lite", *labels)
    assert lite["learning_rate"] == 0.0002 and lite["model_def"].is_file() and lite["pretrained_weights"].is_file()
    assert flags("--weights", "lite", *labels, "--learning_rate", "0.5")["learning_rate"] == 0.5
    for wrong, said in ((labels, "no network"), (network, "nothing to measure on"),
                        ([*network, *labels, "--weights", "lite"], "of its own")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            flags(*wrong)
    for folder in ("images", "annots"):
        (tmp_path / folder).mkdir()
    assert flags(*network)["valid"] == tmp_path


@pytest.mark.parametrize("trust", [False, True])
def test_another_file_under_a_published_name_is_refused_unless_it_is_trusted(
    trust: bool, cfg: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = write_weights(tmp_path / "yolov3.weights", np.zeros(10, np.float32))
    flags = ["--model_def", cfg, "--train", pictures, "--valid", pictures, "--output", tmp_path / "out", "--epochs", 1]
    given = [*map(str, flags), "--pretrained_weights", str(mine), *["--trust"] * trust]
    assert main(["train", *given]) == 4
    said = capsys.readouterr().err
    assert ("has the name of published weights" in said) is not trust, "what is trusted fails for what it is"
