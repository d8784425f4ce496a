"""Work on images in threads, a bounded number of them ahead: memory stays flat, results keep their order."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

AHEAD = 2  # inputs per worker that are begun before anyone takes them
BATCH_SECONDS = 0.1
WRITERS = 8  # threads that wait for the disk: their fsyncs share the disk's commits


def worker_count(requested: int) -> int:
    """The number of threads: as requested, or as many as this process may use cores when 0 is requested."""
    return requested if requested > 0 else len(os.sched_getaffinity(0))


@contextlib.contextmanager
def threads(name: str, count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads; at the end those that have begun are waited for, and the rest is dropped."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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


def taken_ahead(items: Iterable[Item], ahead: int) -> Generator[Item]:
    """The items in order, taken by a thread of their own, at most `ahead` of them before anyone asks for one."""
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(ahead)
    stopped = threading.Event()

    def hand_over(item: Item | None, error: BaseException | None = None) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put((item, error), timeout=0.1)
                return

    def take() -> None:
        try:
            for item in items:
                hand_over(item)
                if stopped.is_set():
                    return
            hand_over(None, StopIteration())
        except BaseException as error:
            hand_over(None, error)

    thread = threading.Thread(target=take, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]  # an item where there is no error
    finally:
        stopped.set()
        thread.join()


class BatchSize:
    """How many inputs make a batch, between two bounds: as many as take the network a tenth of a second.

    Every batch costs its way there and back, so a fast network wants many at a time; with a slow one the first
    results would come late.
    """

    def __init__(self, fewest: int, most: int) -> None:
        self.now = fewest
        self._fewest, self._most = fewest, most

    def took(self, inputs: int, seconds: float) -> None:
        """Learns from a batch that has gone through the network."""
        self.now = max(self._fewest, min(self._most, int(inputs * BATCH_SECONDS / max(seconds, 1e-6))))


class Backlog:
    """Jobs handed to a pool, at most `limit` of them begun and not ended; threads may share one."""

    def __init__(self, pool: ThreadPoolExecutor, limit: int) -> None:
        self._pool = pool
        self._limit = limit
        self._places = threading.Semaphore(limit)
        self._failure: BaseException | None = None

    def submit(self, job: Callable[Arguments, None], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Starts a job; waits for a place when the backlog is full. Raises what an earlier job raised first."""
        self._places.acquire()
        try:
            self._raise_failure()
            future = self._pool.submit(job, *args, **kwargs)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(self._ended)

    def finish(self) -> None:
        """Waits for all jobs. Raises what one of them raised first."""
        for _ in range(self._limit):
            self._places.acquire()
        self._places.release(self._limit)
        self._raise_failure()

    def _ended(self, future: Future[None]) -> None:
        if not future.cancelled() and self._failure is None:
            self._failure = future.exception()
        self._places.release()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
