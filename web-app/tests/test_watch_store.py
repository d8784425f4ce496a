"""The store: its migration, batches, a crash, a database that fails, and asking it. On SQLite and on PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select

from pose_contract.errors import UsageError
from web_app.watch.asking import EventQuery, events, page_of_events, visits
from web_app.watch.store import Store, StoreError, open_store, sqlite_url
from web_app.watch.tables import Base, EventRow, SessionRow, VisitRow
from web_app.watch.visits import Change
from web_app.watch.writing import Changed, Ended, EventWriter, Opened

BOX = (1.0, 2.0, 30.0, 40.0)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def opened(key: int = 1) -> Opened:
    return Opened(key, "file", "demo", NOW, "m", "fp32", 30.0, "1")


def change(kind: str, number: int, t_seconds: float, people: int) -> Change:
    reason = "edge" if kind == "leave" else None
    return Change(kind, number, t_seconds, round(30 * t_seconds), t_seconds + 0.3, people, BOX, 0.8, reason)  # type: ignore[arg-type]


def write(store: Store, number: int, still_open: bool = False) -> None:
    writer = EventWriter(store)
    writer.start()
    writer.put(opened())
    for visit in range(1, number + 1):
        writer.put(Changed(1, change("enter", visit, visit, 1), NOW + timedelta(seconds=visit)))
        if not (still_open and visit == number):
            writer.put(Changed(1, change("leave", visit, visit + 0.5, 0), NOW + timedelta(seconds=visit + 0.5)))
    if not still_open:
        writer.put(Ended(1, NOW + timedelta(minutes=1)))
    assert writer.flush(100) and not writer.problem and not writer.lost
    writer.stop()


def test_the_migration_makes_what_the_models_say(store: Store) -> None:
    with store._engine.connect() as connection:
        told = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(told, Base.metadata) == []
    open_store(store._engine.url.render_as_string(hide_password=False)).close()  # up to date already


def test_visits_and_events_are_written(store: Store) -> None:
    write(store, 3)
    rows, more = events(store, EventQuery())
    assert [(row.kind, row.track_no, row.media_ms, row.people_after) for row in rows] == [
        ("enter", 1, 1000, 1), ("leave", 1, 1500, 0), ("enter", 2, 2000, 1), ("leave", 2, 2500, 0),
        ("enter", 3, 3000, 1), ("leave", 3, 3500, 0),
    ]  # fmt: skip
    assert more is None and rows[0].ts_utc == NOW + timedelta(seconds=1) and rows[1].reason == "edge"
    found, _ = visits(store, None, 0, 10)
    assert [(row.enter_ms, row.leave_ms, row.duration_ms) for row in found] == [
        (1000, 1500, 500), (2000, 2500, 500), (3000, 3500, 500),
    ]  # fmt: skip
    with store.reading() as session:
        assert session.scalars(select(SessionRow)).one().ended == NOW + timedelta(minutes=1)


def test_filters(store: Store) -> None:
    write(store, 3)
    for query, number in (
        (EventQuery(kind="enter"), 3), (EventQuery(track=2), 2), (EventQuery(session=-1), 0),
        (EventQuery(since=NOW + timedelta(seconds=3)), 2), (EventQuery(until=NOW + timedelta(seconds=2)), 2),
    ):  # fmt: skip
        assert len(events(store, query)[0]) == number
    newest, _ = events(store, EventQuery(order="desc", limit=1))
    assert newest[0].media_ms == 3500
    rows, count = page_of_events(store, 2, 4)
    assert count == 6 and [row.media_ms for row in rows] == [1500, 1000]


def test_a_walk_finds_every_event_once_while_others_come(store: Store) -> None:
    write(store, 150)
    found: list[int] = []
    cursor: int | None = 0
    while cursor is not None:
        rows, cursor = events(store, EventQuery(after_id=cursor, limit=70))
        found += [row.id for row in rows]
        if len(found) == 70:
            write(store, 5)
    assert len(found) == len(set(found)) == 310 and found == sorted(found)


def test_what_a_crash_left_open_is_closed_at_the_next_start(store: Store) -> None:
    write(store, 2, still_open=True)
    write(store, 0)
    found, _ = visits(store, None, 0, 10)
    assert [row.reason for row in found] == ["edge", "recovered"] and found[1].leave_ms == found[1].enter_ms
    rows, _ = events(store, EventQuery())
    assert [row.kind for row in rows].count("leave") == [row.kind for row in rows].count("enter") == 2
    with store.reading() as session:
        assert not session.scalars(select(SessionRow).where(SessionRow.ended.is_(None))).all()


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from test_watch_store import Changed, EventWriter, NOW, change, open_store, opened
writer = EventWriter(open_store(sys.argv[1]))
writer.start()
writer.put(opened())
writer.put(Changed(1, change("enter", 1, 1.0, 1), NOW))
assert writer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_no_visit_open_for_long(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "events.sqlite")
    killed = subprocess.run([sys.executable, "-c", KILLED, url, str(Path(__file__).parent)], timeout=60)
    assert killed.returncode == -9
    store = open_store(url)
    assert visits(store, None, 0, 10)[0][0].leave_ms is None
    write(store, 0)
    assert visits(store, None, 0, 10)[0][0].reason == "recovered"


def test_old_sessions_are_purged_with_all_that_is_of_them(store: Store) -> None:
    write(store, 2)
    assert store.purge(NOW) == 0
    writer = EventWriter(store, retention_days=1)
    writer.start()
    writer.stop()
    with store.reading() as session:
        for table in (SessionRow, VisitRow, EventRow):
            assert session.scalars(select(table)).all() == []


def test_a_database_that_fails_is_tried_again_and_loses_nothing(tmp_path: Path) -> None:
    store = open_store(sqlite_url(tmp_path / "events.sqlite"))
    with store._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE event RENAME TO away")
    writer = EventWriter(store)
    writer.start()
    writer.put(opened())
    writer.put(Changed(1, change("enter", 1, 1.0, 1), NOW))
    assert not writer.flush(0.5) and "event" in writer.problem
    with store._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO event")
    assert writer.flush(20) and writer.problem == ""
    writer.stop()
    assert len(events(store, EventQuery())[0]) == 1


@pytest.mark.parametrize(
    "url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "oracle://x/y", "sqlite", "mysql://a@b/c"]
)
def test_a_wrong_url_is_told(url: str) -> None:
    with pytest.raises(UsageError):
        open_store(url)


def test_a_database_that_cannot_be_had_is_told_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database" * 200)
    for url in (
        sqlite_url(tmp_path / "file"),
        sqlite_url(tmp_path / "file" / "db"),
        "postgresql://a:secret@127.0.0.1:9/x",
    ):
        with pytest.raises(StoreError) as told:
            open_store(url)
        assert "secret" not in str(told.value)
