"""The files that are made of all records together: the table of keypoints, and two for pycocotools.

Records are read once, one after the other, and all files are written on the way: memory does not grow with them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from pose_contract.errors import ImageError
from pose_contract.records import ImagePoses
from pose_contract.skeletons import Skeleton, skeleton_named
from pose_contract.storage import read_poses, record_paths
from pose_contract.tables import frame_rows, keypoint_rows
from pose_contract.video_records import FramePoses, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.export.asked_tables import CSV_ALONE, AskedTables
from stage_kit.export.coco_files import CocoFiles
from stage_kit.export.table_sinks import Rows, Sink, table_sinks
from stage_kit.videos.record_files import VideoRecord
from stage_kit.videos.standing import RECORD, video_records

Reader = Callable[[Path], ImagePoses | None]


def write_tables(
    workspace: Workspace, skeleton: Skeleton, read: Reader = read_poses, asked: AskedTables = CSV_ALONE
) -> ImageError | None:
    """Rebuilds the aggregates from the records; returns what keeps the COCO files from being written, if anything.

    Records for which `read` gives None are passed over.

    Records in another skeleton (a corrected one of an earlier run) stand in the CSV only: a COCO file has one skeleton.
    """
    folder = workspace.path(workspace.output) / "poses"

    def names() -> Iterator[str]:
        return (workspace.image_name(poses.image) for poses in _poses(record_paths(folder), read))

    with table_sinks(workspace, asked) as sinks, CocoFiles(workspace, skeleton, names) as coco:
        for poses in _poses(record_paths(folder), read):
            name = workspace.image_name(poses.image)
            _add(sinks, tuple(keypoint_rows(poses, name)))
            coco.add(poses, name)
        for name in video_records(folder):
            for rows in of_video(folder / f"{name}{RECORD}", name):
                _add(sinks, rows)
    return coco.refusal


def _add(sinks: Sequence[Sink], rows: Rows) -> None:
    for add in sinks:
        add(rows)


def _poses(paths: Iterable[Path], read: Reader) -> Iterator[ImagePoses]:
    return (poses for path in paths if (poses := read(path)) is not None)


def of_video(path: Path, name: str) -> Iterator[Rows]:
    """A video's rows, frame by frame.

    Nothing of a record that cannot be read, or of which a killed run has left a part only.
    """
    with contextlib.suppress(ImageError):
        record: VideoRecord[VideoPoses, FramePoses] = VideoRecord(path, VideoPoses, FramePoses)
        names = skeleton_named(record.header.skeleton).keypoints
        for line in record.frames():
            if line.people:
                yield tuple(frame_rows(line, name, names))
