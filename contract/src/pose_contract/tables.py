"""The table of keypoints, rebuilt from the records (pure; yields text to be written)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from pose_contract.records import ImagePoses
from pose_contract.video_records import FramePoses

PLAIN_START, PLAIN_TEXT = re.compile(r"[\w.(\[#]"), re.compile(r"[\w ./()\[\]#+=@-]*")


def keypoint_rows(poses: ImagePoses, name: str) -> Iterator[tuple[object, ...]]:
    """One image's rows of keypoints.csv; `name` is the image's, below images/."""
    for person in poses.people:
        for point in person.keypoints:
            yield name, person.index, point.name, point.x, point.y, point.score, None, None


def frame_rows(line: FramePoses, name: str, keypoints: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """The rows of keypoints.csv of one frame of the video `name`; `keypoints` are the skeleton's names."""
    for person in line.people:
        for keypoint, (x, y, score) in zip(keypoints, person.keypoints, strict=True):
            yield name, person.index, keypoint, x, y, score, line.frame, line.t_seconds


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


KEYPOINT_COLUMNS = ("image", "person", "keypoint", "x", "y", "score", "frame", "t_seconds")
CSV_HEADER = ",".join(KEYPOINT_COLUMNS) + "\n"
