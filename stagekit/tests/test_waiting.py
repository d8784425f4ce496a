from __future__ import annotations

from stage_kit.runs.waiting import SHAPES_WAIT, Waiting

WIDE, TALL, SQUARE = (2, 4), (4, 2), (3, 3)


def test_none_wait() -> None:
    waiting = Waiting[int]()
    assert len(waiting) == 0 and not list(waiting) and not list(waiting.rest()) and not waiting.is_due(1)


def test_rows_of_one_shape_go_in_their_order() -> None:
    waiting = Waiting[int]()
    waiting.extend(WIDE, [1, 2])
    assert not waiting.is_due(3) and list(waiting) == [1, 2]
    waiting.extend(WIDE, [3, 4])
    assert waiting.is_due(3) and waiting.take(3) == [1, 2, 3]
    assert not waiting.is_due(3) and list(waiting.rest()) == [[4]] and len(waiting) == 0


def test_a_batch_has_one_shape() -> None:
    waiting = Waiting[int]()
    for number, shape in enumerate([WIDE, TALL, WIDE, SQUARE, TALL, WIDE]):
        waiting.extend(shape, [number])
    assert waiting.is_due(3) and waiting.take(3) == [0, 2, 5]
    assert not waiting.is_due(3) and len(waiting) == 3
    assert list(waiting.rest()) == [[1, 4], [3]]


def test_rows_of_rare_shapes_do_not_wait_for_ever() -> None:
    """Each holds its picture in memory."""
    waiting = Waiting[int]()
    for number in range(2 * SHAPES_WAIT - 1):
        waiting.extend((number,), [number])
        assert not waiting.is_due(2)
    waiting.extend((0, 0), [9])
    assert waiting.is_due(2) and waiting.take(2) == [0], "the first that came"
    assert not waiting.is_due(2)
