from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from stage_kit.pictures.nms import nms


def test_nothing_in_nothing_out() -> None:
    assert nms(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.4).tolist() == []


@pytest.mark.parametrize(
    ("boxes", "scores", "kept"),
    [
        ([[0, 0, 4, 4]], [0.1], [0]),
        ([[0, 0, 4, 4], [10, 10, 14, 14]], [0.1, 0.9], [1, 0]),
        ([[0, 0, 4, 4], [0, 0, 4, 4]], [0.5, 0.5], [0]),  # a tie: the first stays
        ([[0, 0, 4, 4], [0, 0, 4, 3.9]], [0.5, 0.9], [1]),
        ([[0, 0, 4, 2], [0, 0, 2, 2]], [0.9, 0.5], [0, 1]),  # IoU is 0.5: not above it
        ([[0, 0, 10, 1], [3, 0, 13, 1], [6, 0, 16, 1]], [0.9, 0.8, 0.7], [0, 2]),  # what goes suppresses nothing
    ],
)
def test_suppression(boxes: list[list[float]], scores: list[float], kept: list[int]) -> None:
    assert nms(np.array(boxes, np.float32), np.array(scores, np.float32), 0.5).tolist() == kept


def torchvision_nms(boxes: NDArray[np.float32], scores: NDArray[np.float32], threshold: float) -> list[int]:
    """The reference; the test skips where it is not installed."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")
    ops = pytest.importorskip("torchvision.ops", reason="torchvision is not installed: make setup TORCH=1")
    kept: list[int] = ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), threshold).tolist()
    return kept


@pytest.mark.parametrize("seed", range(200))
def test_equal_to_torchvision(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 150))
    corners = rng.uniform(0, 100, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0, 60, (count, 2))], axis=1).astype(np.float32)
    scores = rng.uniform(0, 1, count).astype(np.float32)
    if seed % 2:  # ties, boxes that are alike, boxes without an area
        scores = np.round(scores, 1)
        boxes = np.round(boxes / 20) * 20
        boxes[rng.integers(0, count, count // 3)] = boxes[0]
    threshold = float(rng.choice([0.0, 0.3, 0.4, 0.5, 0.99, 1.0]))
    expected = torchvision_nms(boxes, scores, threshold)
    assert nms(boxes, scores, threshold).tolist() == expected


def test_ten_thousand_boxes_are_quick() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 5000, (10_000, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 50, (10_000, 2))], axis=1).astype(np.float32)
    scores = rng.uniform(0, 1, 10_000).astype(np.float32)
    start = time.perf_counter()
    kept = nms(boxes, scores, 0.4)
    assert time.perf_counter() - start < 10  # takes 0.5 s; almost nothing overlaps, which is the slowest case
    assert kept.tolist() == torchvision_nms(boxes, scores, 0.4)
