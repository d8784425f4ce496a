"""Asking the store: filters, and pages by a cursor that newer events do not move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Select, func, select

from web_app.watch.store import Store
from web_app.watch.tables import EventRow, SessionRow, VisitRow
from web_app.watch.visits import Kind

MOST_ROWS = 500
Order = Literal["asc", "desc"]


@dataclass(frozen=True)
class EventQuery:
    """Which events; `after_id` is the cursor: those beyond that id, in the order asked for."""

    session: int | None = None
    kind: Kind | None = None
    track: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    after_id: int | None = None
    limit: int = 100
    order: Order = "asc"


def events(store: Store, query: EventQuery) -> tuple[list[EventRow], int | None]:
    """The events, and the cursor of the next page; None where there is none. Raises StoreError."""
    asked = _filtered(query)
    if query.after_id is not None:
        beyond = EventRow.id > query.after_id if query.order == "asc" else EventRow.id < query.after_id
        asked = asked.where(beyond)
    asked = asked.order_by(EventRow.id.asc() if query.order == "asc" else EventRow.id.desc())
    with store.reading() as session:
        rows = list(session.scalars(asked.limit(query.limit + 1)))
    there_is_more = len(rows) > query.limit
    rows = rows[: query.limit]
    return rows, rows[-1].id if there_is_more else None


def _filtered(query: EventQuery) -> Select[EventRow]:
    asked = select(EventRow)
    for column, value in ((EventRow.session_id, query.session), (EventRow.kind, query.kind)):
        asked = asked if value is None else asked.where(column == value)
    if query.track is not None:
        asked = asked.where(EventRow.track_no == query.track)
    if query.since is not None:
        asked = asked.where(EventRow.ts_utc >= query.since)
    if query.until is not None:
        asked = asked.where(EventRow.ts_utc < query.until)
    return asked


def page_of_events(store: Store, page: int, per_page: int) -> tuple[list[EventRow], int]:
    """One numbered page, newest first, as the original application has them; and how many events there are."""
    asked = select(EventRow).order_by(EventRow.id.desc()).offset((page - 1) * per_page).limit(per_page)
    with store.reading() as session:
        return list(session.scalars(asked)), session.scalar(select(func.count(EventRow.id))) or 0


def visits(store: Store, session_id: int | None, after_id: int, limit: int) -> tuple[list[VisitRow], int | None]:
    """Visits by id, and the next cursor."""
    asked = select(VisitRow).where(VisitRow.id > after_id).order_by(VisitRow.id)
    if session_id is not None:
        asked = asked.where(VisitRow.session_id == session_id)
    with store.reading() as session:
        rows = list(session.scalars(asked.limit(limit + 1)))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def sessions(store: Store, after_id: int, limit: int) -> tuple[list[SessionRow], int | None]:
    """Sessions by id, and the next cursor."""
    with store.reading() as session:
        asked = select(SessionRow).where(SessionRow.id > after_id).order_by(SessionRow.id)
        rows = list(session.scalars(asked.limit(limit + 1)))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def session_of(store: Store, session_id: int) -> SessionRow | None:
    """One session."""
    with store.reading() as session:
        return session.get(SessionRow, session_id)


def per_minute(store: Store, since: datetime | None, limit: int) -> list[tuple[str, int, int]]:
    """Minutes in which there were events: RFC 3339, enters, leaves; the newest `limit` of them, rising."""
    asked = select(EventRow.ts_utc, EventRow.kind).order_by(EventRow.ts_utc.desc()).limit(100_000)
    if since is not None:
        asked = asked.where(EventRow.ts_utc >= since)
    found: dict[str, list[int]] = {}
    with store.reading() as session:
        for moment, kind in session.execute(asked):
            minute = moment.strftime("%Y-%m-%dT%H:%M:00Z")
            if minute not in found and len(found) >= limit:
                break
            found.setdefault(minute, [0, 0])[kind == "leave"] += 1
    return [(minute, enters, leaves) for minute, (enters, leaves) in sorted(found.items())]
