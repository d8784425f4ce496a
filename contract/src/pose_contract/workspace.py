"""The workspace on disk: every folder and file name, spelled once; and its results as a program reads them.

`storage` reads and writes the files. Names follow docs/workspace.md: the extension `.jpg` is
dropped in any letter case, any other stays, and sub-folders are mirrored.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pose_contract.names import stem_of
from pose_contract.records import ImagePoses
from pose_contract.storage import read_poses, record_paths
from pose_contract.tables import KEYPOINT_COLUMNS, keypoint_rows, video_rows

if TYPE_CHECKING:
    from pandas import DataFrame  # type: ignore[import-untyped, import-not-found, unused-ignore]

DEFAULT_CONFIG = "w32_256x256_adam_lr1e-3.yaml"


@dataclass(frozen=True)
class Workspace:
    """One workspace; folder names are relative to `root` and may be renamed by a stage's flags."""

    root: Path
    images: str = "images"
    annots: str = "annots"
    cuts: str = "cuts"
    inspect: str = "inspect"
    final: str = "final"
    output: str = "output"
    reports: str = "reports"
    motion: str = "motion"

    def __post_init__(self) -> None:
        """Takes a text for `root` too."""
        object.__setattr__(self, "root", Path(self.root))

    def poses(self) -> Iterator[ImagePoses]:
        """The poses of one image after the other, by name; records that are no image's, or damaged, are passed over."""
        read = map(read_poses, record_paths(self.path(self.output) / "poses"))
        return (poses for poses in read if poses is not None and poses.image.startswith(f"{self.images}/"))

    def keypoints(self) -> DataFrame | list[dict[str, object]]:
        """All keypoints as one table, with the columns of keypoints.csv: pandas' if it is installed, else its rows."""
        rows = [row for poses in self.poses() for row in keypoint_rows(poses, self.image_name(poses.image))]
        for video in sorted((self.path(self.output) / "poses").rglob("*.jsonl")):
            rows += video_rows(video, self.image_name)
        if find_spec("pandas") is None:
            return [dict(zip(KEYPOINT_COLUMNS, row, strict=True)) for row in rows]
        from pandas import DataFrame

        return DataFrame(rows, columns=list(KEYPOINT_COLUMNS))

    def path(self, relative: str) -> Path:
        """A path stored in a record -> where it lies on disk."""
        return self.root / relative

    def image_name(self, image: str) -> str:
        """`images/sub/a.jpg` -> `sub/a.jpg`."""
        return str(PurePosixPath(image).relative_to(self.images))

    def image_file(self, name: str) -> str:
        """`sub/a.jpg` -> `images/sub/a.jpg`, as records store it."""
        return str(PurePosixPath(self.images, name))

    def annot_file(self, name: str) -> str:
        """The record of one image."""
        return str(PurePosixPath(self.annots, f"{stem_of(name)}.json"))

    def cut_file(self, name: str, index: int) -> str:
        """The cut of one person."""
        return str(PurePosixPath(self.cuts, f"{stem_of(name)}-{index}.jpg"))

    def inspect_file(self, name: str) -> str:
        """The picture with boxes."""
        return str(PurePosixPath(self.inspect, f"{stem_of(name)}.jpg"))

    def poses_file(self, name: str) -> str:
        """The poses of one image."""
        return str(PurePosixPath(self.output, "poses", f"{stem_of(name)}.json"))

    def final_file(self, name: str) -> str:
        """The picture with skeletons."""
        return str(PurePosixPath(self.final, f"{stem_of(name)}.jpg"))

    def video_annot_file(self, name: str) -> str:
        """The record of one video: `erg.mp4` -> `annots/erg.mp4.jsonl`."""
        return str(PurePosixPath(self.annots, f"{name}.jsonl"))

    def video_poses_file(self, name: str) -> str:
        """The poses of one video."""
        return str(PurePosixPath(self.output, "poses", f"{name}.jsonl"))

    def movie_file(self, folder: str, name: str) -> str:
        """The movie of one video in final/ or inspect/, which is an MP4 whatever the video is."""
        return str(PurePosixPath(folder, name if name.endswith(".mp4") else f"{name}.mp4"))

    def heatmap_file(self, name: str, index: int) -> str:
        """The debug sheet with one person's heatmaps."""
        return str(PurePosixPath(self.output, "debug", f"{stem_of(name)}-{index}.jpg"))

    def cut_inspect_file(self, name: str, index: int) -> str:
        """The debug picture of one cut with its skeleton."""
        return str(PurePosixPath(self.output, "inspect", f"{stem_of(name)}-{index}.jpg"))

    @property
    def keypoints_csv(self) -> Path:
        """All keypoints of all images as one table."""
        return self.path(f"{self.output}/keypoints.csv")

    @property
    def keypoints_parquet(self) -> Path:
        """The same in Parquet: a file, or where workers wrote it a folder of files."""
        return self.path(f"{self.output}/keypoints.parquet")

    @property
    def keypoints_coco(self) -> Path:
        """The results list that pycocotools loads."""
        return self.path(f"{self.output}/keypoints.coco.json")

    @property
    def images_coco(self) -> Path:
        """The image ids that go with `keypoints_coco`."""
        return self.path(f"{self.output}/images.coco.json")

    def report_path(self, stage: str, shard: str = "") -> Path:
        """What the last run of a stage, or of one shard of it, did."""
        return self.path(f"{self.reports}/{_of_shard(stage, shard)}.json")

    def lock_path(self, stage: str, shard: str = "") -> Path:
        """Held while a stage, or one shard of it, runs."""
        return self.path(f"{self.reports}/.{_of_shard(stage, shard)}.lock")

    def seen_path(self, shard: str = "") -> Path:
        """Hashes of files by size and modification time."""
        return self.path(f"{self.reports}/.{_of_shard('seen', shard)}.json")


def _of_shard(name: str, shard: str) -> str:
    return f"{name}.{shard}" if shard else name


def default_root() -> Path:
    """The workspace when no flag names one: POSE_WORKSPACE, else ./custom if it is there, else ./pose-estimation."""
    named = os.environ.get("POSE_WORKSPACE")
    if named:
        return Path(named)
    return Path("custom") if Path("custom").is_dir() else Path("pose-estimation")
