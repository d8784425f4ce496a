from __future__ import annotations

import errno
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sample_records import annot

from pose_contract.errors import ImageError, WorkspaceError
from pose_contract.storage import (
    read_annot,
    record_paths,
    remove_file,
    write_bytes,
    write_chunks,
    write_error,
    write_record,
)


def test_a_written_file_is_whole_and_alone(tmp_path: Path) -> None:
    write_chunks(tmp_path / "sub/a.json", ["ä", b"b"])
    assert (tmp_path / "sub/a.json").read_text() == "äb"
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["a.json"]


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noted(file: int) -> None:
        fsync(file)
        path = Path(f"/proc/self/fd/{file}").readlink()
        assert path.read_bytes() == b"whole" and not (tmp_path / "a.json").exists()
        synced.append(path.name)

    monkeypatch.setattr(os, "fsync", noted)
    write_bytes(tmp_path / "a.json", b"whole")
    assert len(synced) == 1 and synced[0].startswith(".tmp-")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"old")

    def broken() -> Iterator[bytes]:
        yield b"ne"
        raise OSError(28, "No space left on device")

    with pytest.raises(WorkspaceError, match="No space left"):
        write_chunks(tmp_path / "a", broken())
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The operating system itself refuses to write more than `size` bytes, as on a full disk or over a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)


def test_a_full_disk_says_what_to_do(tmp_path: Path) -> None:
    with largest_file(1000), pytest.raises(WorkspaceError, match=r"File too large[\s\S]*free some disk space"):
        write_bytes(tmp_path / "a", b"x" * 5000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["n" * 256, "file/below", "folder", "full"])
def test_a_name_that_cannot_be_is_the_images_fault(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "full/inner").mkdir(parents=True)
    with pytest.raises(ImageError, match="rename"):
        write_bytes(tmp_path / name, b"x")


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    write_bytes(tmp_path / ("n" * 255), b"x")
    assert (tmp_path / ("n" * 255)).exists()


@pytest.mark.parametrize(
    "damage",
    [lambda text: text[:0], lambda text: text[:50], lambda text: text.replace('version": 1', 'version": 9')],
)
def test_a_damaged_record_reads_as_none(tmp_path: Path, damage: Callable[[str], str]) -> None:
    path = tmp_path / "a.json"
    write_record(path, annot())
    assert read_annot(path) == annot()
    path.write_text(damage(path.read_text()))
    assert read_annot(path) is None
    assert read_annot(tmp_path / "gone.json") is None


def test_records_are_listed_in_order_and_without_dot_files(tmp_path: Path) -> None:
    for name in ("b.json", "a/c.json", "._b.json", "a.txt"):  # macOS leaves ._ files on foreign disks
        write_bytes(tmp_path / name, b"x")
    assert [path.relative_to(tmp_path).as_posix() for path in record_paths(tmp_path)] == ["a/c.json", "b.json"]


def test_a_folder_in_place_of_a_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for name in ("folder", "file/below", "gone"):
        remove_file(tmp_path / name)
    assert (tmp_path / "folder").is_dir() and (tmp_path / "file").is_file()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything; tests/ tries it as another user")
def test_a_folder_that_is_not_mine(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"x")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(WorkspaceError, match="chown"):
            write_bytes(tmp_path / "b", b"x")
        with pytest.raises(WorkspaceError, match="chown"):
            remove_file(tmp_path / "a")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_named_like_a_record_is_none(tmp_path: Path) -> None:
    (tmp_path / "sub.json").mkdir()
    write_bytes(tmp_path / "sub.json/a.json", b"x")
    assert [path.name for path in record_paths(tmp_path)] == ["a.json"]


def test_two_threads_never_write_one_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary: list[str] = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: temporary.append(self.name) or replace(self, target))
    threads = [threading.Thread(target=write_bytes, args=(tmp_path / "a", b"x")) for _ in range(2)]
    write_bytes(tmp_path / "a", b"x")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(temporary)) >= 2, "the main thread's own, and the others'"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_goes_between_its_making_and_the_opening_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Path.mkdir
    times = iter(range(3))

    def unlucky(self: Path, **options: bool) -> None:
        """Another worker finds the new folder empty and removes it, three times over."""
        made(self, **options)
        if next(times, None) is not None:
            self.rmdir()

    monkeypatch.setattr(Path, "mkdir", unlucky)
    write_bytes(tmp_path / "sub/a", b"x")
    assert (tmp_path / "sub/a").read_bytes() == b"x"


def test_a_read_only_file_system_is_not_to_be_made_ones_own() -> None:
    told = write_error(Path("w/annots/a.json"), OSError(errno.EROFS, os.strerror(errno.EROFS)))
    assert isinstance(told, WorkspaceError) and "Read-only file system" in told.reason
    assert "mount it without `ro`" in told.remedy and "chown" not in told.remedy
