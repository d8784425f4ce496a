"""The tables of keypoints that a run was asked for, as files that take rows one after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pose_contract.storage import opened_anew, remove_file
from pose_contract.workspace import Workspace
from stage_kit.export.asked_tables import AskedTables
from stage_kit.export.csv_text import CSV_HEADER, csv_rows

Rows = Sequence[tuple[object, ...]]
Sink = Callable[[Rows], None]


@contextlib.contextmanager
def table_sinks(workspace: Workspace, asked: AskedTables) -> Iterator[list[Sink]]:
    """The tables that are asked for; what they hold becomes a file at the end of the block. Others are removed.

    A table of an earlier run would tell what the records no longer say. Raises what `opened_anew` raises.
    """
    with contextlib.ExitStack() as files:
        sinks: list[Sink] = []
        if asked.csv:
            sinks.append(files.enter_context(csv_file(workspace.keypoints_csv)))
        else:
            remove_file(workspace.keypoints_csv)
        if asked.parquet:
            sinks.append(files.enter_context(_parquet(workspace.keypoints_parquet, asked.parquet == "parts")))
        else:
            remove_parquet(workspace.keypoints_parquet)
        yield sinks


def remove_parquet(path: Path) -> None:
    """Removes the table, be it a file or a folder of parts; files that are none of ours stay. Raises WorkspaceError."""
    if path.is_dir() and not path.is_symlink():
        for part in sorted(path.glob("*.parquet")):
            remove_file(part)
        with contextlib.suppress(OSError):  # something else lies in it
            path.rmdir()
    else:
        remove_file(path)


def _parquet(path: Path, in_parts: bool) -> contextlib.AbstractContextManager[Sink]:
    # pyarrow takes a tenth of a second, and is not installed everywhere.
    from stage_kit.export.parquet_file import parquet_file
    from stage_kit.export.parquet_parts import remaining_part

    if in_parts:
        return remaining_part(path)
    remove_parquet_folder(path)
    return parquet_file(path)


def remove_parquet_folder(path: Path) -> None:
    """Makes room for a file where parts lie."""
    if path.is_dir():
        remove_parquet(path)


@contextlib.contextmanager
def csv_file(path: Path) -> Iterator[Sink]:
    """keypoints.csv, written anew. Raises what `opened_anew` raises."""
    with opened_anew(path) as file:

        def add(rows: Rows) -> None:
            file.write(csv_rows(rows).encode())

        file.write(CSV_HEADER.encode())
        yield add
