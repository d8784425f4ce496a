"""Sessions, visits and events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "session",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("source_kind", sa.String(20), nullable=False),
        sa.Column("source_label", sa.String(200), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True)),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("precision", sa.String(60), nullable=False),
        sa.Column("fps", sa.Float(), nullable=False),
        sa.Column("app_version", sa.String(40), nullable=False),
    )
    op.create_index("ix_session_started", "session", ["started"])
    op.create_table(
        "visit",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("session_id", sa.Integer(), sa.ForeignKey("session.id", ondelete="CASCADE"), nullable=False),
        sa.Column("track_no", sa.Integer(), nullable=False),
        sa.Column("enter_ms", sa.Integer(), nullable=False),
        sa.Column("leave_ms", sa.Integer()),
        sa.Column("duration_ms", sa.Integer()),
        sa.Column("people_at_enter", sa.Integer(), nullable=False),
        sa.Column("mean_score", sa.Float()),
        sa.Column("first_box", sa.String(60), nullable=False),
        sa.Column("last_box", sa.String(60)),
        sa.Column("reason", sa.String(20)),
        sa.UniqueConstraint("session_id", "track_no"),
    )
    op.create_index("ix_visit_session_id", "visit", ["session_id"])
    op.create_index("ix_visit_open", "visit", ["leave_ms"])
    _make_events()


def _make_events() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("session_id", sa.Integer(), sa.ForeignKey("session.id", ondelete="CASCADE"), nullable=False),
        sa.Column("visit_id", sa.Integer(), sa.ForeignKey("visit.id", ondelete="CASCADE"), nullable=False),
        sa.Column("track_no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("ts_utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("media_ms", sa.Integer(), nullable=False),
        sa.Column("confirmed_ms", sa.Integer(), nullable=False),
        sa.Column("frame_no", sa.Integer(), nullable=False),
        sa.Column("people_after", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(20)),
        sa.UniqueConstraint("session_id", "track_no", "kind"),
    )
    for column in ("session_id", "visit_id", "kind", "ts_utc"):
        op.create_index(f"ix_event_{column}", "event", [column])


def downgrade() -> None:
    """Drops them."""
    for table in ("event", "visit", "session"):
        op.drop_table(table)
