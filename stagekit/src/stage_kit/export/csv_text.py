"""keypoints.csv as text that no spreadsheet takes for formulas. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from pose_contract.tables import KEYPOINT_COLUMNS

PLAIN_START, PLAIN_TEXT = re.compile(r"[\w.(\[#]"), re.compile(r"[\w ./()\[\]#+=@-]*")
CSV_HEADER = ",".join(KEYPOINT_COLUMNS) + "\n"


def csv_rows(found: Iterable[tuple[object, ...]]) -> str:
    """Rows as lines of keypoints.csv, safe to open in a spreadsheet.

    A name that begins as a formula does is written as the same path with `./` before it: `./=1.jpg`. Texts are in
    quotes where one of them holds more than usual letters, so that another separator, or a CR, cannot end a cell.
    """
    rows = list(found)
    # An image's rows hold few texts, many times.
    safe = {value: _safe(value) for row in rows for value in row if isinstance(value, str)}
    plain = all(map(PLAIN_TEXT.fullmatch, safe.values()))
    lines = io.StringIO()
    written = csv.writer(lines, lineterminator="\n", quoting=csv.QUOTE_MINIMAL if plain else csv.QUOTE_NONNUMERIC)
    written.writerows([safe[value] if isinstance(value, str) else value for value in row] for row in rows)
    return lines.getvalue()


def _safe(text: str) -> str:
    return text if PLAIN_START.match(text) else f"./{text}"
