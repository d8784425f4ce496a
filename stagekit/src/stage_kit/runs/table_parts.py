"""A Parquet table in a folder: every shard's worker writes the part of its own records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pose_contract.names import is_video_name
from pose_contract.tables import keypoint_rows
from pose_contract.workspace import Workspace
from stage_kit.export.aggregates import of_video
from stage_kit.export.asked_tables import AskedTables
from stage_kit.export.table_sinks import remove_parquet
from stage_kit.runs.posed_records import sound_poses


class TableParts:
    """What a run by shards does for a table in parts; the rest of it is written with the other tables."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def clear(self) -> None:
        """Removes the table of before, as its parts may be cut otherwise. Raises WorkspaceError."""
        remove_parquet(self._workspace.keypoints_parquet)

    def write(self, names: Sequence[str], shard: str) -> None:
        """Writes the part of all records of these listed names, those skipped too. Raises WorkspaceError."""
        # pyarrow takes a tenth of a second, and is not installed everywhere.
        from stage_kit.export.parquet_file import parquet_file
        from stage_kit.export.parquet_parts import part_path

        workspace = self._workspace
        with parquet_file(part_path(workspace.keypoints_parquet, shard)) as add:
            for name in names:
                path = record_path(workspace, name)
                if is_video_name(name):
                    for rows in of_video(path, name):
                        add(rows)
                elif (poses := sound_poses(workspace, path)) is not None:
                    add(tuple(keypoint_rows(poses, workspace.image_name(poses.image))))


def parts_of(workspace: Workspace, asked: AskedTables) -> TableParts | None:
    """None where no table is asked for in parts."""
    return TableParts(workspace) if asked.parquet == "parts" else None


def record_path(workspace: Workspace, name: str) -> Path:
    """Where the poses of a listed name lie: a stage lists pictures by name or by annot, and videos by name."""
    if is_video_name(name):
        return workspace.path(workspace.video_poses_file(name))
    if name.endswith(".json"):
        return workspace.path(workspace.output) / "poses" / name
    return workspace.path(workspace.poses_file(name))
