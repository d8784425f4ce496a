"""What lies in images/: the pictures and videos to work on, in sorted order, and what is passed over."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pose_contract.errors import ImageError, UsageError
from pose_contract.names import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    colliding_names,
    is_image_name,
    is_text,
    is_video_name,
    printable,
)
from pose_contract.workspace import Workspace
from stage_kit.runs.steps import Listing


@dataclass(frozen=True)
class ImageListing:
    """What lies in images/, in sorted order: names of pictures, files that are neither pictures nor videos, names that
    are no text, and videos."""

    names: tuple[str, ...]
    ignored: tuple[str, ...]
    unreadable_names: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()


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
    videos: list[str] = []
    ignored: list[str] = []
    unreadable: list[str] = []
    above = {str(folder): frozenset({_identity(folder)})}
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_refuse_unreadable):
        inside = Path(parent).relative_to(folder).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        pictures = [entry for entry in folders if is_image_name(entry) or is_video_name(entry)]
        folders[:] = sorted(entry for entry in folders if not entry.startswith(".") and entry not in pictures)
        for entry in tuple(folders):
            identity = _identity(Path(parent, entry))
            if identity in above[parent]:
                folders.remove(entry)
                ignored.append(f"{prefix}{entry}/")
            above[os.path.join(parent, entry)] = above[parent] | {identity}  # noqa: PTH118 - os.walk's own spelling
        for entry in (*files, *pictures):
            if not entry.startswith("."):
                kind = names if is_image_name(entry) else videos if is_video_name(entry) else ignored
                kind = kind if kind is ignored or is_text(prefix + entry) else unreadable
                kind.append(prefix + entry if kind is names or kind is videos else printable(prefix + entry))
    if not names and not unreadable and not videos:
        found = f" (only: {', '.join(sorted(ignored)[:5])})" if ignored else ""
        known = f"{' '.join(sorted(IMAGE_SUFFIXES))}; or videos: {' '.join(sorted(VIDEO_SUFFIXES))}"
        raise UsageError(f"no picture in {folder}{found}", f"put photos in: {known}")
    return ImageListing(tuple(sorted(names)), tuple(sorted(ignored)), tuple(sorted(unreadable)), tuple(sorted(videos)))


def image_listing(workspace: Workspace) -> Listing:
    """The listing of a stage that works on images/; of two pictures that would share outputs the second fails.

    Raises what `list_images` raises.
    """
    found = list_images(workspace)
    collisions = colliding_names(found.names)
    failures = {
        name: ImageError("has a name that is no UTF-8 text", "rename it: convmv") for name in found.unreadable_names
    } | {
        name: ImageError(f"would write the same files as {other}", "rename one of the two")
        for name, other in collisions.items()
    }
    names = tuple(name for name in found.names if name not in collisions)
    return Listing(names, failures, found.ignored, found.videos)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _refuse_unreadable(error: OSError) -> None:
    raise UsageError(f"cannot look into {error.filename}: {error.strerror}", f"chmod u+rx '{error.filename}'")
