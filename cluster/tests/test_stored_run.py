"""A stage's run over an object store, in this process: the bytes of one machine, however often it is killed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from conftest import pictures
from fsspec.registry import _registry
from stores import QUICK, CountingSystem, downloaded, in_memory, opened, uploaded, whole

from pose_cluster.storage.object_store import ObjectStore, open_store
from pose_cluster.storage.scratch import PREFIX, Scratch
from pose_contract.errors import UsageError, WorkspaceError
from pose_contract.storage import read_report
from stage_kit.runs.stage_run import open_run
from stage_kit.stages import stage_facts
from stage_kit.testing import workspace_bytes


@pytest.fixture
def wanted(fresh: Path) -> dict[str, bytes]:
    """What one process makes of it."""
    (fresh / "pose.toml").write_text("")
    root = fresh.with_name("wanted")
    shutil.copytree(fresh, root)
    open_run(stage_facts("double_stage"), ["--workspace", str(root), "--quiet"]).whole()  # type: ignore[attr-defined]
    return workspace_bytes(root)


@pytest.fixture
def store(wanted: dict[str, bytes], fresh: Path) -> ObjectStore:
    """One in memory, with the pictures."""
    result = in_memory()
    uploaded(fresh, result)
    return result


def over(store: ObjectStore, scratch: Path, *words: str, shard_size: int = 5, backwards: bool = False) -> Any:
    stage = stage_facts("double_stage")
    return whole(stage, opened(store, scratch, words), shard_size, backwards)


@pytest.mark.parametrize(("shard_size", "backwards"), [(1, False), (5, True), (50, False)])
def test_any_shards_give_the_bytes_of_one_machine(
    store: ObjectStore, wanted: dict[str, bytes], tmp_path: Path, shard_size: int, backwards: bool
) -> None:
    report = over(store, tmp_path / "scratch", shard_size=shard_size, backwards=backwards)
    assert downloaded(store) == wanted
    assert (report.counts.processed, report.counts.failed, report.counts.images) == (23, 1, 24)
    kept = json.loads(store.read("reports/double-stage.json") or b"")
    assert [failure["file"] for failure in kept["failures"]] == ["images/003.png"]
    left = [path for path in (tmp_path / "scratch").rglob("*") if path.is_file() and path.name != ".lock"]
    assert {path.relative_to(tmp_path).parts[3] for path in left} == {"pose.toml", "reports"}


def test_a_file_system_is_a_store_too(wanted: dict[str, bytes], fresh: Path, tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/store")
    uploaded(fresh, store)
    over(store, tmp_path / "scratch")
    assert downloaded(store) == workspace_bytes(tmp_path / "store") == wanted
    assert read_report(tmp_path / "store/reports/double-stage.json") is not None


def test_a_rerun_reads_records_and_no_pictures(store: ObjectStore, wanted: dict[str, bytes], tmp_path: Path) -> None:
    over(store, tmp_path / "scratch")
    store.system.asked.clear()
    report = over(store, tmp_path / "scratch")
    assert (report.counts.processed, report.counts.skipped, report.counts.failed) == (0, 23, 1)
    read = store.system.of("get_file", "cat_file")
    assert [name for name in read if name.endswith(".png")] == ["003.png"], "the one that fails"
    assert not [name for name in store.system.of("put_file") if name.endswith((".png.json", ".jpg"))]
    assert downloaded(store) == wanted


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"images/001.png": b"100"}, {"001.png"}),
        ({"images/0000.png": b"7"}, {"0000.png"}),  # the blocks move by one
        ({"images/more/004.png": None}, set()),
        ({"images/zzz.mp4.png": b"8"}, {"zzz.mp4.png"}),
    ],
)
def test_only_what_has_changed_is_read_and_stale_outputs_go(
    store: ObjectStore, fresh: Path, tmp_path: Path, change: dict[str, bytes | None], asked: set[str]
) -> None:
    over(store, tmp_path / "scratch")
    for file, data in change.items():
        if data is None:
            (fresh / file).unlink()
            store.remove(file)
        else:
            (fresh / file).write_bytes(data)
            store.put(fresh / file, file)
    store.system.asked.clear()
    over(store, tmp_path / "scratch")
    read = {name for name in store.system.of("get_file") if name.endswith(".png")}
    assert read == asked | {"003.png"}
    open_run(stage_facts("double_stage"), ["--workspace", str(fresh), "--quiet"]).whole()  # type: ignore[attr-defined]
    assert downloaded(store) == workspace_bytes(fresh)


def test_a_death_at_every_change_leaves_what_a_rerun_mends(
    tmp_path: Path,
) -> None:
    fresh, store = pictures(tmp_path / "fresh", 6), in_memory()
    uploaded(fresh, store)
    store.system.asked.clear()
    over(store, tmp_path / "scratch", shard_size=4)
    wanted, changes = downloaded(store), len(store.system.of("put_file", "rm_file"))
    assert changes >= 12
    for dies_at in range(changes):
        mortal = in_memory()
        uploaded(fresh, mortal)
        mortal.system.left = dies_at
        with pytest.raises(SystemExit):
            over(mortal, tmp_path / "scratch", shard_size=4)
        there = downloaded(mortal)
        for file in [file for file in there if file.startswith("annots/")]:
            picture = file.replace("annots/", "inspect/").removesuffix(".json") + ".jpg"
            assert there[picture] == wanted[picture], "the record is the done-mark"
        mortal.system.left = -1
        over(mortal, tmp_path / "scratch", shard_size=4)
        assert downloaded(mortal) == wanted, dies_at


def test_what_another_worker_has_put_since_the_listing_is_no_harm(
    store: ObjectStore, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    """A worker was lost after it had put half of its shard."""
    one, other = (opened(store, tmp_path / "scratch") for _ in range(2))
    names = one.listing().names
    one.shard(names, "1of1")
    again = other.shard(names, "1of1")
    assert (again.counts.processed, again.counts.skipped) == (0, 23)


def test_a_record_that_somebody_edits_meanwhile_is_kept_and_said_so(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(store, tmp_path / "scratch")
    changed = tmp_path / "changed.png"
    changed.write_bytes(b"50")
    store.put(changed, "images/001.png")
    run = opened(store, tmp_path / "scratch")
    names = run.listing().names

    inner = run._inner.shard

    def edited_meanwhile(*arguments: Any) -> Any:
        report = inner(*arguments)
        changed.write_bytes(b'{"of": "a person", "double": 3}')
        store.put(changed, "annots/001.png.json")
        return report

    monkeypatch.setattr(run._inner, "shard", edited_meanwhile)
    report = run.shard(names, "1of1")
    assert store.read("annots/001.png.json") == changed.read_bytes()
    assert [failure.file for failure in report.failures] == ["images/003.png", "annots/001.png.json"]
    assert (report.counts.processed, report.counts.failed) == (0, 2)


def test_a_full_scratch_disk_ends_the_run_and_loses_nothing(
    store: ObjectStore, wanted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 12

    class FullDisk(CountingSystem):
        def __getattr__(self, name: str) -> Any:
            inner = super().__getattr__(name)
            if name != "get_file":
                return inner

            def fetched(*arguments: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return inner(*arguments)

            return fetched

    full = ObjectStore(store.uri, store.root, FullDisk(store.system.system), QUICK)
    with pytest.raises(WorkspaceError, match=r"the scratch folder .*/scratch is full") as caught:
        over(full, tmp_path / "scratch")
    assert "--scratch DIR" in caught.value.remedy
    assert not [path for path in (tmp_path / "scratch").rglob("*.png") if path.is_file()], "it is emptied"
    assert 0 < len([file for file in downloaded(store) if file.startswith("annots/")]) < 23
    report = over(store, tmp_path / "scratch")
    assert downloaded(store) == wanted and report.counts.skipped > 0


def test_a_stage_that_finds_the_disk_full_has_its_work_put(
    store: ObjectStore, wanted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(store, tmp_path / "scratch")
    names = run.listing().names

    def full(some: Any, shard: str, among: Any = ()) -> Any:
        inner(names[:10], shard, among)
        raise WorkspaceError(
            f"cannot write {run._scratch.root}/annots/x.json: {os.strerror(errno.ENOSPC)}", "free some"
        )

    inner = run._inner.shard
    monkeypatch.setattr(run._inner, "shard", full)
    with pytest.raises(WorkspaceError, match=r"the scratch folder .*/scratch is full"):
        run.shard(names, "1of1")
    assert len([file for file in downloaded(store) if file.startswith("annots/")]) == 9
    over(store, tmp_path / "scratch")
    assert downloaded(store) == wanted


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 KB, for scratch."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "pose-test", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_on_a_small_disk_a_smaller_shard_helps(store: ObjectStore, wanted: dict[str, bytes], small_disk: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"the scratch folder .*/small is full") as caught:
        over(store, small_disk, shard_size=50)
    assert "--shard-size" in caught.value.remedy
    over(store, small_disk, shard_size=5)
    assert downloaded(store) == wanted


def test_odd_objects_are_passed_over(store: ObjectStore, wanted: dict[str, bytes], tmp_path: Path) -> None:
    memory = store.system.system
    for odd in ("images//twice.png", "images/more/" + "n" * 300 + ".png", "images/../out.png"):
        memory.store[f"{store.root}/{odd}"] = fsspec.implementations.memory.MemoryFile(memory, odd, b"9")
    report = over(store, tmp_path / "scratch")
    assert report.counts.images == 24
    assert {file: data for file, data in downloaded(store).items() if file in wanted} == wanted


def test_a_killed_worker_s_scratch_is_removed_by_the_next_one(tmp_path: Path) -> None:
    alive = Scratch(str(tmp_path))
    dead = tmp_path / f"{PREFIX}dead"
    (dead / "workspace/images").mkdir(parents=True)
    (dead / ".lock").touch()
    (dead / "workspace/images/a.jpg").write_bytes(b"left")
    another = Scratch(str(tmp_path))
    assert not dead.exists() and alive.root.is_dir() and another.root.is_dir()
    another.close()
    assert alive.root.is_dir() and not another.root.exists()


@pytest.mark.parametrize(
    ("uri", "message", "remedy"),
    [
        ("memory://poses", "memory:// lies in one process", "s3://"),
        ("ftpx://host/poses", "no storage is called ftpx://", "s3://"),
        ("s3://", "no bucket is named", "s3://BUCKET"),
    ],
)
def test_what_is_no_store_is_refused(uri: str, message: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(uri)
    assert message in str(caught.value) and remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("scheme", "package"), [("s3", "make setup CLUSTER=1"), ("gs", "pip install"), ("az", "adlfs")]
)
def test_a_missing_package_is_named(scheme: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("s3fs", "gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(_registry, scheme, raising=False)
    with pytest.raises(UsageError, match=f"{scheme}:// needs a package that is not installed") as caught:
        open_store(f"{scheme}://bucket/poses")
    assert package in caught.value.remedy
