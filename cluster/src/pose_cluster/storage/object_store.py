"""A workspace's objects through fsspec; what fails in passing is tried again."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pose_cluster.storage.failures import first_line, is_full, is_of_a_store, may_pass, meant, not_opened
from pose_cluster.storage.layout import is_file_name
from pose_cluster.storage.transfers import Stored
from pose_contract.errors import UsageError
from pose_contract.names import TEMPORARY_PREFIX

KEYS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "updated", "mtime", "created")
# The client's own tries are left out: they would multiply with ours.
CLIENT: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"total_max_attempts": 1}}}
}
HEAD_BYTES = 4096
Value = TypeVar("Value")


@dataclass(frozen=True)
class Patience:
    """How often something is tried, and the longest wait between two tries, which doubles up to that, at random."""

    tries: int = 6
    most_seconds: float = 20.0


@dataclass(frozen=True)
class ObjectStore:
    """The objects below `root` of a file system of fsspec. Names are relative to it; all methods are safe in threads.

    What stays broken is raised as a StageError, of the user's words.
    """

    uri: str
    root: str
    system: Any
    patience: Patience = field(default_factory=Patience)

    def listed(self, folder: str, beginning: str = "") -> dict[str, Stored]:
        """All objects below a folder whose path there begins so; those that can be files."""
        inside, _, start = beginning.rpartition("/")
        path = "/".join(part for part in (self.root, folder, inside) if part)
        more = {"prefix": start} if start and self._takes_prefixes else {}
        found = self._tried(f"list {folder}/", lambda: self.system.find(path, detail=True, **more), dict)
        files = self._files(found)
        return {file: stored for file, stored in files.items() if file.startswith(f"{folder}/{beginning}")}

    def beside(self, folder: str = "") -> dict[str, Stored]:
        """The objects in a folder, without those of folders in it."""
        path = f"{self.root}/{folder}".rstrip("/")
        found = self._tried(f"list {folder or 'it'}", lambda: self.system.ls(path, detail=True), list)
        return self._files({info["name"]: info for info in found if info["type"] == "file"})

    def folders(self, folder: str) -> list[str]:
        """The folders in a folder."""
        path = f"{self.root}/{folder}"
        found = self._tried(f"list {folder}/", lambda: self.system.ls(path, detail=True), list)
        names = (self._relative(info["name"]) for info in found if info["type"] == "directory")
        return sorted(name for name in names if name is not None and name != folder)

    def has(self, folder: str) -> bool:
        """Whether anything lies in a folder."""
        path = f"{self.root}/{folder}"
        return bool(self._tried(f"list {folder}/", lambda: self.system.ls(path, detail=False), list))

    def stored(self, file: str) -> Stored | None:
        """What lies there now; None where nothing does."""
        info = self._tried(f"look for {file}", lambda: self.system.info(self._path(file)), _nothing)
        return None if info is None or info["type"] != "file" else _stored(info)

    def fetch(self, file: str, target: Path) -> bool:
        """Copies an object into a file; whether it was there."""
        return self._tried(f"read {file}", lambda: self._fetch(file, target), lambda: False, to_disk=True)

    def head(self, file: str, size: int) -> bytes | None:
        """The first bytes of an object of that size; None where there is none."""
        most = min(size, HEAD_BYTES)
        if not most:
            return b""
        found = self._tried(f"read {file}", lambda: self.system.cat_file(self._path(file), start=0, end=most), _nothing)
        return None if found is None else bytes(found)

    def read(self, file: str) -> bytes | None:
        """An object's bytes; None where there is none."""
        found = self._tried(f"read {file}", lambda: self.system.cat_file(self._path(file)), _nothing)
        return None if found is None else bytes(found)

    def put(self, source: Path, file: str) -> None:
        """Copies a file into an object, which is there whole or as it was before."""
        self._tried(f"write {file}", lambda: self._put(source, file))

    def remove(self, file: str) -> None:
        """Removes an object, if it is there."""
        self._tried(f"remove {file}", lambda: self.system.rm_file(self._path(file)), _nothing)

    def _fetch(self, file: str, target: Path) -> bool:
        self.system.get_file(self._path(file), str(target))
        return True

    def _put(self, source: Path, file: str) -> None:
        if "file" not in _protocols(self.system):  # all others put an object whole or not at all
            self.system.put_file(str(source), self._path(file))
            return
        name = f"{TEMPORARY_PREFIX}{socket.gethostname()}-{os.getpid()}-{source.stat().st_ino}"
        temporary = f"{self.root}/reports/{name}"
        self.system.makedirs(f"{self.root}/reports", exist_ok=True)
        self.system.put_file(str(source), temporary)
        self.system.makedirs(self._path(file).rpartition("/")[0], exist_ok=True)
        Path(temporary).replace(self._path(file))

    def _path(self, file: str) -> str:
        return f"{self.root}/{file}"

    def _relative(self, path: str) -> str | None:
        file = path.strip("/").removeprefix(self.root.strip("/")).lstrip("/")
        return file if file and is_file_name(file) else None

    def _files(self, found: Mapping[str, Any]) -> dict[str, Stored]:
        files = ((self._relative(path), info) for path, info in found.items() if info["type"] == "file")
        return {file: _stored(info) for file, info in files if file is not None}

    @property
    def _takes_prefixes(self) -> bool:
        return bool({"s3", "gs", "gcs"} & {*_protocols(self.system)})

    def _tried(
        self, doing: str, action: Callable[[], Value], absent: Callable[[], Value] | None = None, to_disk: bool = False
    ) -> Value:
        """What the action gives, tried again while its failures may pass; `absent`: what no such object means.

        Raises StageError, and OSError where what is written `to_disk` fills it.
        """
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

        retrying = Retrying(
            stop=stop_after_attempt(self.patience.tries),
            wait=wait_random_exponential(0.5, self.patience.most_seconds),
            retry=retry_if_exception(may_pass),
            reraise=True,
        )
        try:
            return retrying(action)
        except FileNotFoundError as error:
            if absent is not None:
                return absent()
            raise meant(self.uri, doing, error) from error
        except Exception as error:
            if not is_of_a_store(error) or (to_disk and is_full(error)):
                raise
            raise meant(self.uri, doing, error) from error


