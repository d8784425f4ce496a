"""Frames that wait: those of a file all come, in order; of a camera the newest comes."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from web_app.watch.frame_line import FrameLine
from web_app.watch.people import Frame
from web_app.watch.sources import SourceError

PICTURE = np.zeros((2, 2, 3), np.uint8)


def frame(number: int) -> Frame:
    return Frame(number, number / 30, PICTURE)


def taken(line: FrameLine) -> list[int]:
    found = []
    while (one := line.take()) is not None:
        found.append(one.number)
    return found


@pytest.mark.parametrize(("frames", "expected"), [(0, []), (1, [0]), (2, [1]), (9, [8])])
def test_of_a_camera_the_newest_frame_counts(frames: int, expected: list[int]) -> None:
    line = FrameLine(1, newest_counts=True)
    assert all(line.put(frame(number)) for number in range(frames))
    assert line.has_frame() is bool(frames) and taken(line) == expected
    assert line.fetched == frames and not line.is_over()


@pytest.mark.parametrize("frames", [0, 1, 2, 50])
def test_of_a_file_every_frame_comes_in_order(frames: int) -> None:
    line = FrameLine(2, newest_counts=False)

    def fetch() -> None:
        for number in range(frames):
            assert line.put(frame(number))
        line.end()

    fetching = threading.Thread(target=fetch)
    fetching.start()
    found: list[int] = []
    while not line.is_over():
        assert line.wait(lambda: line.has_frame() or line.is_over(), 10)
        found += taken(line)
    fetching.join(10)
    assert found == list(range(frames)) and line.take() is None


def test_who_fetches_for_nobody_is_told() -> None:
    line = FrameLine(1, newest_counts=False)
    assert line.put(frame(0))
    wanted: list[bool] = []
    waiting = threading.Thread(target=lambda: wanted.append(line.put(frame(1))))
    waiting.start()
    line.end()
    waiting.join(10)
    assert wanted == [False] and not line.put(frame(2)) and taken(line) == [0] and line.is_over()


def test_a_source_that_fails_is_told_after_its_last_frame() -> None:
    line = FrameLine(2, newest_counts=False)
    line.put(frame(0))
    line.end(SourceError("camera 0 gives no more pictures", "plug it in"))
    line.end()
    assert not line.is_over() and taken(line) == [0]
    with pytest.raises(SourceError, match="no more pictures"):
        line.is_over()
