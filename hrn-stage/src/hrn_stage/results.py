"""What hrn-stage keeps on disk besides its records: when a final picture is current, stale results, aggregates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hrn_stage import STAGE, __version__
from hrn_stage.config import HrnConfig
from stage_kit.pictures.draw_poses import DrawStyle
from pose_contract.skeletons import Skeleton
from pose_contract.tables import (
    CSV_HEADER,
    coco_category,
    coco_image,
    coco_results,
    colliding_ids,
    csv_rows,
    image_id,
    json_list,
)
from pose_contract.errors import ImageError
from pose_contract.records import ImagePoses
from pose_contract.storage import NumberedFiles, read_poses, record_paths, remove_file, remove_outputs, write_chunks
from pose_contract.workspace import Workspace


@dataclass(frozen=True)
class DebugPictures:
    """What DEBUG asks for: heatmap sheets and cuts with skeletons; without labels its _GT switches mean nothing."""

    heatmaps: bool
    cuts: bool

    def folders(self, workspace: Workspace) -> list[str]:
        """Where they go."""
        wanted = {f"{workspace.output}/debug": self.heatmaps, f"{workspace.output}/inspect": self.cuts}
        return [folder for folder, asked in wanted.items() if asked]

    def files(self, workspace: Workspace, name: str, people: int) -> list[Path]:
        """All of them for one image."""
        names = ([workspace.heatmap_file] if self.heatmaps else []) + (
            [workspace.cut_inspect_file] if self.cuts else []
        )
        return [workspace.path(file(name, index)) for file in names for index in range(people)]


def debug_pictures(config: HrnConfig) -> DebugPictures:
    """DEBUG's sub-switches count only when DEBUG.DEBUG is true."""
    debug = config.DEBUG
    return DebugPictures(debug.DEBUG and debug.SAVE_HEATMAPS_PRED, debug.DEBUG and debug.SAVE_BATCH_IMAGES_PRED)


def final_comment(record: bytes, style: DrawStyle) -> str:
    """What the JPEG comment of a final picture says: drawn from this record in this style. Otherwise it is redrawn."""
    return f"{STAGE} {hashlib.sha256(record + repr((__version__, style)).encode()).hexdigest()[:32]}"


def remove_stale(workspace: Workspace) -> list[str]:
    """Removes poses whose annot is gone, with their pictures; returns the images whose poses a person corrected."""
    kept = []
    folder = workspace.path(workspace.output) / "poses"
    debug = [NumberedFiles(workspace.path(f"{workspace.output}/{kind}")) for kind in ("debug", "inspect")]
    for path in record_paths(folder):
        annot = workspace.path(workspace.annots) / path.relative_to(folder)
        if annot.exists() or (poses := read_poses(path)) is None:
            continue
        if poses.corrected:
            kept.append(poses.image)
            continue
        name = path.relative_to(folder).as_posix().removesuffix(".json") + ".jpg"
        remove_outputs([workspace.path(workspace.final_file(name))], workspace.path(workspace.final))
        for pictures in debug:
            remove_outputs(pictures.of(name).values(), pictures.folder)
        remove_outputs([path], folder)  # last: until then a rerun finds what is left
    return kept


def write_tables(workspace: Workspace, skeleton: Skeleton) -> ImageError | None:
    """Rebuilds the aggregates from the records; returns what keeps the COCO files from being written, if anything.

    Records in another skeleton (a corrected one of an earlier run) stand in the CSV only: a COCO file has one skeleton.
    """
    paths = list(record_paths(workspace.path(workspace.output) / "poses"))
    images: list[dict[str, object]] = []
    write_chunks(workspace.keypoints_csv, _csv(workspace, paths, images))
    collisions = colliding_ids(str(image["file_name"]) for image in images)
    if collisions:
        remove_file(workspace.keypoints_coco)
        remove_file(workspace.images_coco)
        first, second = collisions[0]
        return ImageError(
            f"{first} and {second} have the same COCO image id {image_id(first)} ({len(collisions)} such pairs)",
            "rename one; all else is written, only the two COCO files are not",
        )
    same = (poses for poses in _poses(paths) if poses.skeleton == skeleton.name)
    rows = (row for poses in same for row in coco_results(poses, image_id(workspace.image_name(poses.image)), skeleton))
    write_chunks(workspace.keypoints_coco, json_list(rows))
    write_chunks(workspace.images_coco, _images_coco(images, skeleton))
    return None


def _poses(paths: list[Path]) -> Iterator[ImagePoses]:
    return (poses for path in paths if (poses := read_poses(path)) is not None)


def _csv(workspace: Workspace, paths: list[Path], images: list[dict[str, object]]) -> Iterator[str]:
    """The table; on the way every image's row of images.coco.json is put into `images`."""
    yield CSV_HEADER
    for poses in _poses(paths):
        name = workspace.image_name(poses.image)
        images.append(coco_image(poses, name))
        yield csv_rows(poses, name)


def _images_coco(images: list[dict[str, object]], skeleton: Skeleton) -> Iterator[str]:
    yield '{"images": '
    yield from json_list(images)
    yield ', "annotations": [], "categories": '
    yield from json_list([coco_category(skeleton)])
    yield "}\n"