def open_store(uri: str, patience: Patience | None = None) -> ObjectStore:
    """The store at that URI; nothing is asked of it yet. Raises UsageError."""
    scheme = uri.partition("://")[0]
    if scheme == "memory":
        raise UsageError(
            "memory:// lies in one process: no worker would see it", "s3:// gs:// az:// file://, or a path"
        )
    try:
        import tenacity  # noqa: F401 - told here, and not by the first worker that needs it
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]
    except ImportError as error:
        raise UsageError(f"object storage needs a package: {first_line(error)}", "make setup CLUSTER=1") from None
    try:
        system, root = url_to_fs(uri, use_listings_cache=False, skip_instance_cache=True, **CLIENT.get(scheme, {}))
    except Exception as error:  # of any package for any store
        raise not_opened(uri, error) from None
    if scheme == "s3":
        system.retries = 1
    if not root.strip("/"):
        raise UsageError(f"--workspace {uri}: no bucket is named", "s3://BUCKET/FOLDER, for example")
    return ObjectStore(uri.rstrip("/"), root.rstrip("/"), system, patience or Patience())


def require_photos(store: ObjectStore) -> None:
    """Refuses a store without anything in images/, such as a misspelt one. Raises UsageError, WorkspaceError."""
    if not store.has("images"):
        remedy = f"check its name; else put photos there, as {store.uri}/images/a.jpg"
        raise UsageError(f"no workspace {store.uri}: nothing lies in its images/", remedy)


def _nothing() -> None:
    """There is no such object."""


def _protocols(system: Any) -> tuple[str, ...]:
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)


def _stored(info: Mapping[str, Any]) -> Stored:
    name = next((name for name in KEYS if info.get(name) is not None), "")
    value = info.get(name)
    if isinstance(value, datetime):  # a listing may tell it as a number, and the object itself as a date
        value = value.timestamp()
    key = f"{name} {value}"
    return Stored(int(info["size"] or 0), key)
