"""The JSON API of the live view, under /api/v1, and the original application's list of detections."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from web_app.watch import asking
from web_app.watch.asking import MOST_ROWS, EventQuery
from web_app.watch.event_csv import csv_of
from web_app.watch.schemas import (
    Chosen,
    EventsOut,
    MinuteOut,
    SessionOut,
    SessionsOut,
    SourceOut,
    SourcesOut,
    StatsOut,
    StatusOut,
    VisitOut,
    VisitsOut,
    event_out,
)
from web_app.watch.service import WatchService
from web_app.watch.visits import Kind

router = APIRouter(prefix="/api/v1")
plain = APIRouter()
MOST_ID = 2**31 - 1  # what a database's whole number holds


# `async`, as it waits for nothing: else it would go to a thread, which waits for its turn beside the networks.
async def service_of(request: Request) -> WatchService:
    """The watcher of this application."""
    service: WatchService = request.app.state.watch
    return service


Service = Annotated[WatchService, Depends(service_of)]
Id = Annotated[int | None, Query(ge=0, le=MOST_ID)]
After = Annotated[int, Query(ge=0, le=MOST_ID)]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]


async def event_query(
    session: Id = None,
    kind: Kind | None = None,
    track: Id = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> EventQuery:
    """The filters. Times are RFC 3339 with a zone."""
    for name, moment in (("since", since), ("until", until)):
        if moment is not None and (moment.tzinfo is None or not 1970 <= moment.year <= 9998):
            raise HTTPException(422, f"{name}: expected a time with a zone, such as 2026-01-02T03:04:05Z")
    return EventQuery(session, kind, track, since, until)


Filters = Annotated[EventQuery, Depends(event_query)]


@router.get("/status")
def status(service: Service) -> StatusOut:
    """What the watcher does now."""
    return StatusOut.model_validate(service.status())


@router.get("/sources")
def sources(service: Service) -> SourcesOut:
    """The sources that can be chosen."""
    rows = service.sources().values()
    return SourcesOut(sources=[SourceOut(id=one.id, kind=one.kind, label=one.label) for one in rows])


@router.put("/source")
def choose(service: Service, chosen: Chosen) -> StatusOut:
    """Watches another source, by its id."""
    if chosen.source not in service.sources():
        raise HTTPException(404, "there is no such source; /api/v1/sources lists them")
    service.start(chosen.source)
    return StatusOut.model_validate(service.status())


@router.delete("/source")
def stop(service: Service) -> StatusOut:
    """Watches nothing."""
    service.stop()
    return StatusOut.model_validate(service.status())


@router.get("/events", response_model=EventsOut)
def events(
    service: Service, filters: Filters, after_id: Id = None, limit: Limit = 100, order: asking.Order = "asc"
) -> Response:
    """Events by id; `next` is the `after_id` of the next page."""
    query = replace(filters, after_id=after_id, limit=limit, order=order)
    rows, following = asking.events(service.store(), query)
    page = EventsOut(events=[event_out(row) for row in rows], next=following)
    return Response(page.model_dump_json(), media_type="application/json")  # checked once is enough


@router.get("/events.csv", response_class=Response)
def events_csv(service: Service, filters: Filters) -> Response:
    """All events as CSV."""
    headers = {"Content-Disposition": 'attachment; filename="events.csv"'}
    return StreamingResponse(csv_of(service.store(), filters), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/visits")
def visits(service: Service, session: Id = None, after_id: After = 0, limit: Limit = 100) -> VisitsOut:
    """Visits by id."""
    rows, following = asking.visits(service.store(), session, after_id, limit)
    return VisitsOut(visits=[VisitOut.model_validate(row) for row in rows], next=following)


@router.get("/sessions")
def sessions(service: Service, after_id: After = 0, limit: Limit = 100) -> SessionsOut:
    """Sessions by id."""
    rows, following = asking.sessions(service.store(), after_id, limit)
    return SessionsOut(sessions=[SessionOut.model_validate(row) for row in rows], next=following)


@router.get("/sessions/{session_id}")
def session(service: Service, session_id: int) -> SessionOut:
    """One session."""
    row = asking.session_of(service.store(), session_id) if 0 <= session_id <= MOST_ID else None
    if row is None:
        raise HTTPException(404, "there is no such session")
    return SessionOut.model_validate(row)


@router.get("/stats")
def stats(service: Service, filters: Filters, bucket: Literal["minute"] = "minute", limit: Limit = 60) -> StatsOut:
    """How many came and went, minute by minute; the newest minutes."""
    rows = asking.per_minute(service.store(), filters.since, limit)
    return StatsOut(bucket=bucket, minutes=[MinuteOut(minute=m, enters=e, leaves=left) for m, e, left in rows])


@plain.get("/detections", include_in_schema=False)
def detections(
    service: Service,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MOST_ROWS, alias="per-page")] = 50,
) -> dict[str, object]:
    """The original application's list: numbered pages, newest first."""
    rows, count = asking.page_of_events(service.store(), page, per_page)
    pagination = {"count": count, "page": page, "per_page": per_page, "pages": -(-count // per_page)}
    return {"results": [event_out(row).model_dump() for row in rows], "pagination": pagination}


@plain.get("/readyz", include_in_schema=False)
def ready(service: Service) -> Response:
    """Whether events can be kept: 503 where the database fails."""
    service.store()
    problem = service.status()["storage"]["problem"]
    return Response("ok\n" if not problem else f"{problem}\n", 503 if problem else 200, media_type="text/plain")
