"""One source through one estimator: a thread that fetches frames, threads that ask the networks, and one that tells who
is who, frame after frame. Viewers change nothing.

A file waits: every frame is looked at, in order, so that its events are the same at any speed. A camera does not wait:
the newest frame counts. Several frames are in the networks at a time, as each takes one core; their answers are taken
in the frames' order.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pose_contract.errors import StageError
from stage_kit.runs.workers import threads, worker_count
from web_app.watch.frame_line import FrameLine
from web_app.watch.people import Estimator, Found, Frame
from web_app.watch.result import Result, SeenPerson
from web_app.watch.sources import OpenSource, Source, SourceError
from web_app.watch.visits import Change, Sighting, VisitRules, Visits

LAST = 200  # inferences whose times are told
WAITING = 2  # frames of a file that are fetched ahead
MOST_AT_ONCE = 4  # frames in the networks, where there are as many cores
LOOK_SECONDS = 0.1  # whether it was stopped
SILENT_SECONDS = 10.0  # a source that gives no frame for so long has failed


class Listener(Protocol):
    """Who is told what the loop finds, in the loop's own thread."""

    def changed(self, change: Change) -> None:
        """Somebody came or went."""

    def seen(self, result: Result) -> None:
        """One more frame."""


class Timing:
    """Times of the last 200 inferences, in milliseconds, and how many frames a second there were."""

    def __init__(self) -> None:
        self._ms: deque[float] = deque(maxlen=LAST)
        self._moments: deque[float] = deque(maxlen=30)

    def add(self, milliseconds: float) -> None:
        """One more inference, that ends now."""
        self._ms.append(milliseconds)
        self._moments.append(time.monotonic())

    def percentiles(self) -> tuple[float, float]:
        """Median and 95th percentile; 0 before the first."""
        if not self._ms:
            return 0.0, 0.0
        p50, p95 = np.percentile(list(self._ms), [50, 95])
        return float(p50), float(p95)

    @property
    def fps(self) -> float:
        """Of the last 30 frames; 0 where the last is over two seconds old."""
        moments = list(self._moments)
        if len(moments) < 2 or time.monotonic() - moments[-1] > 2:
            return 0.0
        return (len(moments) - 1) / max(moments[-1] - moments[0], 1e-6)


@dataclass(frozen=True)
class Run:
    """What a loop works with; `paced`: a file plays no faster than its own time."""

    generation: int
    source: Source
    opened: OpenSource
    estimator: Estimator
    paced: bool = True


Answer = tuple[Found, float]
"""Who is in a frame, and how long that took, in milliseconds."""


class Loop:
    """Runs until the source ends, fails, or `stop` is called."""

    def __init__(self, run: Run, listener: Listener, stopped: threading.Event, timing: Timing) -> None:
        from motion_stage import Follower  # here: it takes scipy, for which a gallery need not wait

        self._run = run
        self._listener = listener
        self._stopped = stopped
        self._timing = timing
        self._line = FrameLine(1 if run.source.is_live else WAITING, run.source.is_live)
        self._rules = VisitRules()
        dt = 1 / run.opened.fps
        self._follow = Follower(run.estimator.skeleton, dt, self._rules.leave_seconds, self._rules.open_score)
        self._visits = Visits(run.opened.size_wh, self._rules)
        self._counted: int | None = None

    def run(self) -> None:
        """In the caller's thread. Raises StageError where the source or the estimator fails."""
        at_once = min(worker_count(0), MOST_AT_ONCE)
        with self._fetching(), threads("watch-network", at_once) as pool:
            asked: deque[tuple[Frame, Future[Answer]]] = deque()
            while not self._stopped.is_set():
                if asked and asked[0][1].done():
                    frame, answer = asked.popleft()
                    self._look_at(frame, *answer.result())
                elif len(asked) < at_once and (taken := self._line.take()) is not None:
                    answer = pool.submit(self._ask, taken)
                    answer.add_done_callback(lambda _: self._line.wake())
                    asked.append((taken, answer))
                elif not asked and self._line.is_over():
                    return
                else:
                    self._wait(asked, at_once)

    def _ask(self, frame: Frame) -> Answer:
        begun = time.perf_counter()
        found = self._run.estimator(frame)
        return found, 1000 * (time.perf_counter() - begun)

    def _wait(self, asked: deque[tuple[Frame, Future[Answer]]], at_once: int) -> None:
        """Until there is something to do. Raises StageError where the source is silent for too long."""

        def ready() -> bool:
            if asked and asked[0][1].done():
                return True
            return (len(asked) < at_once and self._line.has_frame()) or (not asked and self._line.is_over())

        before, silent_since = self._line.fetched, time.monotonic()
        while not self._stopped.is_set() and not self._line.wait(ready, LOOK_SECONDS):
            if asked or self._line.fetched != before:
                return
            if time.monotonic() - silent_since >= SILENT_SECONDS:
                told = f"{self._run.source.label} has given no frame for {SILENT_SECONDS:.0f} seconds"
                raise SourceError(told, "see that it is on")

    @contextlib.contextmanager
    def _fetching(self) -> Iterator[None]:
        """Frames come; in the end open visits are closed, as nobody is seen any more."""
        fetching = threading.Thread(target=self._fetch, name="watch-capture", daemon=True)
        fetching.start()
        try:
            yield
        finally:
            self._line.end()
            for change in self._visits.close():
                self._listener.changed(change)
            fetching.join(SILENT_SECONDS)

    def _fetch(self) -> None:
        begun = time.monotonic()
        end: StageError | None = None
        frames = self._run.opened.frames
        try:
            for frame in frames:
                if self._run.paced and not self._run.source.is_live:
                    wait = frame.t_seconds - (time.monotonic() - begun)
                    begun -= min(wait, 0.0)  # a slow machine plays slower; it does not hurry afterwards
                    if self._stopped.wait(max(wait, 0.0)):
                        break
                if not self._line.put(frame):
                    break
        except StageError as error:
            end = error
        finally:
            close: Callable[[], None] = getattr(frames, "close", lambda: None)
            close()
            self._line.end(end)

    def _look_at(self, frame: Frame, found: Found, taken: float) -> None:
        self._timing.add(taken)
        if found.counted is not None:
            self._counted = found.counted
        keys = self._follow(frame.t_seconds, found.boxes_xyxy, found.keypoints, found.scores)
        boxes = [tuple(box) for box in found.boxes_xyxy.tolist()]
        rows = zip(keys, found.scores.tolist(), boxes, strict=True)
        sightings = [Sighting(key, score, box) for key, score, box in rows if key]
        for change in self._visits.step(frame.t_seconds, frame.number, sightings):
            self._listener.changed(change)
        self._listener.seen(self._result(frame, found, keys, taken))

    def _result(self, frame: Frame, found: Found, keys: list[int], taken: float) -> Result:
        numbers = self._visits.numbers()
        people = tuple(
            SeenPerson(numbers.get(key, 0), order, tuple(box), points, score)
            for order, (key, box, points, score) in enumerate(
                zip(keys, found.boxes_xyxy.tolist(), found.keypoints, found.scores.tolist(), strict=True)
            )
        )
        return Result(
            self._run.generation, frame.number, frame.t_seconds, frame.picture, people, self._visits.open,
            self._counted, taken, *self._timing.percentiles(),
        )  # fmt: skip
