"""What the watch API answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PlainSerializer

from web_app.watch.tables import EventRow


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Utc = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str)]


class OfRow(BaseModel):
    """Made of a database row."""

    model_config = ConfigDict(from_attributes=True)


class EventOut(OfRow):
    """Somebody came or went."""

    id: int
    session_id: int
    track_no: int
    kind: Literal["enter", "leave"]
    ts_utc: Utc
    media_ms: int
    confirmed_ms: int
    frame_no: int
    people_after: int
    reason: str | None


class VisitOut(OfRow):
    """One person's visit; open while `leave_ms` is null."""

    id: int
    session_id: int
    track_no: int
    enter_ms: int
    leave_ms: int | None
    duration_ms: int | None
    people_at_enter: int
    mean_score: float | None
    first_box: str
    last_box: str | None
    reason: str | None


class SessionOut(OfRow):
    """One source from its start to its end."""

    id: int
    source_kind: str
    source_label: str
    started: Utc
    ended: Utc | None
    model: str
    precision: str
    fps: float
    app_version: str


class EventsOut(BaseModel):
    """A page; `next` is the `after_id` of the following one."""

    events: list[EventOut]
    next: int | None


class VisitsOut(BaseModel):
    """A page of visits."""

    visits: list[VisitOut]
    next: int | None


class SessionsOut(BaseModel):
    """A page of sessions."""

    sessions: list[SessionOut]
    next: int | None


class SourceOut(BaseModel):
    """A source that can be chosen."""

    id: str
    kind: str
    label: str


class SourcesOut(BaseModel):
    """All of them."""

    sources: list[SourceOut]


class Chosen(BaseModel):
    """The id of a source in the server's list."""

    model_config = ConfigDict(extra="forbid")
    source: str = Field(max_length=60, validation_alias=AliasChoices("source", "kind"))


class StatusOut(BaseModel):
    """What the watcher does now."""

    model_config = ConfigDict(extra="allow")
    state: Literal["idle", "starting", "running", "ended", "error"]
    problem: str
    remedy: str
    source: SourceOut | None
    fps: float
    inference_ms: dict[str, float]
    people: int
    viewers: int
    dropped: int
    precision: str
    storage: dict[str, Any]


class MinuteOut(BaseModel):
    """How many came and went in a minute."""

    minute: str
    enters: int
    leaves: int


class StatsOut(BaseModel):
    """Minutes in which there were events."""

    bucket: Literal["minute"]
    minutes: list[MinuteOut]


def event_out(row: EventRow) -> EventOut:
    """Of a row."""
    return EventOut.model_validate(row)
