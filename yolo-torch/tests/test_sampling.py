"""What an epoch draws."""

from __future__ import annotations

from collections import Counter

import numpy as np

from yolo_torch.training.sampling import Draw, EpochBatches, Mined, Shares, mined_weights, set_weights

SQUARE, WIDE = (64, 64), (128, 64)


def draws(shares: Shares, mined: Mined | None = None, epoch: int = 0) -> list[list[Draw]]:
    return list(EpochBatches(shares, mined or Mined(), 7, epoch))


def test_alike_every_picture_is_drawn_once() -> None:
    batches = draws(Shares(np.ones(20), (SQUARE,), 4))
    assert [len(batch) for batch in batches] == [4] * 5
    assert sorted(draw.index for batch in batches for draw in batch) == list(range(20))
    other = draws(Shares(np.ones(20), (SQUARE,), 4), epoch=1)
    assert [d.index for b in other for d in b] != [d.index for b in batches for d in b]
    assert len(EpochBatches(Shares(np.ones(20), (SQUARE,), 4), Mined(), 7, 0)) == 5


def test_a_batch_is_no_larger_than_there_are_pictures() -> None:
    assert [len(batch) for batch in draws(Shares(np.ones(3), (SQUARE,), 32))] == [3]


def test_weights_say_how_often() -> None:
    counts = Counter(d.index for b in draws(Shares(np.array([1.0] * 500 + [9.0] * 500), (SQUARE,), 10)) for d in b)
    heavy = sum(count for index, count in counts.items() if index >= 500)
    assert abs(heavy / sum(counts.values()) - 0.9) < 0.03


def test_each_batch_has_one_size_and_as_many_pixels() -> None:
    shares = Shares(np.ones(400), (SQUARE, WIDE), 8)
    batches = draws(shares)
    assert {(len(batch), batch[0].size_wh) for batch in batches} == {(8, SQUARE), (4, WIDE)}
    assert all(len({draw.size_wh for draw in batch}) == 1 for batch in batches)
    assert shares.pictures_at((640, 640)) == 1


def test_mined_pictures_are_drawn_more_often_and_shown_closely() -> None:
    box = np.array([[0.1, 0.2, 0.3, 0.4]])
    mined = Mined(on_nothing={3: box, 4: np.tile(box, (9, 1))}, missed={5: box, 6: np.tile(box, (9, 1))})
    assert mined_weights(np.full(8, 2.0), mined).tolist() == [2, 2, 2, 4, 8, 3.4, 6, 2]
    focused = Counter()
    for epoch in range(400):
        for draw in (d for b in draws(Shares(np.ones(8), (SQUARE,), 8), mined, epoch) for d in b):
            focused[draw.index in (3, 4, 5, 6), draw.focus] += 1
    near, far = focused[True, (0.1, 0.2, 0.3, 0.4)], focused[True, None]
    assert abs(near / (near + far) - 0.4) < 0.05
    assert not focused[False, (0.1, 0.2, 0.3, 0.4)]


def test_set_weights() -> None:
    assert set_weights([2, 1], (3.0, 0.5)).tolist() == [3, 3, 0.5]
    assert set_weights([2, 1], ()).tolist() == [1, 1, 1]
