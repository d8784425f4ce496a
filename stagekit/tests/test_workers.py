from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from stage_kit.runs.workers import Backlog, BatchSize, map_ahead, threads, worker_count


def test_nothing_gives_nothing() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(map_ahead(pool, str, [], 3)) == []


def test_results_keep_their_order_and_few_are_begun() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def work(item: int) -> int:
        with lock:
            begun.append(item)
        time.sleep(0.002 * (item % 3))
        return item * 2

    with ThreadPoolExecutor(4) as pool:
        for position, result in enumerate(map_ahead(pool, work, iter(range(40)), ahead=5)):
            assert result == position * 2
            assert len(begun) <= position + 5


def test_an_error_arrives_at_its_place() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError(item)
        return item

    taken = []
    with ThreadPoolExecutor(2) as pool, pytest.raises(ValueError, match="3"):
        for result in map_ahead(pool, work, range(10), ahead=4):
            taken.append(result)
    assert taken == [0, 1, 2]


def test_the_backlog_is_bounded_and_raises() -> None:
    running: list[int] = []
    most = 0

    def job() -> None:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        time.sleep(0.002)
        running.pop()

    def failing() -> None:
        raise OSError("disk full")

    with ThreadPoolExecutor(8) as pool:
        backlog = Backlog(pool, 2)
        for _ in range(20):
            backlog.submit(job)
        backlog.finish()
        assert 1 <= most <= 3
        backlog.submit(failing)
        with pytest.raises(OSError, match="disk full"):
            backlog.finish()


def test_an_error_of_a_job_arrives_at_the_next_one() -> None:
    def failing() -> None:
        raise OSError("disk full")

    with ThreadPoolExecutor(1) as pool:
        backlog = Backlog(pool, limit=1000)
        with pytest.raises(OSError, match="disk full"):
            for _ in range(100):
                backlog.submit(failing)
                time.sleep(0.001)


def test_jobs_may_hand_on_to_another_backlog_and_an_error_there_reaches_whoever_submits_here() -> None:
    def failing() -> None:
        raise OSError("disk full")

    with ThreadPoolExecutor(2) as drawing, ThreadPoolExecutor(1) as disk:
        first, second = Backlog(drawing, 2), Backlog(disk, 1)
        with pytest.raises(OSError, match="disk full"):
            for _ in range(100):
                first.submit(second.submit, failing)
                time.sleep(0.001)
        with pytest.raises(OSError, match="disk full"):
            first.finish()


def test_a_pool_drops_what_has_not_begun_and_waits_for_the_rest() -> None:
    ended: list[int] = []

    def work(item: int) -> None:
        time.sleep(0.03)
        ended.append(item)

    def interrupted() -> None:
        with threads("test", 1) as pool:
            for item in range(50):
                pool.submit(work, item)
            time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ended == [0]


def test_what_is_no_longer_wanted_is_not_begun() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        time.sleep(0.05)

    with ThreadPoolExecutor(1) as pool:
        results = map_ahead(pool, work, range(20), ahead=20)
        next(results)
        results.close()  # type: ignore[attr-defined]
    assert len(begun) < 5


def test_zero_workers_means_one_per_core() -> None:
    assert worker_count(5) == 5
    assert worker_count(0) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("inputs", "seconds", "size"),
    [
        (2, 0.6, 2),  # a large network: no fewer than there are cores
        (2, 0.04, 5),
        (2, 0.01, 8),  # a small one: no more than the memory is meant to hold
        (2, 0.0, 8),
        (8, 0.16, 5),
    ],
)
def test_a_batch_is_as_large_as_a_tenth_of_a_second_asks_for(inputs: int, seconds: float, size: int) -> None:
    batch = BatchSize(2, 8)
    assert batch.now == 2, "the first one is small, so that the first picture comes soon"
    batch.took(inputs, seconds)
    assert batch.now == size


def test_a_batch_size_that_was_asked_for_stays() -> None:
    batch = BatchSize(4, 4)
    batch.took(4, 0.0001)
    assert batch.now == 4
