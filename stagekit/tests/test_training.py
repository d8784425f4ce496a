"""What every training shares: rows and batches, the state that a run goes on from, the average, sheets and cards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")

from torch import nn

from pose_contract.errors import ConfigError, ImageError, StageError
from stage_kit.pictures.images import read_image
from stage_kit.training.average import average_of, decay_at, follow
from stage_kit.training.card import Card, commit_of
from stage_kit.training.coco import evaluated, summary_of
from stage_kit.training.loader import Batching, Draw, EpochSampler, Rows, batches, made
from stage_kit.training.log import EpochLog
from stage_kit.training.sheets import sheet_of, shown_of
from stage_kit.training.state import (
    TrainingState,
    fingerprint_of,
    require_finite,
    resume,
    save_state,
    save_weights,
)

REMEDY = "start anew"


class Numbers(Rows[float]):
    """Epoch and index as one number; the row `unreadable` cannot be made."""

    def __init__(self, length: int, unreadable: int | None = None) -> None:
        self._length = length
        self._unreadable = unreadable

    def __len__(self) -> int:
        return self._length

    def make(self, draw: Draw) -> float:
        if draw.index == self._unreadable:
            raise ImageError(f"row {draw.index} is damaged", "take it out")
        return draw.epoch * 100.0 + draw.index


def join(rows: Sequence[float]) -> list[float]:
    return list(rows)


def order(epoch: int, share: tuple[int, int] = (0, 1), length: int = 10, shuffled: bool = True) -> list[int]:
    return [draw.index for draw in EpochSampler(length, 1, epoch, shuffled, share)]


def test_every_epoch_has_its_order_and_ranks_share_it() -> None:
    assert order(0, length=0) == []
    assert order(0) == order(0) != order(1)
    assert sorted(order(3)) == list(range(10))
    assert sorted(order(3, (0, 2)) + order(3, (1, 2))) == list(range(10))
    assert len(order(3, (0, 3))) == len(order(3, (2, 3))) == 3
    assert order(0, length=3, shuffled=False) == [0, 1, 2]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_row_that_cannot_be_made_ends_with_what_it_says(workers: int) -> None:
    def loader(rows: Numbers) -> list[list[float]]:
        return list(made(batches(rows, EpochSampler(len(rows), 1, 2, False), join, Batching(2, workers))))

    assert loader(Numbers(5)) == [[200, 201], [202, 203]]
    with pytest.raises(StageError, match="row 3 is damaged"):
        loader(Numbers(5, unreadable=3))


def test_workers_do_not_wait_for_opencvs_threads() -> None:
    """A fork has the locks of the pool but not its threads; without the switch this script never ends."""
    script = """
import cv2, numpy as np
from stage_kit.training.loader import Batching, Draw, EpochSampler, Rows, batches
picture, affine = np.zeros((2000, 2000, 3), np.uint8), np.eye(2, 3)
def warp():
    return cv2.warpAffine(picture, affine, (2000, 2000))
class Warped(Rows[int]):
    def __len__(self):
        return 4
    def make(self, draw):
        return int(warp().sum())
cv2.setNumThreads(4)
warp()
print(len(list(batches(Warped(), EpochSampler(4, 0, 0), sum, Batching(2, 1)))))
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert finished.stdout == "2\n", finished.stderr


def state_of(width: int = 3, fingerprint: str = "f") -> TrainingState:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    return TrainingState(network, average_of(network), optimizer, "score", fingerprint)


def test_a_saved_state_is_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / "run/checkpoint.pth"
    state = state_of()
    resume(path, state, REMEDY)
    assert state.epoch == 0 and state.best == -1
    state.network[0].weight.data += 1
    state.epoch, state.steps, state.history = 2, 7, [{"epoch": 1, "score": 0.5}, {"epoch": 2, "score": 0.25}]
    save_state(path, state)
    fresh = state_of()
    resume(path, fresh, REMEDY)
    assert (fresh.epoch, fresh.steps, fresh.best, fresh.history) == (2, 7, 0.5, state.history)
    assert torch.equal(fresh.network[0].weight, state.network[0].weight)
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pth"]


@pytest.mark.parametrize(("width", "fingerprint", "said"), [
    (3, "g", "its options, its network or its labels were others"), (4, "f", "Linear|size mismatch|Sequential"),
])  # fmt: skip
def test_the_state_of_another_run_is_refused(width: int, fingerprint: str, said: str, tmp_path: Path) -> None:
    save_state(tmp_path / "checkpoint.pth", state_of(width, fingerprint))
    with pytest.raises(ConfigError, match=f"state of another training run: .*({said})") as refused:
        resume(tmp_path / "checkpoint.pth", state_of(), REMEDY)
    assert refused.value.remedy == REMEDY


