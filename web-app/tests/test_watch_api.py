"""The live view's API: who may ask, what is refused, streams, pages by cursor."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from pose_contract.workspace import Workspace
from web_app.server.application import application
from web_app.server.settings import ServerSettings
from web_app.watch.script import ScriptEstimator
from web_app.watch.service import WatchService, WatchSettings
from web_app.watch.sources import Source
from web_app.watch.store import open_store, sqlite_url
from web_app.watch.visits import Change
from web_app.watch.watcher import wait_until
from web_app.watch.writing import Changed, EventWriter, Opened

TOKEN = "0123456789abcdef"
DOOR = Source("door", "rtsp", "rtsp://***@127.0.0.1:9/x", "rtsp://me:secret@127.0.0.1:9/x")
Serve = Callable[..., str]


@pytest.fixture
def serve_watch(workspace: Workspace) -> Iterator[Serve]:
    """Starts a server whose networks are the script."""
    stops: list[Callable[[], None]] = []

    def start(watch: WatchSettings | None = None, **settings: Any) -> str:
        watch = watch or WatchSettings((DOOR,), load=ScriptEstimator)
        service = WatchService(workspace, watch)
        app = application(ServerSettings(workspace, port=0, **settings), workspace.root.parent / "thumbnails", service)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        assert wait_until(lambda: server.started, 20)

        def stop() -> None:
            service.end_streams()
            server.should_exit = True
            thread.join(20)

        stops.append(stop)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for stop in stops:
        stop()


def ask(address: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    told = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address, data, told, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    assert "Traceback" not in text and "secret" not in text
    return status, json.loads(text) if text.startswith(("{", "[")) else text


def test_a_source_is_chosen_by_id_alone(serve_watch: Serve) -> None:
    address = serve_watch()
    status, found = ask(f"{address}/api/v1/sources")
    assert status == 200 and [one["id"] for one in found["sources"]] == ["door", "camera", "demo", "synthetic"]
    for body, expected in (
        ({"source": "synthetic"}, 200), ({"kind": "synthetic"}, 200), ({"source": "none"}, 404), ({}, 422),
        ({"source": "file:///etc/passwd"}, 404), ({"source": "http://127.0.0.1/"}, 404), ({"source": 3}, 422),
        ({"source": "x" * 100}, 422), ({"source": "synthetic", "path": "/etc"}, 422), ([], 422),
    ):  # fmt: skip
        assert ask(f"{address}/api/v1/source", "PUT", body)[0] == expected, body
    assert wait_until(lambda: ask(f"{address}/api/v1/status")[1]["state"] == "running", 10)
    assert ask(f"{address}/api/v1/source", "DELETE")[1]["state"] == "idle"
    assert ask(f"{address}/api/v1/source", "PUT", {"source": "door"})[0] == 200
    assert wait_until(lambda: ask(f"{address}/api/v1/status")[1]["state"] == "error", 20)


def test_strangers_are_refused(serve_watch: Serve) -> None:
    address = serve_watch()
    assert ask(f"{address}/api/v1/source", "PUT", {"source": "synthetic"}, Origin="http://evil.example")[0] == 403
    assert ask(f"{address}/api/v1/status", Host="evil.example")[0] == 421
    for origin in ("http://evil.example", "null"):
        with pytest.raises(WebSocketException):
            connect(f"{address.replace('http', 'ws')}/ws", origin=origin)  # type: ignore[arg-type]
    locked = serve_watch(token=TOKEN)
    assert ask(f"{locked}/api/v1/events")[0] == 401 and ask(f"{locked}/stream.mjpg")[0] == 401
    with pytest.raises(WebSocketException):
        connect(f"{locked.replace('http', 'ws')}/ws")
    assert ask(f"{locked}/api/v1/events", Authorization=f"Bearer {TOKEN}")[0] == 200
    with connect(f"{locked.replace('http', 'ws')}/ws", additional_headers={"Authorization": f"Bearer {TOKEN}"}):
        pass


def test_frames_come_with_what_is_known_of_them(serve_watch: Serve) -> None:
    address = serve_watch()
    ask(f"{address}/api/v1/source", "PUT", {"source": "synthetic"})
    with connect(f"{address.replace('http', 'ws')}/ws") as viewer:
        frames = []
        for _ in range(5):
            data = viewer.recv(timeout=10)
            assert isinstance(data, bytes)
            length = int.from_bytes(data[:4], "big")
            frames.append(json.loads(data[4 : 4 + length]))
            assert data[4 + length : 6 + length] == b"\xff\xd8"
        assert [one["frame"] for one in frames] == sorted({one["frame"] for one in frames})
        assert ask(f"{address}/api/v1/status")[1]["viewers"] == 1
    assert wait_until(lambda: ask(f"{address}/api/v1/status")[1]["viewers"] == 0, 5)


def test_mjpeg_many_viewers_and_a_limit(serve_watch: Serve) -> None:
    address = serve_watch()
    ask(f"{address}/api/v1/source", "PUT", {"source": "synthetic"})
    viewers = [urllib.request.urlopen(f"{address}/stream.mjpg", timeout=20) for _ in range(16)]
    parts = viewers[0].read(200_000).split(b"--frame\r\n")
    assert len(parts) > 2 and all(b"Content-Type: image/jpeg" in part for part in parts[1:-1])
    assert ask(f"{address}/stream.mjpg")[0] == 503
    status = ask(f"{address}/api/v1/status")[1]
    assert status["viewers"] == 16 and status["frames_encoded"] <= status["frame"] + 1
    for viewer in viewers:
        viewer.close()
    assert wait_until(lambda: ask(f"{address}/api/v1/status")[1]["viewers"] == 0, 10)
    assert urllib.request.urlopen(f"{address}/snapshot.jpg").read(2) == b"\xff\xd8"


def filled(workspace: Workspace, number: int) -> None:
    """A store with that many visits, one a second."""
    store = open_store(sqlite_url(workspace.path("reports/watch.sqlite")))
    writer = EventWriter(store)
    now = datetime(2026, 1, 2, tzinfo=UTC)
    writer.start()
    writer.put(Opened(1, "file", "demo", now, "m", "fp32", 30.0, "1"))
    for visit in range(1, number + 1):
        change = Change("enter", visit, visit, 30 * visit, visit + 0.3, visit, (0, 0, 9, 9), 0.9)
        writer.put(Changed(1, change, now + timedelta(seconds=visit)))
    assert writer.flush(60)
    writer.stop()
    store.close()


def test_events_by_cursor_page_csv_and_minute(serve_watch: Serve, workspace: Workspace) -> None:
    filled(workspace, 120)
    address = f"{serve_watch()}/api/v1"
    found: list[int] = []
    cursor = 0
    while cursor is not None:
        _, page = ask(f"{address}/events?after_id={cursor}&limit=50")
        found += [one["track_no"] for one in page["events"]]
        cursor = page["next"]
    assert found == list(range(1, 121))
    _, page = ask(f"{address}/events?order=desc&limit=1&kind=enter&until=2026-01-02T00:00:31Z")
    assert page["events"][0]["track_no"] == 30 and page["events"][0]["ts_utc"] == "2026-01-02T00:00:30.000Z"
    assert len(ask(f"{address}/events.csv")[1].splitlines()) == 121
    assert ask(f"{address}/stats")[1]["minutes"][0] == {"minute": "2026-01-02T00:00:00Z", "enters": 59, "leaves": 0}
    assert ask(f"{address}/sessions/1")[1]["fps"] == 30 and ask(f"{address}/sessions/7")[0] == 404
    assert len(ask(f"{address}/visits?session=1&limit=500")[1]["visits"]) == 120
    _, old = ask(address.replace("/api/v1", "/detections?page=2&per-page=50"))
    assert old["pagination"] == {"count": 120, "page": 2, "per_page": 50, "pages": 3}
    assert old["results"][0]["track_no"] == 70


@pytest.mark.parametrize(
    "query",
    ["limit=501", "limit=0", "kind=x", "after_id=-1", "after_id=99999999999", "order=up", "since=yesterday",
     "since=2026-01-02T00:00:00", "session=x", "until=0001-01-01T00:00:00Z"],
)  # fmt: skip
def test_bad_values_are_422(serve_watch: Serve, query: str) -> None:
    status, told = ask(f"{serve_watch()}/api/v1/events?{query}")
    assert status == 422 and told["title"]


def test_events_come_as_they_happen(serve_watch: Serve) -> None:
    address = serve_watch()
    with urllib.request.urlopen(f"{address}/api/v1/events/stream", timeout=20) as stream:
        ask(f"{address}/api/v1/source", "PUT", {"source": "synthetic"})
        for line in stream:
            if line.startswith(b"data:"):
                assert json.loads(line[5:])["kind"] == "enter"
                break


def test_a_database_that_fails_is_told_and_pages_stay(serve_watch: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database" * 200)
    address = serve_watch(WatchSettings(database=sqlite_url(tmp_path / "file")))
    for path in ("/api/v1/events", "/api/v1/status", "/readyz"):
        status, told = ask(address + path)
        assert status == 503 and "database" in told["title"]
    assert ask(f"{address}/watch")[0] == 200 and ask(f"{address}/healthz") == (200, "ok\n")


def test_two_hundred_questions_while_it_streams(serve_watch: Serve, workspace: Workspace) -> None:
    filled(workspace, 50)
    address = serve_watch()
    ask(f"{address}/api/v1/source", "PUT", {"source": "synthetic"})
    with connect(f"{address.replace('http', 'ws')}/ws") as viewer:
        assert all(ask(f"{address}/api/v1/events?limit=500")[0] == 200 for _ in range(200))
        assert viewer.recv(timeout=10)


def test_a_slow_reader_loses_frames_not_the_loop(serve_watch: Serve) -> None:
    address = serve_watch()
    ask(f"{address}/api/v1/source", "PUT", {"source": "synthetic"})
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(f"GET /stream.mjpg HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert wait_until(lambda: ask(f"{address}/api/v1/status")[1]["dropped"] > 3, 20)
        before = ask(f"{address}/api/v1/status")[1]["frame"]
        time.sleep(0.5)
        assert ask(f"{address}/api/v1/status")[1]["frame"] > before


def test_it_stops_while_somebody_watches(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "web_app.watch.cli", "serve", str(workspace.root), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = process.stderr.readline().split()[-1].rstrip("/")
        ask(f"{address}/api/v1/source", "PUT", {"source": "synthetic"})
        with urllib.request.urlopen(f"{address}/stream.mjpg", timeout=20) as stream:
            assert stream.read(1000)
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
    assert process.returncode == 0 and "Traceback" not in rest and "ERROR" not in rest, rest
