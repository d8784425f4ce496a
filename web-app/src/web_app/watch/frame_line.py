"""Frames that wait between the thread that fetches them and the one that looks at them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from pose_contract.errors import StageError
from web_app.watch.people import Frame


class FrameLine:
    """Of a file so many frames wait, and who fetches waits too; of a camera the newest takes the place of the oldest.

    `fetched` is how many there were.
    """

    def __init__(self, most: int, newest_counts: bool) -> None:
        self._most = most
        self._newest_counts = newest_counts
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._over = False
        self._error: StageError | None = None
        self.fetched = 0

    def put(self, frame: Frame) -> bool:
        """One more frame; False where nobody wants any."""
        with self._changed:
            if self._newest_counts and len(self._frames) >= self._most:
                self._frames.popleft()
            self._changed.wait_for(lambda: self._over or len(self._frames) < self._most)
            if self._over:
                return False
            self._frames.append(frame)
            self.fetched += 1
            self._changed.notify_all()
            return True

    def end(self, error: StageError | None = None) -> None:
        """No more frames come: the source has ended, or failed."""
        with self._changed:
            if not self._over:
                self._over, self._error = True, error
            self._changed.notify_all()

    def take(self) -> Frame | None:
        """The next frame; None where none waits."""
        with self._changed:
            frame = self._frames.popleft() if self._frames else None
            self._changed.notify_all()
            return frame

    def wake(self) -> None:
        """Lets who waits look again."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Waits until something holds, at most so long; whether it does. Every call of this line wakes it."""
        with self._changed:
            return self._changed.wait_for(ready, seconds)

    def has_frame(self) -> bool:
        """Whether one waits."""
        return bool(self._frames)

    def is_over(self) -> bool:
        """Whether all frames were taken and no more come. Raises StageError where the source failed."""
        if not self._over or self._frames:
            return False
        if self._error is not None:
            raise self._error
        return True
