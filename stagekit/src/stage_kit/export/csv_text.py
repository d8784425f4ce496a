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
    rows = [[_cell(value) for value in row] for row in found]
    plain = all(PLAIN_TEXT.fullmatch(value) for row in rows for value in row if isinstance(value, str))
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n", quoting=csv.QUOTE_MINIMAL if plain else csv.QUOTE_NONNUMERIC).writerows(rows)
    return lines.getvalue()


def _cell(value: object) -> object:
    return f"./{value}" if isinstance(value, str) and not PLAIN_START.match(value) else value
