"""Databases that are full, or may not be written: told by page, API and command, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient
from test_watch_api import ask, serve_watch  # noqa: F401

from pose_contract.workspace import Workspace
from web_app.server.application import unguarded
from web_app.server.settings import ServerSettings
from web_app.server.state import AppState
from web_app.watch.asking import EventQuery, events, visits
from web_app.watch.cli import run
from web_app.watch.script import ScriptEstimator
from web_app.watch.service import WatchService, WatchSettings
from web_app.watch.sources import Source
from web_app.watch.store import Store, open_store, sqlite_url
from web_app.watch.visits import Change
from web_app.watch.watcher import wait_until
from web_app.watch.writing import Changed, EventWriter, Opened

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BOX = (0.0, 0.0, 9.0, 9.0)
WATCH = ["-m", "web_app.watch.cli", "watch", "--source", "synthetic", "--no-window"]


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of its own, of a size that can be changed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "pose-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield lambda larger: subprocess.run(["mount", "-o", f"remount,size={larger}", str(folder)], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def put_events(writer: EventWriter, number: int) -> None:
    writer.put(Opened(1, "file", "demo", NOW, "m", "fp32", 30.0, "1"))
    for visit in range(1, number + 1):
        writer.put(Changed(1, Change("enter", visit, visit, visit, visit, 1, BOX, 0.9), NOW))


def walked(store: Store) -> list[int]:
    found: list[int] = []
    cursor: int | None = 0
    while cursor is not None:
        rows, cursor = events(store, EventQuery(after_id=cursor, limit=500))
        found += [row.track_no for row in rows]
    return found


def test_on_a_full_disk_events_wait_for_room_and_the_page_says_so(workspace: Workspace, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "400k") as resize:
        service = WatchService(workspace, WatchSettings(database=sqlite_url(tmp_path / "disk/events.sqlite")))
        with TestClient(unguarded(AppState(ServerSettings(workspace)), service)) as asked:
            assert asked.get("/readyz").text == "ok\n"
            writer = service.watcher().writer
            service.watcher().open()
            put_events(writer, 1_000)
            assert wait_until(lambda: "full" in writer.problem, 20), writer.problem
            assert asked.get("/readyz").status_code == 503
            assert asked.get("/api/v1/status").json()["storage"]["problem"] == writer.problem
            assert asked.get("/api/v1/events").status_code == 200  # what is there can be read
            assert asked.get("/watch").status_code == 200 and not writer.lost
            resize("40m")
            assert writer.flush(30) and asked.get("/readyz").status_code == 200
            assert walked(service.store()) == list(range(1, 1_001))


def test_a_database_without_room_for_a_page_loses_nothing(tmp_path: Path) -> None:
    """SQLite says of a file that may not grow what it says of a full disk."""
    store = open_store(sqlite_url(tmp_path / "events.sqlite"))
    room = ["1"]  # never less than what there is
    event.listen(store._engine, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count={room[0]}"))
    store._engine.dispose()
    writer = EventWriter(store)
    writer.start()
    put_events(writer, 600)
    assert wait_until(lambda: "full" in writer.problem, 20), writer.problem
    assert not writer.lost
    room[0] = "100000"
    store._engine.dispose()
    assert writer.flush(30) and not writer.problem
    writer.stop()
    assert walked(store) == list(range(1, 601))
    store.close()


def unprivileged() -> list[str]:
    """A prefix under which file permissions count, also for root."""
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if shutil.which("setpriv") is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("root, and no setpriv to give up its rights with")
    return prefix


def test_a_database_that_may_not_be_written_is_told(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    path = folder / "events.sqlite"
    open_store(sqlite_url(path)).close()
    command = [*unprivileged(), sys.executable, "-m", "web_app.watch.cli", "events"]
    for closed, mode in ((path, 0o444), (folder, 0o555)):
        closed.chmod(mode)
    for words, database in ((["purge", "--days", "0"], path), (["list"], folder / "new.sqlite")):
        flags = [*words, "--workspace", str(workspace.root), "--db", sqlite_url(database)]
        asked = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=100)
        assert asked.returncode == 5, asked.stderr
        assert "database" in asked.stderr and "-> " in asked.stderr and "Traceback" not in asked.stderr
        assert "readonly" in asked.stderr or "unable to open" in asked.stderr, asked.stderr
    folder.chmod(0o755)


def test_a_watcher_that_is_killed_leaves_no_visit_open_for_long(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole program, in the middle of a visit; B9."""
    at = ["--workspace", str(workspace.root)]
    url = sqlite_url(workspace.path("reports/watch.sqlite"))
    with subprocess.Popen([sys.executable, *WATCH, *at], stderr=subprocess.DEVNULL) as process:
        store = open_store(url)
        assert wait_until(lambda: any(one.leave_ms is None for one in visits(store, None, 0, 10)[0]), 30)
        process.send_signal(signal.SIGKILL)
    assert visits(store, None, 0, 10)[0][0].leave_ms is None
    assert run(["watch", "--source", "synthetic", "--no-window", "--seconds", "0.2", *at]) == 0
    ((first, *_), _) = visits(store, None, 0, 50)
    assert first.reason == "recovered" and first.leave_ms == first.enter_ms
    assert "recovered" in capsys.readouterr().out
    store.close()


def test_a_source_that_ends_or_breaks_off_is_told(serve_watch: Any, workspace: Workspace, tmp_path: Path) -> None:  # noqa: F811
    from workspaces import movie

    (tmp_path / "short.mp4").write_bytes(movie(8))
    (tmp_path / "broken.mp4").write_bytes(movie(8)[:-600])
    given = tuple(Source(name, "file", f"{name}.mp4", str(tmp_path / f"{name}.mp4")) for name in ("short", "broken"))
    address = serve_watch(WatchSettings(given, load=ScriptEstimator, paced=False))
    for name, state in (("short", "ended"), ("broken", "error"), ("short", "ended")):
        ask(f"{address}/api/v1/source", "PUT", {"source": name})
        assert wait_until(lambda: ask(f"{address}/api/v1/status")[1]["state"] in ("ended", "error"), 20)
        told = ask(f"{address}/api/v1/status")[1]
        assert told["state"] == state, told
        if state == "error":
            assert told["problem"].startswith("broken.mp4") and told["remedy"]
        else:
            assert told["frame"] == 7 and not told["problem"]