@pytest.mark.parametrize("content", [b"", b"no state", b"PK\x03\x04 torn"])
def test_what_is_no_state_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pth").write_bytes(content)
    with pytest.raises(ConfigError, match="state of another training run"):
        resume(tmp_path / "checkpoint.pth", state_of(), REMEDY)
    torch.save({"epoch": 3}, tmp_path / "checkpoint.pth")
    with pytest.raises(ConfigError, match="it holds no fingerprint"):
        resume(tmp_path / "checkpoint.pth", state_of(), REMEDY)


def test_a_fingerprint_tells_options_and_contents_apart() -> None:
    prints = [
        fingerprint_of({}, []),
        fingerprint_of({"a": 1}, []),
        fingerprint_of({"a": Path("x")}, []),
        fingerprint_of({}, [b"ab", b"c"]),
        fingerprint_of({}, [b"a", b"bc"]),
    ]
    assert len(set(prints)) == len(prints)
    assert fingerprint_of({"a": 1, "b": 2}, []) == fingerprint_of({"b": 2, "a": 1}, [])


def test_bare_weights_are_read_without_this_code(tmp_path: Path) -> None:
    save_weights(tmp_path / "whole.pth", state_of().network)
    save_weights(tmp_path / "half.pth", state_of().network, half=True)
    whole, half = (torch.load(tmp_path / name, weights_only=True) for name in ("whole.pth", "half.pth"))
    assert whole.keys() == half.keys() and not any("num_batches" in key for key in whole)
    assert {value.dtype for value in half.values()} == {torch.float16}


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    require_finite(True, REMEDY)
    with pytest.raises(ConfigError, match="not a number") as ended:
        require_finite(False, REMEDY)
    assert ended.value.remedy == REMEDY


def test_the_average_follows_the_network() -> None:
    state = state_of()
    before = state.average[0].weight.clone()
    state.network[0].weight.data += 1
    state.network[1].running_mean += 1
    follow(state.average, state.network, 0.75, average_buffers=True)
    assert torch.allclose(state.average[0].weight, before + 0.25)
    assert state.average[1].running_mean.tolist() == [0.25] * 3
    follow(state.average, state.network, 0.75, average_buffers=False)
    assert state.average[1].running_mean.tolist() == [1] * 3
    follow(state.average, state.network, 0, average_buffers=False)
    assert torch.allclose(state.average[0].weight, before + 1)
    assert decay_at(0, 0.99) == 0.1 and decay_at(10_000, 0.99) == 0.99 and decay_at(5, 0.0) == 0


def test_a_sheet_holds_some_pictures_in_rows_of_four() -> None:
    assert shown_of([]) == [] and shown_of(range(3)) == [0, 1, 2] and shown_of(range(100))[:3] == [0, 6, 12]
    assert len(shown_of(range(100))) == 16
    assert sheet_of([]).shape == (0, 1024, 3)
    sheet = sheet_of([np.full((256, 128, 3), value, np.uint8) for value in range(5)])
    assert sheet.shape == (512, 1024, 3)
    assert (sheet[256:, :128] == 4).all() and (sheet[:256, 128:256] == 255).all() and (sheet[256:, 256:] == 255).all()


def test_an_epoch_is_logged(tmp_path: Path) -> None:
    state = state_of()
    state.epoch, state.history = 1, [{"epoch": 1, "loss": 0.5, "score": 0.25}]
    log = EpochLog(tmp_path, None, 0)
    log.add(state, {"people": 3}, np.zeros((8, 8, 3), np.uint8))
    log.finish("a card")
    assert json.loads((tmp_path / "history.json").read_text()) == state.history
    assert json.loads((tmp_path / "measured.json").read_text()) == {"people": 3}
    assert read_image(tmp_path / "sheets/epoch-001.jpg").shape == (8, 8, 3)
    assert (tmp_path / "card.md").read_text() == "a card"


def test_a_card_tells_all_in_one_order(tmp_path: Path) -> None:
    card = Card("A network.", "people,\nmany", "from scratch", "a-stage 1.0", 7, "crowds", "| AP |")
    expected = (
        "# Model card\n\nA network.\n\n- Data: people,\n  many\n- Recipe: from scratch\n"
        "- Made by a-stage 1.0, commit abc, seed 7.\n- Limits: crowds\n\n| AP |\n"
    )
    assert card.as_text("abc") == expected
    assert commit_of(tmp_path / "nowhere.py") == "unknown" and commit_of(Path(__file__)) != "unknown"


def test_boxes_are_judged_as_coco_does(tmp_path: Path) -> None:
    box = [10, 10, 20, 40]
    row = {"id": 1, "image_id": 1, "category_id": 1, "bbox": box, "area": 800, "iscrowd": 0}
    labels = {"images": [{"id": 1}], "annotations": [row], "categories": [{"id": 1, "name": "person"}]}
    found = {"image_id": 1, "category_id": 1, "bbox": box, "score": 0.9}
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(labels))
    for given in (labels, file):
        assert summary_of(evaluated(given, [found], "bbox"))[0] == pytest.approx(1)
    with pytest.raises(ConfigError, match="do not belong to"):
        evaluated(labels, [found | {"image_id": 9}], "bbox")
