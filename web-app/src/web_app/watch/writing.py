"""The thread that writes events: the loop never waits for a database, and one that fails is tried again."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from web_app.watch.store import Store, StoreError
from web_app.watch.tables import EventRow, SessionRow, VisitRow
from web_app.watch.visits import Box, Change

MOST_WAITING = 10_000  # changes that wait while the database fails; the oldest are lost, and counted
BATCH = 200
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0  # seconds between tries
STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Opened:
    """A session begins."""

    key: int
    source_kind: str
    source_label: str
    started: datetime
    model: str
    precision: str
    fps: float
    app_version: str


@dataclass(frozen=True)
class Changed:
    """Somebody came or went in a session, at that time of the clock."""

    key: int
    change: Change
    ts_utc: datetime


@dataclass(frozen=True)
class Ended:
    """A session ends."""

    key: int
    ended: datetime


Entry = Opened | Changed | Ended


@dataclass
class EventWriter:
    """Takes entries in order and writes them in batches, one transaction each."""

    store: Store
    retention_days: float | None = None
    problem: str = ""
    lost: int = 0
    _waiting: deque[Entry] = field(default_factory=deque)
    _wake: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None
    _stopping: bool = False
    _sessions: dict[int, int] = field(default_factory=dict)  # our key: the row's id

    def start(self) -> None:
        """Begins to write; closes first what a crash has left open."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="watch-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Writes what waits, and ends; what cannot be written within five seconds is lost."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            self._thread = None

    def put(self, entry: Entry) -> None:
        """One more entry; never waits."""
        with self._wake:
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.popleft()
                self.lost += 1
            self._waiting.append(entry)
            self._wake.notify_all()

    def flush(self, seconds: float = STOP_SECONDS) -> bool:
        """Waits until all is written; whether it is."""
        end = time.monotonic() + seconds
        with self._wake:
            while self._waiting:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._wake.wait(left)
        return True

    def _run(self) -> None:
        self._again_until_done(lambda: self.store.close_orphans(datetime.now(UTC)))
        if self.retention_days is not None:
            self._again_until_done(self._purge)
        while True:
            with self._wake:
                while not self._waiting and not self._stopping:
                    self._wake.wait()
                if not self._waiting:
                    return
                batch = [self._waiting[index] for index in range(min(BATCH, len(self._waiting)))]
            if not self._again_until_done(lambda batch=batch: self._write(batch)):  # type: ignore[misc]
                return
            self._take_off(batch)

    def _take_off(self, batch: list[Entry]) -> None:
        with self._wake:
            written = {id(entry) for entry in batch}
            while self._waiting and id(self._waiting[0]) in written:
                self._waiting.popleft()
            self._wake.notify_all()

    def _purge(self) -> int:
        assert self.retention_days is not None
        kept_since = datetime.fromtimestamp(time.time() - self.retention_days * 86_400, UTC)
        return self.store.purge(kept_since)

    def _again_until_done(self, task: Callable[[], object]) -> bool:
        """Tries with growing pauses; False where it had to stop before."""
        pause = FIRST_PAUSE
        while True:
            try:
                task()
            except StoreError as error:
                self.problem = error.reason
            else:
                self.problem = ""
                return True
            with self._wake:
                if self._stopping:
                    return False
                self._wake.wait_for(lambda: self._stopping, pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _write(self, batch: list[Entry]) -> None:
        sessions = dict(self._sessions)
        with self.store.writing() as session:
            for entry in batch:
                _write_entry(session, sessions, entry)
        self._sessions = sessions


def _write_entry(session: Session, sessions: dict[int, int], entry: Entry) -> None:
    if isinstance(entry, Opened):
        values = {name: value for name, value in vars(entry).items() if name != "key"}
        row = SessionRow(**values)
        session.add(row)
        session.flush()
        sessions[entry.key] = row.id
        return
    session_id = sessions.get(entry.key)
    if session_id is None:  # its beginning was lost while the database failed
        return
    if isinstance(entry, Ended):
        found = session.get(SessionRow, session_id)
        if found is not None:  # else somebody has purged it
            found.ended = entry.ended
        del sessions[entry.key]
        return
    _write_change(session, session_id, entry)


def _write_change(session: Session, session_id: int, entry: Changed) -> None:
    change = entry.change
    at = ms(change.t_seconds)
    asked = select(VisitRow).where(VisitRow.session_id == session_id, VisitRow.track_no == change.number)
    visit = session.scalars(asked).one_or_none()
    if change.kind == "enter":
        visit = VisitRow(
            session_id=session_id, track_no=change.number, enter_ms=at, people_at_enter=change.people_after,
            first_box=_box_text(change.box_xyxy),
        )  # fmt: skip
        session.add(visit)
    elif visit is None:  # its enter was lost
        return
    else:
        visit.leave_ms, visit.duration_ms = at, at - visit.enter_ms
        visit.mean_score, visit.last_box = round(change.score, 4), _box_text(change.box_xyxy)
        visit.reason = change.reason
    session.flush()
    session.add(
        EventRow(
            session_id=session_id, visit_id=visit.id, track_no=change.number, kind=change.kind, ts_utc=entry.ts_utc,
            media_ms=at, confirmed_ms=ms(change.confirmed_seconds), frame_no=change.frame,
            people_after=change.people_after, reason=change.reason,
        )
    )  # fmt: skip


def ms(t_seconds: float) -> int:
    """Milliseconds, rounded."""
    return round(1000 * t_seconds)


def _box_text(box: Box) -> str:
    return " ".join(f"{edge:.1f}" for edge in box)
