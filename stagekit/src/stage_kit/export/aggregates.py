"""The files that are made of all records together: the table of keypoints, and two for pycocotools."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pose_contract.errors import ImageError
from pose_contract.records import ImagePoses
from pose_contract.skeletons import Skeleton, skeleton_named
from pose_contract.storage import read_poses, record_paths, remove_file, write_chunks
from pose_contract.tables import frame_rows, keypoint_rows
from pose_contract.video_records import FramePoses, VideoPoses
from pose_contract.workspace import Workspace
from stage_kit.export.coco_rows import coco_category, coco_image, coco_results, colliding_ids, image_id
from stage_kit.export.csv_text import CSV_HEADER, csv_rows
from stage_kit.videos.record_files import VideoRecord
from stage_kit.videos.standing import RECORD, video_records

Reader = Callable[[Path], ImagePoses | None]


def write_tables(workspace: Workspace, skeleton: Skeleton, read: Reader = read_poses) -> ImageError | None:
    """Rebuilds the aggregates from the records; returns what keeps the COCO files from being written, if anything.

    Records for which `read` gives None are passed over.

    Records in another skeleton (a corrected one of an earlier run) stand in the CSV only: a COCO file has one skeleton.
    """
    paths = list(record_paths(workspace.path(workspace.output) / "poses"))
    images: list[dict[str, object]] = []
    write_chunks(workspace.keypoints_csv, _csv(workspace, _poses(paths, read), images))
    collisions = colliding_ids(str(image["file_name"]) for image in images)
    if collisions:
        remove_file(workspace.keypoints_coco)
        remove_file(workspace.images_coco)
        first, second = collisions[0]
        return ImageError(
            f"{first} and {second} have the same COCO image id {image_id(first)} ({len(collisions)} such pairs)",
            "rename one; all else is written, only the two COCO files are not",
        )
    same = (poses for poses in _poses(paths, read) if poses.skeleton == skeleton.name)
    rows = (row for poses in same for row in coco_results(poses, image_id(workspace.image_name(poses.image)), skeleton))
    write_chunks(workspace.keypoints_coco, json_list(rows))
    write_chunks(workspace.images_coco, _images_coco(images, skeleton))
    return None


def _poses(paths: list[Path], read: Reader) -> Iterator[ImagePoses]:
    return (poses for path in paths if (poses := read(path)) is not None)


def _csv(workspace: Workspace, records: Iterator[ImagePoses], images: list[dict[str, object]]) -> Iterator[str]:
    """The table; on the way every image's row of images.coco.json is put into `images`."""
    yield CSV_HEADER
    for poses in records:
        name = workspace.image_name(poses.image)
        images.append(coco_image(poses, name))
        yield csv_rows(keypoint_rows(poses, name))
    folder = workspace.path(workspace.output) / "poses"
    for name in video_records(folder):
        yield from _of_video(folder / f"{name}{RECORD}", name)


def _of_video(path: Path, name: str) -> Iterator[str]:
    """Nothing of a record that cannot be read, or of which a killed run has left a part only."""
    with contextlib.suppress(ImageError):
        record: VideoRecord[VideoPoses, FramePoses] = VideoRecord(path, VideoPoses, FramePoses)
        names = skeleton_named(record.header.skeleton).keypoints
        for line in record.frames():
            if line.people:
                yield csv_rows(frame_rows(line, name, names))


def _images_coco(images: list[dict[str, object]], skeleton: Skeleton) -> Iterator[str]:
    yield '{"images": '
    yield from json_list(images)
    yield ', "annotations": [], "categories": '
    yield from json_list([coco_category(skeleton)])
    yield "}\n"


def json_list(rows: Iterable[dict[str, object]]) -> Iterator[str]:
    """A JSON list, one row a line, without holding all rows at once."""
    separator = "[\n"
    for row in rows:
        yield separator + json.dumps(row, ensure_ascii=False)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"
