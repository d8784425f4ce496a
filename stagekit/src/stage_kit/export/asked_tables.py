"""Which tables of keypoints a run writes: `--tables csv`, `parquet` or `both`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Literal

from pose_contract.errors import UsageError

CHOICES = ("csv", "parquet", "both")
INSTALL = "make setup PARQUET=1, or give --tables csv"


@dataclass(frozen=True)
class AskedTables:
    """keypoints.csv, and keypoints.parquet as one file, or as a folder into which every shard puts a part."""

    csv: bool = True
    parquet: Literal["", "file", "parts"] = ""

    def in_parts(self) -> AskedTables:
        """The same for a run by shards: each puts its own part of a Parquet table into a folder."""
        return replace(self, parquet="parts") if self.parquet else self


CSV_ALONE = AskedTables()


def add_table_flags(group: argparse._ArgumentGroup) -> None:
    """--tables."""
    text = "of keypoints: csv, parquet (make setup PARQUET=1) or both (default: csv)"
    group.add_argument("--tables", choices=CHOICES, default="csv", help=text)


def asked_tables(choice: str) -> AskedTables:
    """What `--tables` asks for. Raises UsageError where pyarrow is wanted and not installed."""
    if choice == "csv":
        return CSV_ALONE
    if find_spec("pyarrow") is None:
        raise UsageError(f"--tables: {choice} needs pyarrow, which is not installed here", INSTALL)
    return AskedTables(choice == "both", "file")
