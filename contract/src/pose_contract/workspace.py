"""The workspace on disk: every folder and file name, spelled once.

Nothing here reads or writes a file's contents; `storage` does. Names follow docs/workspace.md: the extension `.jpg` is
dropped, any other stays, and sub-folders are mirrored.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pose_contract.errors import UsageError
from stage_kit.command.progress import printable

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
DEFAULT_CONFIG = "w32_256x256_adam_lr1e-3.yaml"
TEMPORARY_PREFIX = ".tmp-"


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
    def keypoints_coco(self) -> Path:
        """The results list that pycocotools loads."""
        return self.path(f"{self.output}/keypoints.coco.json")

    @property
    def images_coco(self) -> Path:
        """The image ids that go with `keypoints_coco`."""
        return self.path(f"{self.output}/images.coco.json")

    def report_path(self, stage: str) -> Path:
        """What the last run of a stage did."""
        return self.path(f"{self.reports}/{stage}.json")

    def lock_path(self, stage: str) -> Path:
        """Held while a stage runs."""
        return self.path(f"{self.reports}/.{stage}.lock")

    @property
    def seen_path(self) -> Path:
        """Hashes of files by size and modification time."""
        return self.path(f"{self.reports}/.seen.json")


def stem_of(name: str) -> str:
    """`a.jpg` -> `a`, `b.png` -> `b.png`: only `.jpg`, in lower case, is dropped, so a.jpg and a.png never meet."""
    return name[:-4] if name.endswith(".jpg") else name


@dataclass(frozen=True)
class ImageListing:
    """What lies in images/, in sorted order: names of pictures, files that are no pictures, names that are no text."""

    names: tuple[str, ...]
    ignored: tuple[str, ...]
    unreadable_names: tuple[str, ...] = ()


def list_images(workspace: Workspace) -> ImageListing:
    """Finds the pictures in images/ and its sub-folders; dot files and dot folders are passed over.

    A folder or a dangling link that is named like a picture is listed as a picture, so that it is reported as a
    failure and not silently lost. A link to a folder that it lies in is not followed.

    Raises:
        UsageError: images/ is missing or holds no picture; nothing must then be removed as stale.
    """
    folder = workspace.path(workspace.images)
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}", f"create it and put photos in: mkdir -p '{folder}'")
    names: list[str] = []
    ignored: list[str] = []
    unreadable: list[str] = []
    above = {str(folder): frozenset({_identity(folder)})}
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_refuse_unreadable):
        inside = Path(parent).relative_to(folder).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        pictures = [entry for entry in folders if is_image_name(entry)]
        folders[:] = sorted(entry for entry in folders if not entry.startswith(".") and entry not in pictures)
        for entry in tuple(folders):
            identity = _identity(Path(parent, entry))
            if identity in above[parent]:
                folders.remove(entry)
                ignored.append(f"{prefix}{entry}/")
            above[os.path.join(parent, entry)] = above[parent] | {identity}  # noqa: PTH118 - os.walk's own spelling
        for entry in (*files, *pictures):
            if not entry.startswith("."):
                kind = ignored if not is_image_name(entry) else names if is_text(prefix + entry) else unreadable
                kind.append(printable(prefix + entry) if kind is not names else prefix + entry)
    if not names and not unreadable:
        found = f" (only: {', '.join(sorted(ignored)[:5])})" if ignored else ""
        raise UsageError(f"no picture in {folder}{found}", "put photos in: .jpg .jpeg .png .webp .bmp .tif")
    return ImageListing(tuple(sorted(names)), tuple(sorted(ignored)), tuple(sorted(unreadable)))


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _refuse_unreadable(error: OSError) -> None:
    raise UsageError(f"cannot look into {error.filename}: {error.strerror}", f"chmod u+rx '{error.filename}'")


def is_text(name: str) -> bool:
    """Whether a file name is UTF-8, so that a record can hold it; old archives bring others along."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_image_name(name: str) -> bool:
    """Whether a file is taken for a picture, by its extension in any letter case."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def colliding_names(names: tuple[str, ...]) -> dict[str, str]:
    """Pictures whose outputs would have the same name as an earlier picture's: `a.png.jpg` beside `a.png`."""
    owner: dict[str, str] = {}
    return {name: owner[stem_of(name)] for name in names if owner.setdefault(stem_of(name), name) != name}


def default_root() -> Path:
    """The workspace when no flag names one: POSE_WORKSPACE, else ./custom if it is there, else ./pose-estimation."""
    named = os.environ.get("POSE_WORKSPACE")
    if named:
        return Path(named)
    return Path("custom") if Path("custom").is_dir() else Path("pose-estimation")
