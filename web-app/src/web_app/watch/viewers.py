"""Many viewers of one loop: one JPEG a frame, made where somebody watches; who is slow misses frames."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from web_app.watch.result import Result

MOST_VIEWERS = 16


class TooManyViewersError(Exception):
    """No more can watch."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame as viewers get it."""

    result: Result
    jpeg: bytes


@dataclass(eq=False)
class Viewer:
    """A slot of one: the newest frame takes the place of one that was not fetched."""

    loop: asyncio.AbstractEventLoop
    dropped: int = 0
    _shot: Shot | None = None
    _there: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, shot: Shot) -> None:
        """In the viewer's own event loop."""
        self.dropped += self._shot is not None
        self._shot = shot
        self._there.set()

    async def next(self, seconds: float) -> Shot | None:
        """The newest frame that was not fetched yet; None where none comes in that time."""
        try:
            await asyncio.wait_for(self._there.wait(), seconds)
        except TimeoutError:
            return None
        self._there.clear()
        shot, self._shot = self._shot, None
        return shot


class Hub:
    """Hands frames to viewers by a thread of its own, which draws and encodes."""

    def __init__(self, encode: Callable[[Result], bytes], most: int = MOST_VIEWERS) -> None:
        self._encode = encode
        self._most = most
        self._viewers: set[Viewer] = set()
        self._wake = threading.Condition()
        self._latest: Result | None = None
        self._shot: Shot | None = None
        self._encoding = threading.Lock()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self.encoded = 0

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    @property
    def dropped(self) -> int:
        """Frames that viewers missed, in all."""
        return self._dropped + sum(viewer.dropped for viewer in list(self._viewers))

    def start(self) -> None:
        """Begins to hand out."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="watch-encoder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(5)

    def publish(self, result: Result) -> None:
        """The newest frame; costs nothing where nobody watches."""
        with self._wake:
            self._latest = result
            if self._viewers:
                self._wake.notify_all()

    def join(self) -> Viewer:
        """One more viewer, of the running event loop. Raises TooManyViewersError."""
        with self._wake:
            if len(self._viewers) >= self._most:
                raise TooManyViewersError
            viewer = Viewer(asyncio.get_running_loop())
            self._viewers.add(viewer)
            self._wake.notify_all()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """One viewer fewer."""
        with self._wake:
            self._viewers.discard(viewer)
            self._dropped += viewer.dropped

    def latest(self) -> Result | None:
        """The newest frame."""
        return self._latest

    def shot(self) -> Shot | None:
        """The newest frame as a picture; made once."""
        result = self._latest
        if result is None:
            return None
        with self._encoding:
            if self._shot is None or self._shot.result is not result:
                self._shot = Shot(result, self._encode(result))
                self.encoded += 1
            return self._shot

    def _run(self) -> None:
        given: Result | None = None
        while True:
            with self._wake:
                while not self._stopping and (not self._viewers or self._latest is given or self._latest is None):
                    self._wake.wait()
                if self._stopping:
                    return
            shot = self.shot()
            assert shot is not None
            given = shot.result
            with self._wake:
                viewers = list(self._viewers)
            for viewer in viewers:
                try:
                    viewer.loop.call_soon_threadsafe(viewer.put, shot)
                except RuntimeError:  # its event loop has ended
                    self.leave(viewer)
