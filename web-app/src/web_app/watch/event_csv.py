"""Events as CSV: the API's answer, and what `web-app events export` writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

from web_app.watch.asking import MOST_ROWS, EventQuery, events
from web_app.watch.schemas import EventOut, event_out
from web_app.watch.store import Store


def csv_of(store: Store, query: EventQuery) -> Iterator[str]:
    """The lines of the events that a query filters, page by page, by id. Raises StoreError."""
    yield ",".join(EventOut.model_fields) + "\r\n"
    cursor: int | None = 0
    while cursor is not None:
        rows, cursor = events(store, replace(query, after_id=cursor, limit=MOST_ROWS, order="asc"))
        text = io.StringIO()
        csv.writer(text).writerows(event_out(row).model_dump().values() for row in rows)
        yield text.getvalue()
