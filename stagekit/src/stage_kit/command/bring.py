"""Brings photos from anywhere into a workspace: copied, never moved, and no photo takes another's place."""

from __future__ import annotations

import contextlib
import fcntl
import filecmp
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pose_contract.errors import ImageError, UsageError
from pose_contract.names import IMAGE_SUFFIXES, TEMPORARY_PREFIX, is_image_name, printable, stem_of
from pose_contract.storage import sweep_temporaries, write_error
from pose_contract.workspace import Workspace
from stage_kit.command.progress import tell
from stage_kit.runs.listing import list_images
from stage_kit.runs.lock import locked

_FICLONE = 0x40049409  # linux/fs.h: the copy shares the disk's blocks until one of the two changes
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Photo:
    """A photo to be brought.

    Attributes:
        path: where it lies.
        name: below images/, if that is free: folders are mirrored.
        folder: the folder that it is from; part of the name where another photo has it.
        inside: whether it lies in images/ already.
    """

    path: Path
    name: str
    folder: str
    inside: bool = False


@dataclass
class Brought:
    """Names below images/, and the photos that could not be brought, with the reason."""

    names: list[str] = field(default_factory=list)
    failures: dict[Path, ImageError] = field(default_factory=dict)


def photos_in(sources: Sequence[Path], workspace: Workspace) -> list[Photo]:
    """The photos that these files and folders are; nothing is written.

    Raises:
        UsageError: a source that is not there, no picture, a folder without pictures, or a workspace.
    """
    return [photo for source in sources for photo in _photos_of(source, workspace)]


def _photos_of(source: Path, workspace: Workspace) -> Iterator[Photo]:
    images = workspace.path(workspace.images).resolve()
    place = source.resolve()
    if source.is_dir():
        if _is_workspace(source):
            raise UsageError(f"{source} is a workspace, not a folder of photos", f"run it: pose run -o '{source}'")
        for name in _names_in(source, workspace):
            inside = (place / name).is_relative_to(images)
            at = (place / name).relative_to(images).as_posix() if inside else name
            yield Photo(source / name, at, place.name, inside)
    elif not source.exists():
        raise UsageError(f"no photo and no folder {source}", "check the path")
    elif not is_image_name(source.name):
        raise UsageError(f"{source} is no picture", f"pictures are {' '.join(sorted(IMAGE_SUFFIXES))}, and folders")
    else:
        inside = place.is_relative_to(images)
        yield Photo(source, place.relative_to(images).as_posix() if inside else source.name, place.parent.name, inside)


def _names_in(folder: Path, workspace: Workspace) -> list[str]:
    """The pictures below a folder, but for those that the pipeline made: whole workspaces are passed over."""
    listing = list_images(Workspace(folder, images="."))
    inside_images = folder.resolve().is_relative_to(workspace.path(workspace.images).resolve())
    parents = {parent for name in listing.names for parent in PurePosixPath(name).parents[:-1]}
    passed_over = {parent for parent in parents if not inside_images and _is_workspace(folder / parent)}
    for parent in sorted(passed_over):
        tell(f"passed over: {folder / parent} is a workspace")
    for name in listing.unreadable_names:
        tell(f"passed over: the name {folder}/{name} is no UTF-8 text; rename it: convmv")
    return [name for name in listing.names if not passed_over & set(PurePosixPath(name).parents)]


def _is_workspace(folder: Path) -> bool:
    names = Workspace(folder)
    return all(names.path(part).is_dir() for part in (names.images, names.annots, names.reports))


def bring(photos: Sequence[Photo], workspace: Workspace) -> Brought:
    """Copies photos into images/, where they are not there yet; one that cannot be read stops no other.

    A photo whose name another one has gets its folder's name before it, then a number: b-1.jpg, b-2-1.jpg. So the same call gives the same
    names again, and copies nothing.

    Raises:
        WorkspaceError: not writable, disk full, or another `pose run` is bringing photos.
    """
    brought = Brought()
    with locked(workspace, "pose"):
        sweep_temporaries(workspace.path(workspace.images))
        taken = {stem_of(name): name for name in _names_there(workspace)}
        for photo in photos:
            try:
                brought.names.append(photo.name if photo.inside else _bring(photo, workspace, taken))
            except ImageError as error:
                brought.failures[photo.path] = error
    brought.names = list(dict.fromkeys(brought.names))
    return brought


def _names_there(workspace: Workspace) -> tuple[str, ...]:
    try:
        return list_images(workspace).names
    except UsageError:
        return ()


def _bring(photo: Photo, workspace: Workspace, taken: dict[str, str]) -> str:
    for name in _names_for(photo):
        target = workspace.path(workspace.image_file(name))
        owner = taken.get(stem_of(name))
        if owner is None:
            _copy(photo.path, target)
            taken[stem_of(name)] = name
            return name
        if owner == name and _are_equal(photo.path, target):
            return name
    raise AssertionError("there is always a next number")


def _names_for(photo: Photo) -> Iterator[str]:
    """`sub/1.jpg`, `sub/serves-1.jpg`, `sub/serves-2-1.jpg`, …

    Not `serves/1.jpg`: two photos whose file names are one number would share a COCO id.
    """
    name, folder = PurePosixPath(photo.name), photo.folder.lstrip(".") or "photos"
    yield photo.name
    yield str(name.with_name(f"{folder}-{name.name}"))
    yield from (str(name.with_name(f"{folder}-{number}-{name.name}")) for number in itertools.count(2))


def _are_equal(photo: Path, target: Path) -> bool:
    """Whether two files hold the same bytes; of one size and time they are taken to."""
    try:
        return filecmp.cmp(photo, target)
    except OSError as error:
        raise _unreadable(photo, error) from None


def _copy(photo: Path, target: Path) -> None:
    """A copy with the photo's time: whole, or not there at all. Raises ImageError, WorkspaceError."""
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}")
    try:
        source = photo.open("rb")
    except OSError as error:
        raise _unreadable(photo, error) from None
    with source:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                try:
                    fcntl.ioctl(file, _FICLONE, source.fileno())
                except OSError:  # another disk, or a file system that cannot share blocks
                    shutil.copyfileobj(source, file, _COPY_BYTES)
                file.flush()
                os.fsync(file.fileno())
            times = os.fstat(source.fileno())
            os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))
            temporary.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise write_error(target, error) from error


def _unreadable(photo: Path, error: OSError) -> ImageError:
    reason = f"{printable(str(photo))} cannot be read: {error.strerror}"
    return ImageError(reason, f"chmod a+r '{printable(str(photo))}'")
