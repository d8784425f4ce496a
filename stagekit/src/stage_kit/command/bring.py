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

from pydantic import TypeAdapter, ValidationError

from pose_contract.errors import ImageError, StageError, UsageError
from pose_contract.names import (
    IMAGE_SUFFIXES,
    TEMPORARY_PREFIX,
    VIDEO_SUFFIXES,
    is_image_name,
    is_video_name,
    printable,
    stem_of,
)
from pose_contract.storage import write_bytes, write_error
from pose_contract.workspace import Workspace
from stage_kit.command.progress import tell
from stage_kit.regular_files import open_regular
from stage_kit.runs.listing import list_images
from stage_kit.runs.lock import locked
from stage_kit.runs.removal import sweep_temporaries

_FICLONE = 0x40049409  # linux/fs.h: the copy shares the disk's blocks until one of the two changes
_COPY_BYTES = 1 << 20

Origin = tuple[str, int, int]
_ORIGINS = TypeAdapter(dict[str, Origin])


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
        UsageError: a source that is not there, neither picture nor video, a folder without pictures, or a workspace.
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
    elif not is_image_name(source.name) and not is_video_name(source.name):
        known = " ".join(sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES))
        raise UsageError(f"{source} is no picture and no video", f"bring {known}, or folders of them")
    else:
        inside = place.is_relative_to(images)
        yield Photo(source, place.relative_to(images).as_posix() if inside else source.name, place.parent.name, inside)


def _names_in(folder: Path, workspace: Workspace) -> list[str]:
    """The pictures and videos below a folder, but for those that the pipeline made: workspaces are passed over."""
    listing = list_images(Workspace(folder, images="."))
    inside_images = folder.resolve().is_relative_to(workspace.path(workspace.images).resolve())
    names = (*listing.names, *listing.videos)
    parents = {parent for name in names for parent in PurePosixPath(name).parents[:-1]}
    passed_over = {parent for parent in parents if not inside_images and _is_workspace(folder / parent)}
    for parent in sorted(passed_over):
        tell(f"passed over: {folder / parent} is a workspace")
    for name in listing.unreadable_names:
        tell(f"passed over: the name {folder}/{name} is no UTF-8 text; rename it: convmv")
    return [name for name in names if not passed_over & set(PurePosixPath(name).parents)]


def _is_workspace(folder: Path) -> bool:
    names = Workspace(folder)
    return all(names.path(part).is_dir() for part in (names.images, names.annots, names.reports))


class Register:
    """Which photo each file in images/ was copied from, by path, size and time: a rerun need not compare bytes.

    Size and time alone would not do: two cameras that count alike write files of one name, size and second.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._path = workspace.path(f"{workspace.reports}/.brought.json")
        self._origins: dict[str, Origin] = {}
        with contextlib.suppress(OSError, ValidationError):
            self._origins = _ORIGINS.validate_json(self._path.read_bytes())

    def holds(self, photo: Path, name: str) -> bool:
        """Whether the file of that name is the photo. Raises ImageError where the photo cannot be read."""
        target = self._workspace.path(self._workspace.image_file(name))
        try:
            origin = _origin(photo)
            if self._origins.get(name) == origin and _origin(target)[1:] == origin[1:]:
                return True
            equal = filecmp.cmp(photo, target, shallow=False)
        except OSError as error:
            raise _unreadable(photo, error) from None
        if equal:
            self._origins[name] = origin
        return equal

    def copy(self, photo: Path, name: str) -> None:
        """Copies the photo to that name. Raises ImageError, WorkspaceError."""
        _copy(photo, self._workspace.path(self._workspace.image_file(name)))
        self._origins[name] = _origin(photo)

    def save(self) -> None:
        """A failure to write it is no error: the next call compares bytes."""
        with contextlib.suppress(StageError):
            write_bytes(self._path, _ORIGINS.dump_json(self._origins))


def _origin(path: Path) -> Origin:
    status = path.stat()
    return printable(str(path.resolve())), status.st_size, status.st_mtime_ns


def bring(photos: Sequence[Photo], workspace: Workspace) -> Brought:
    """Copies photos into images/, where they are not there yet; one that cannot be read stops no other.

    A photo whose name another one has gets its folder's name before it, then a number: serves-1.jpg, serves-2-1.jpg.
    So the same call gives the same names again, and copies nothing.

    Raises:
        WorkspaceError: not writable, disk full, or another `pose run` is bringing photos.
    """
    brought = Brought()
    with locked(workspace, "pose"):
        sweep_temporaries(workspace.path(workspace.images))
        register = Register(workspace)
        taken = {stem_of(name): name for name in _names_there(workspace)}
        try:
            for photo in photos:
                try:
                    brought.names.append(photo.name if photo.inside else _bring(photo, register, taken))
                except ImageError as error:
                    brought.failures[photo.path] = error
        finally:
            register.save()
    brought.names = list(dict.fromkeys(brought.names))
    return brought


def _names_there(workspace: Workspace) -> tuple[str, ...]:
    try:
        return list_images(workspace).names
    except UsageError:
        return ()


def _bring(photo: Photo, register: Register, taken: dict[str, str]) -> str:
    for name in _names_for(photo):
        owner = taken.get(stem_of(name))
        if owner is None:
            register.copy(photo.path, name)
            taken[stem_of(name)] = name
            return name
        if owner == name and register.holds(photo.path, name):
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


def _copy(photo: Path, target: Path) -> None:
    """A copy with the photo's time: whole, or not there at all. Raises ImageError, WorkspaceError."""
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}")
    try:
        source = os.fdopen(open_regular(photo), "rb")
    except OSError as error:
        raise _unreadable(photo, error) from None
    with source:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)  # a link, perhaps, or left by a process of this number
            with temporary.open("xb") as file:
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
    remedy = f"chmod a+r '{printable(str(photo))}'" if isinstance(error, PermissionError) else "look at the file"
    return ImageError(reason, remedy)
