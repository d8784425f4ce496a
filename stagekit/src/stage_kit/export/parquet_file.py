"""keypoints.parquet: the rows of keypoints.csv with types, in row groups, so that memory does not grow with them.

The only module, beside `parquet_parts`, that imports pyarrow; both are imported where Parquet is asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from pose_contract.storage import opened_anew
from stage_kit.export.table_sinks import Rows, Sink

ROW_GROUP = 1 << 16  # rows: some MB in memory


def column(name: str, kind: pa.DataType, meaning: str, unit: str = "", nullable: bool = False) -> pa.Field:
    """One column; what it means, and in which unit, stands in the file."""
    facts = {"meaning": meaning} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=nullable, metadata=facts)


SCHEMA = pa.schema(
    [
        column("image", pa.string(), "the photo or video, below images/"),
        column("person", pa.int32(), "the person's number in the photo or frame"),
        column("keypoint", pa.string(), "its name in the skeleton"),
        column("x", pa.float64(), "from the left, pixel centres at integers", "pixels"),
        column("y", pa.float64(), "from the top, pixel centres at integers", "pixels"),
        column("score", pa.float64(), "0 to 1"),
        column("frame", pa.int64(), "of a video, from 0; null of a photo", nullable=True),
        column("t_seconds", pa.float64(), "from the first frame on; null of a photo", "seconds", nullable=True),
    ]
)


class ParquetSink:
    """Takes rows and writes a row group whenever there are enough. Equal rows give equal bytes by one pyarrow."""

    def __init__(self, file: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(file, SCHEMA, compression="zstd")
        self._rows: list[tuple[object, ...]] = []

    def add(self, rows: Rows) -> None:
        """See `table_sinks.Sink`."""
        self._rows += rows
        while len(self._rows) >= ROW_GROUP:
            self._write(self._rows[:ROW_GROUP])
            del self._rows[:ROW_GROUP]

    def close(self) -> None:
        """Writes what is left, and the footer; a table without rows has that alone."""
        if self._rows:
            self._write(self._rows)
        self._writer.close()

    def give_up(self) -> None:
        """Keeps the writer from writing its footer when it is collected: the file is closed by then."""
        self._writer.is_open = False

    def _write(self, rows: list[tuple[object, ...]]) -> None:
        columns: list[Any] = [
            pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)
        ]
        self._writer.write_table(pa.table(columns, SCHEMA), row_group_size=ROW_GROUP)


@contextlib.contextmanager
def parquet_file(path: Path) -> Iterator[Sink]:
    """A Parquet file that takes rows, and its name at the end of the block. Raises what `opened_anew` raises."""
    with opened_anew(path) as file:
        sink = ParquetSink(file)
        try:
            yield sink.add
            sink.close()
        except BaseException:
            sink.give_up()
            raise
