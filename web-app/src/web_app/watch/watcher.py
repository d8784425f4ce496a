"""The one watcher of an application: which source runs, in which state, with the networks loaded once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pose_contract.errors import StageError
from pose_contract.skeletons import Skeleton
from web_app import __version__
from web_app.watch.loop import Loop, Run, Timing
from web_app.watch.overlay import drawn, jpeg
from web_app.watch.people import Estimator
from web_app.watch.result import Result
from web_app.watch.script import ScriptEstimator
from web_app.watch.sources import OpenSource, Source, SourceError, open_source
from web_app.watch.viewers import Hub
from web_app.watch.visits import Change
from web_app.watch.writing import Changed, Ended, EventWriter, Opened

State = Literal["idle", "starting", "running", "ended", "error"]
STOP_SECONDS = 15.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


@dataclass
class Watcher:
    """One loop at a time. `start` and `stop` may be called from any thread, one after the other.

    Attributes:
        paced: files play no faster than their own time.
        load: makes the estimator, once, at the first start of a source that needs it.
        open_source: opens a source; a test gives another one.
        first_pause: seconds until a camera that failed is tried again; the next pauses are longer.
        opened: how often a source was opened; loaded: how often the networks were.
    """

    sources: dict[str, Source]
    writer: EventWriter
    load: Callable[[], Estimator]
    paced: bool = True
    open_source: Callable[[Source], OpenSource] = open_source
    first_pause: float = FIRST_PAUSE
    script: Estimator = field(default_factory=ScriptEstimator)
    on_result: Callable[[Result], None] | None = None
    state: State = "idle"
    problem: str = ""
    remedy: str = ""
    source: Source | None = None
    generation: int = 0
    opened: int = 0
    loaded: int = 0
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        """Nothing runs yet."""
        self.hub = Hub(self._encode)
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._networks: Estimator | None = None
        self._estimator: Estimator = self.script
        self._alive = False

    @property
    def skeleton(self) -> Skeleton:
        """Of what is found now."""
        return self._estimator.skeleton

    def open(self) -> None:
        """Starts the threads that write and encode."""
        if not self._alive:
            self._alive = True
            self.writer.start()
            self.hub.start()

    def close(self) -> None:
        """Stops everything."""
        if self._alive:
            self._alive = False
            self.stop()
            self.hub.stop()
            self.writer.stop()

    def start(self, source_id: str) -> None:
        """Watches that source instead of the one that runs. Raises KeyError for an unknown one."""
        source = self.sources[source_id]
        with self._turn:
            self.open()
            self._end()
            self.generation += 1
            self.source, self.state, self.problem, self.remedy = source, "starting", "", ""
            self.timing = Timing()
            self._stopped = threading.Event()
            words = (source, self.generation, self._stopped)
            self._thread = threading.Thread(target=self._run, args=words, name="watch-inference", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Watches nothing; a camera is given back."""
        with self._turn:
            self._end()
            self.source, self.state, self.problem, self.remedy = None, "idle", "", ""

    def wait(self, seconds: float) -> bool:
        """Waits until the source has ended; whether it has."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def status(self) -> dict[str, Any]:
        """What it does now."""
        p50, p95 = self.timing.percentiles()
        latest = self.hub.latest()
        fresh = latest if latest is not None and latest.generation == self.generation else None
        source = self.source
        return {
            "state": self.state,
            "problem": self.problem,
            "remedy": self.remedy,
            "source": None if source is None else {"id": source.id, "kind": source.kind, "label": source.label},
            "generation": self.generation,
            "fps": round(self.timing.fps, 1),
            "inference_ms": {"p50": round(p50, 1), "p95": round(p95, 1)},
            "people": fresh.here if fresh and self.state == "running" else 0,
            "counted_by_detector": fresh.counted if fresh else None,
            "frame": fresh.frame if fresh else None,
            "media_ms": round(1000 * fresh.t_seconds) if fresh else None,
            "viewers": self.hub.viewers,
            "dropped": self.hub.dropped,
            "frames_encoded": self.hub.encoded,
            "model": self._estimator.model if fresh else "",
            "precision": self._estimator.precision if fresh else "",
            "networks_loaded": self.loaded,
            "sources_opened": self.opened,
            "storage": {"problem": self.writer.problem, "lost": self.writer.lost},
        }

    def _encode(self, result: Result) -> bytes:
        return jpeg(drawn(result, self.skeleton))

    def _end(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            self._thread = None

    def _run(self, source: Source, generation: int, stopped: threading.Event) -> None:
        """Until it is stopped; a camera that fails is tried again, with growing pauses."""
        pause = self.first_pause
        while not stopped.is_set():
            try:
                self._once(source, generation, stopped)
            except StageError as error:
                self._tell(generation, "error", error.reason, error.remedy)
                if not source.is_live or not isinstance(error, SourceError):
                    return
            except Exception as error:  # a bug in a network or a driver ends the source, not the server
                self._tell(generation, "error", f"this is a bug: {type(error).__name__}", "see the terminal")
                raise
            else:
                if not source.is_live:
                    self._tell(generation, "ended", "", "")
                    return
            if stopped.wait(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    def _once(self, source: Source, generation: int, stopped: threading.Event) -> None:
        estimator = self._estimator_for(source)
        opened = self.open_source(source)
        self.opened += 1
        if stopped.is_set():
            return
        self._estimator = estimator
        recorder = _Recorder(self, self.opened)
        loop = Loop(Run(generation, source, opened, estimator, self.paced), recorder, stopped, self.timing)
        self._tell(generation, "running", "", "")
        self.writer.put(
            Opened(
                self.opened, source.kind, source.label, datetime.now(UTC), estimator.model, estimator.precision,
                round(opened.fps, 3), __version__,
            )
        )  # fmt: skip
        try:
            loop.run()
        finally:
            self.writer.put(Ended(recorder.key, datetime.now(UTC)))

    def _estimator_for(self, source: Source) -> Estimator:
        if source.kind == "synthetic":
            return self.script
        if self._networks is None:
            self._networks = self.load()
            self.loaded += 1
        return self._networks

    def _tell(self, generation: int, state: State, problem: str, remedy: str) -> None:
        if generation == self.generation:
            self.state, self.problem, self.remedy = state, problem, remedy


class _Recorder:
    """Gives what a loop finds to the writer and to the viewers."""

    def __init__(self, watcher: Watcher, key: int) -> None:
        self.key = key
        self._watcher = watcher
        self._now = 0.0

    def changed(self, change: Change) -> None:
        """Its time by the clock: as long ago as media time says."""
        ago = timedelta(seconds=max(change.confirmed_seconds - change.t_seconds, 0.0))
        self._watcher.writer.put(Changed(self.key, change, datetime.now(UTC) - ago))

    def seen(self, result: Result) -> None:
        """A late frame of an earlier source is nobody's."""
        if result.generation == self._watcher.generation:
            self._watcher.hub.publish(result)
            if self._watcher.on_result is not None:
                self._watcher.on_result(result)


def wait_until(what: Callable[[], bool], seconds: float) -> bool:
    """Waits until something holds; whether it does."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
