"""The tables: sessions of a source, visits in them, and events. No picture is kept."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, Float, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """A time in UTC: aware in Python, with or without a zone in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite keeps no zone."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What has none is UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables."""


class SessionRow(Base):
    """One source from its start to its end."""

    __tablename__ = "session"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    source_kind: Mapped[str] = mapped_column(String(20))
    source_label: Mapped[str] = mapped_column(String(200))
    started: Mapped[datetime] = mapped_column(Moment, index=True)
    ended: Mapped[datetime | None] = mapped_column(Moment)
    model: Mapped[str] = mapped_column(String(200))
    precision: Mapped[str] = mapped_column(String(60))
    fps: Mapped[float] = mapped_column(Float)
    app_version: Mapped[str] = mapped_column(String(40))


class VisitRow(Base):
    """One person's visit; `leave_ms` is empty while it is open. Boxes: left, top, right, bottom in pixels."""

    __tablename__ = "visit"
    __table_args__ = (UniqueConstraint("session_id", "track_no"), Index("ix_visit_open", "leave_ms"))
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id", ondelete="CASCADE"), index=True)
    track_no: Mapped[int] = mapped_column(Integer)
    enter_ms: Mapped[int] = mapped_column(Integer)
    leave_ms: Mapped[int | None] = mapped_column(Integer)
    duration_ms: Mapped[int | None] = mapped_column(Integer)
    people_at_enter: Mapped[int] = mapped_column(Integer)
    mean_score: Mapped[float | None] = mapped_column(Float)
    first_box: Mapped[str] = mapped_column(String(60))
    last_box: Mapped[str | None] = mapped_column(String(60))
    reason: Mapped[str | None] = mapped_column(String(20))


class EventRow(Base):
    """Somebody came or went; `media_ms` is the source's own time, of the first or the last sighting."""

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("session_id", "track_no", "kind"),)
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("session.id", ondelete="CASCADE"), index=True)
    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id", ondelete="CASCADE"), index=True)
    track_no: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(10), index=True)
    ts_utc: Mapped[datetime] = mapped_column(Moment, index=True)
    media_ms: Mapped[int] = mapped_column(Integer)
    confirmed_ms: Mapped[int] = mapped_column(Integer)
    frame_no: Mapped[int] = mapped_column(Integer)
    people_after: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(String(20))
