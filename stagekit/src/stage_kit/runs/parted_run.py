"""A run by shards whose Parquet table is a folder: every shard's worker writes the part of its own records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pose_contract.names import is_video_name
from pose_contract.records import RunReport
from pose_contract.tables import keypoint_rows
from pose_contract.workspace import Workspace
from stage_kit.export.aggregates import of_video
from stage_kit.export.asked_tables import AskedTables
from stage_kit.export.table_sinks import remove_parquet
from stage_kit.runs.posed_records import sound_poses
from stage_kit.runs.stage_run import StageRun
from stage_kit.runs.steps import Listing


def with_parts(run: StageRun, workspace: Workspace, asked: AskedTables) -> StageRun:
    """The run of a stage that writes poses, with a part of a Parquet table a shard where one is asked for."""
    return PartedRun(run, workspace) if asked.parquet else run


class PartedRun:
    """See `stage_run.StageRun`; `run` is asked for the rest of the table in its epilogue (`asked.in_parts()`)."""

    def __init__(self, run: StageRun, workspace: Workspace) -> None:
        self._run = run
        self._workspace = workspace

    def listing(self) -> Listing:
        """See `stage_run.StageRun`."""
        return self._run.listing()

    def prologue(self) -> None:
        """See `stage_run.StageRun`. Removes the table of before, as its parts may be cut otherwise."""
        self._run.prologue()
        remove_parquet(self._workspace.keypoints_parquet)

    def shard(self, names: Sequence[str], shard: str, among: Sequence[str] = ()) -> RunReport:
        """See `stage_run.StageRun`. Writes the part of all records of these names, those skipped too."""
        report = self._run.shard(names, shard, among)
        self._write_part(names, shard)
        return report

    def epilogue(self, of_shards: RunReport | None = None) -> RunReport:
        """See `stage_run.StageRun`."""
        return self._run.epilogue(of_shards)

    def _write_part(self, names: Sequence[str], shard: str) -> None:
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


def record_path(workspace: Workspace, name: str) -> Path:
    """Where the poses of a listed name lie: a stage lists pictures by name or by annot, and videos by name."""
    if is_video_name(name):
        return workspace.path(workspace.video_poses_file(name))
    if name.endswith(".json"):
        return workspace.path(workspace.output) / "poses" / name
    return workspace.path(workspace.poses_file(name))
