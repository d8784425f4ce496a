from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from stage_kit.networks.batches import asked_by_shape, batch_size, in_batches, stacked


@dataclass
class Idle:
    """A network that is never asked."""

    fixed_batch: bool
    at_once: tuple[int, int]
    name: str = "fake"
    device: str = "cpu"
    precision: str = "fp32"


@pytest.mark.parametrize(
    ("fixed", "at_once", "asked", "size"),
    [
        (True, (1, 1), 0, 1),
        (True, (8, 32), 0, 8),
        (True, (1, 1), 32, 32),
        (False, (2, 16), 0, 16),
        (False, (2, 16), 32, 32),
    ],
)
def test_a_batch_is_as_large_as_the_engine_wants(fixed: bool, at_once: tuple[int, int], asked: int, size: int) -> None:
    assert batch_size(Idle(fixed, at_once), asked) == size


def test_items_come_in_batches_and_no_sooner_than_needed() -> None:
    asked = []

    def items(count: int):
        for item in range(count):
            asked.append(item)
            yield item

    assert list(in_batches(items(0), 2)) == []
    batches = in_batches(items(3), 2)
    assert next(batches) == [0, 1] and asked == [0, 1]
    assert list(batches) == [[2]]


def test_rows_are_stacked_and_padded() -> None:
    rows = [np.full((2, 3), value, np.uint8) for value in (1, 2)]
    assert stacked(rows).dtype == np.uint8
    np.testing.assert_array_equal(stacked(rows), np.stack(rows))
    np.testing.assert_array_equal(stacked(rows, 3)[2], 0)
    assert stacked(rows, 1).shape == (2, 2, 3)


@pytest.mark.parametrize(("size", "shapes"), [(0, [(2, 2, 4), (1, 4, 2)]), (3, [(3, 2, 4), (3, 4, 2)])])
def test_rows_of_one_shape_are_asked_together_and_keep_their_order(size: int, shapes: list[tuple[int, ...]]) -> None:
    asked: list[tuple[int, ...]] = []

    def first_values(batch: np.ndarray) -> list[int]:
        asked.append(batch.shape)
        return [int(row[0, 0]) for row in batch]

    assert asked_by_shape([], first_values, size) == []
    wide, tall = np.zeros((2, 4)), np.zeros((4, 2))
    assert asked_by_shape([wide + 1, tall + 2, wide + 3], first_values, size) == [1, 2, 3]
    assert asked == shapes
