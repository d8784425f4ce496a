"""Ten thousand events: walked through by cursor while others come, and asked for by the indexes that there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.engine import Engine
from starlette.testclient import TestClient

from pose_contract.workspace import Workspace
from web_app.server.application import unguarded
from web_app.server.settings import ServerSettings
from web_app.server.state import AppState
from web_app.watch.asking import EventQuery, events, page_of_events, visits
from web_app.watch.service import WatchService, WatchSettings
from web_app.watch.store import Store, open_store, sqlite_url
from web_app.watch.tables import EventRow, SessionRow, VisitRow
from web_app.watch.visits import Change
from web_app.watch.watcher import wait_until
from web_app.watch.writing import Changed, EventWriter, Opened

MANY = 10_000
NOW = datetime(2026, 1, 2, tzinfo=UTC)
BOX = (0.0, 0.0, 9.0, 9.0)


def fill(store: Store, many: int = MANY) -> None:
    """A session of so many events, of half as many visits."""
    with store.writing() as session:
        row = SessionRow(
            source_kind="file", source_label="demo", started=NOW, ended=NOW, model="m", precision="fp32", fps=30.0,
            app_version="1",
        )  # fmt: skip
        session.add(row)
        session.flush()
        numbers = range(1, many // 2 + 1)
        of_visits = {"session_id": row.id, "people_at_enter": 1, "first_box": "0 0 9 9"}
        moments = ("enter_ms", "leave_ms", "duration_ms")
        visits = [of_visits | {"track_no": number} | dict.fromkeys(moments, number) for number in numbers]
        session.execute(insert(VisitRow), visits)
        visit = session.scalars(select(VisitRow.id).limit(1)).one()
        of_events = {"session_id": row.id, "visit_id": visit, "people_after": 1}
        session.execute(
            insert(EventRow),
            [
                of_events
                | {"track_no": number, "kind": kind, "ts_utc": NOW + timedelta(seconds=number)}
                | dict.fromkeys(("media_ms", "confirmed_ms", "frame_no"), number)
                for number in numbers
                for kind in ("enter", "leave")
            ],
        )


@pytest.fixture
def coming(store: Store) -> Iterator[threading.Event]:
    """New events come all the time from when it is set, until the test has ended."""
    begin, stop = threading.Event(), threading.Event()
    writer = EventWriter(store)
    writer.start()

    def come() -> None:
        begin.wait(60)
        writer.put(Opened(1, "file", "other", NOW, "m", "fp32", 30.0, "1"))
        number = 0
        while not stop.is_set() and writer.flush(10):
            number += 1
            writer.put(Changed(1, Change("enter", number, number, number, number, 1, BOX, 0.9), NOW))

    coming = threading.Thread(target=come)
    coming.start()
    yield begin
    stop.set()
    coming.join(20)
    writer.stop()
    assert not writer.problem


def test_a_walk_finds_each_of_them_once_while_new_ones_come(store: Store, coming: threading.Event) -> None:
    many = MANY if store.where.startswith("sqlite") else MANY // 5  # PostgreSQL's driver is a slow one
    fill(store, many)
    old = events(store, EventQuery(order="desc", limit=1))[0][0].id
    coming.set()
    assert wait_until(lambda: events(store, EventQuery(after_id=old))[0] != [], 20)
    up = walked(store, EventQuery(limit=500, after_id=0))
    assert len(up) == len(set(up)) and up == sorted(up)
    assert len([one for one in up if one <= old]) == many and len(up) > many, "none came meanwhile"
    down = walked(store, EventQuery(limit=500, order="desc"))
    assert len(down) == len(set(down)) and down == sorted(down, reverse=True)
    assert len([one for one in down if one <= old]) == many


def walked(store: Store, query: EventQuery) -> list[int]:
    from dataclasses import replace

    found: list[int] = []
    cursor = query.after_id
    while True:
        rows, cursor = events(store, replace(query, after_id=cursor))
        found += [row.id for row in rows]
        if cursor is None:
            return found


def statements(engine: Engine) -> list[tuple[str, object]]:
    """What is asked of the database from now on, with its parameters."""
    said: list[tuple[str, object]] = []

    def listen(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        said.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", listen)
    return said


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = open_store(sqlite_url(tmp_path_factory.mktemp("many") / "events.sqlite"))
    fill(made)
    yield made
    made.close()


@pytest.mark.parametrize(
    "query",
    [
        EventQuery(limit=500),
        EventQuery(limit=500, order="desc"),
        EventQuery(limit=500, after_id=5_000),
        EventQuery(limit=500, after_id=5_000, order="desc"),
        EventQuery(limit=500, kind="enter", after_id=5_000),
        EventQuery(limit=500, session=1),
        EventQuery(limit=500, session=1, track=7),
        EventQuery(limit=500, since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=2)),
    ],
)
def test_a_list_is_one_question_that_is_answered_by_an_index(filled: Store, query: EventQuery) -> None:
    """SQLite reads the events in the order of their ids, up to the limit; those of a span of time it has to sort."""
    said = statements(filled._engine)
    rows, _ = events(filled, query)
    assert 0 < len(rows) <= 500
    ((statement, parameters),) = said
    plan = plan_of(filled, statement, parameters)
    assert query.since is not None or "TEMP B-TREE" not in plan, plan
    if query.after_id is not None or query.session is not None or query.since is not None:
        assert "SEARCH event USING" in plan, plan


def plan_of(store: Store, statement: str, parameters: object) -> str:
    with store._engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # type: ignore[call-overload]
    return "\n".join(str(row[-1]) for row in rows)


def test_pages_and_visits_are_few_questions_too(filled: Store) -> None:
    said = statements(filled._engine)
    assert page_of_events(filled, 3, 500)[1] == MANY and len(said) == 2
    said.clear()
    assert len(visits(filled, 1, 2_000, 500)[0]) == 500
    assert len(said) == 1 and "SEARCH visit USING" in plan_of(filled, *said[0])


def test_the_api_walks_likewise(workspace: Workspace, filled: Store) -> None:
    service = WatchService(workspace, WatchSettings(database=filled.where))
    with TestClient(unguarded(AppState(ServerSettings(workspace)), service)) as asked:
        found: list[int] = []
        cursor: int | None = 0
        while cursor is not None:
            page = asked.get(f"/api/v1/events?limit=500&after_id={cursor}").json()
            found += [one["id"] for one in page["events"]]
            cursor = page["next"]
    assert found == sorted(set(found)) and len(found) == MANY
