"""Where events are kept: SQLite (WAL) unless a URL names another database; the tables come by migration."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import create_engine, delete, event, make_url, select
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from pose_contract.errors import UsageError, WorkspaceError
from web_app.watch.tables import EventRow, SessionRow, VisitRow

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_MS = 5_000
POSTGRES = "postgresql+pg8000"


class StoreError(WorkspaceError):
    """The database cannot be had, or cannot be written."""


class Store:
    """An open database; threads may share it. `open_store` makes it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def where(self) -> str:
        """Its URL without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session to ask by. Raises StoreError."""
        with told_of(self.where), Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed at the end. Raises StoreError."""
        with told_of(self.where), Session(self._engine) as session, session.begin():
            yield session

    def close_orphans(self, now: datetime) -> int:
        """Closes the visits and sessions that a crash has left open, with the reason `recovered`; how many visits."""
        with self.writing() as session:
            visits = session.scalars(select(VisitRow).where(VisitRow.leave_ms.is_(None))).all()
            for visit in visits:
                _close_orphan(session, visit, now)
            for row in session.scalars(select(SessionRow).where(SessionRow.ended.is_(None))):
                row.ended = now
            return len(visits)

    def purge(self, before: datetime) -> int:
        """Deletes sessions that ended before, with their visits and events; how many sessions."""
        with self.writing() as session:
            old = list(session.scalars(select(SessionRow.id).where(SessionRow.ended < before)))
            for table in (EventRow, VisitRow):
                session.execute(delete(table).where(table.session_id.in_(old)))
            session.execute(delete(SessionRow).where(SessionRow.id.in_(old)))
            return len(old)

    def close(self) -> None:
        """Gives its connections back."""
        self._engine.dispose()


def _close_orphan(session: Session, visit: VisitRow, now: datetime) -> None:
    """At its enter: nothing later is known of it."""
    enter = session.scalars(select(EventRow).where(EventRow.visit_id == visit.id, EventRow.kind == "enter")).one()
    visit.leave_ms, visit.duration_ms, visit.reason = visit.enter_ms, 0, "recovered"
    visit.last_box = visit.first_box
    session.add(
        EventRow(
            session_id=visit.session_id, visit_id=visit.id, track_no=visit.track_no, kind="leave", ts_utc=now,
            media_ms=visit.enter_ms, confirmed_ms=visit.enter_ms, frame_no=enter.frame_no, people_after=0,
            reason="recovered",
        )
    )  # fmt: skip


@contextmanager
def told_of(where: str) -> Iterator[None]:
    """What goes wrong in a database as a StoreError."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        reason = str(cause).splitlines()[0][:200] if str(cause) else type(cause).__name__
        if not isinstance(cause, (sqlite3.Error, OSError)):
            reason = f"{type(cause).__name__}: {reason}"
        remedy = "make room, or let it be written to; --db names another"
        raise StoreError(f"the database {where}: {reason}", remedy) from None


def sqlite_url(path: Path) -> str:
    """The URL of a database in a file."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def open_store(url: str) -> Store:
    """Opens a database and brings its tables up to date.

    Raises:
        UsageError: no such URL, or its driver is not installed.
        StoreError: it cannot be had.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername=POSTGRES)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        if is_sqlite and parsed.database in (None, "", ":memory:"):
            raise ValueError  # each thread would have a memory of its own
        engine = create_engine(parsed, pool_pre_ping=not is_sqlite)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        reason = "--db: expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME, and its driver"
        raise UsageError(reason, "leave it out for a file; for PostgreSQL: pip install pg8000") from None
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
    store = Store(engine)
    with told_of(store.where):
        if is_sqlite:
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        with engine.begin() as connection:
            migrate(connection)
    return store


_migrating = threading.Lock()  # Alembic's context is the process's


def migrate(connection: Connection) -> None:
    """Brings the tables up to date."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _migrating:
        command.upgrade(config, "head")


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    for told in ("journal_mode=WAL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {told}")
