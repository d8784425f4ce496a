"""Work on images in threads, a bounded number of them ahead: memory stays flat, results keep their order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def worker_count(requested: int) -> int:
    """The number of threads: as requested, or as many as this process may use cores when 0 is requested."""
    return requested if requested > 0 else len(os.sched_getaffinity(0))


def map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Like `map`, in order, but with at most `ahead` items begun and not yet taken."""
    begun: deque[Future[Result]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(function, item))
            if len(begun) >= ahead:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()


class Backlog:
    """Jobs handed to the pool whose results are collected later, at most `limit` at a time."""

    def __init__(self, pool: ThreadPoolExecutor, limit: int) -> None:
        self._pool = pool
        self._limit = limit
        self._begun: deque[Future[None]] = deque()

    def submit(self, job: Callable[Arguments, None], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Starts a job; waits for the oldest one when the backlog is full. Raises what an earlier job raised."""
        self._begun.append(self._pool.submit(job, *args, **kwargs))
        while len(self._begun) > self._limit or (self._begun and self._begun[0].done()):
            self._begun.popleft().result()

    def finish(self) -> None:
        """Waits for all jobs. Raises what one of them raised."""
        while self._begun:
            self._begun.popleft().result()
