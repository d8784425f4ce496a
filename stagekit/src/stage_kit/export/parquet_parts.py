"""keypoints.parquet as a folder: a part a shard, which together are the table. Readers of data sets take it as one.

A shard's worker has its records at hand, and writes its part by itself. At the end there may be records in no part:
those of a picture that stopped its workers, or that a person has kept though its photo is gone.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from pose_contract.storage import remove_file
from stage_kit.export.parquet_file import parquet_file
from stage_kit.export.table_sinks import Rows, Sink

REST = "shard-rest.parquet"
PART = "shard-*.parquet"


def part_path(folder: Path, shard: str) -> Path:
    """Where a shard's part lies; numbers in the shard's name are filled up, so that names sort as numbers do."""
    return folder / f"shard-{re.sub('[0-9]+', lambda number: number[0].zfill(7), shard)}.parquet"


@contextlib.contextmanager
def remaining_part(folder: Path) -> Iterator[Sink]:
    """Takes all rows of a workspace, those of an image at once, and writes those that stand in no part as one more."""
    remove_file(folder / REST)
    known = _names_in_parts(folder)
    with contextlib.ExitStack() as opened:
        sinks: list[Sink] = []

        def add(rows: Rows) -> None:
            if not rows or rows[0][0] in known:
                return
            if not sinks:
                sinks.append(opened.enter_context(parquet_file(folder / REST)))
            sinks[0](rows)

        yield add
        if not known and not sinks:  # nobody in any picture, or no shard at all: readers want one file for the columns
            opened.enter_context(parquet_file(folder / REST))


def _names_in_parts(folder: Path) -> set[str]:
    """The images of which a part has rows. A part that is damaged, or of whose images another has rows, is removed.

    A shard that was halved, after its workers had died late, has left such a one.
    """
    known: set[str] = set()
    for path in sorted(folder.glob(PART)):
        names = _names_in(path)
        if names is None or names & known:
            remove_file(path)
        else:
            known |= names
    return known


def _names_in(path: Path) -> set[str] | None:
    """None of a file that is no Parquet."""
    names: set[str] = set()
    try:
        with pq.ParquetFile(path, read_dictionary=["image"]) as file:
            for batch in file.iter_batches(columns=["image"]):
                names.update(batch.column(0).dictionary.to_pylist())
    except pa.ArrowException:
        return None
    return names
