"""The live view's server: how long a list of 500 events takes, how many questions a second it answers while it streams,
and whether its memory stays flat.

.venv/bin/python benchmarks/watch_server.py [--seconds 10] [--memory SECONDS --video VIDEO]
"""

from __future__ import annotations

import argparse
import http.client
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from websockets.sync.client import connect

from web_app.watch.asking import EventQuery, events
from web_app.watch.store import open_store, sqlite_url

MANY = 10_000
CLIENTS = 4
ASKED = "/api/v1/events?limit=100&order=desc"


def main() -> int:
    """Prints a line a measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--memory", type=float, metavar="SECONDS", help="watch for so long, and tell the memory")
    parser.add_argument("--video", type=Path, help="what is watched for that, again and again")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        (workspace / "images").mkdir()
        (workspace / "reports").mkdir()
        fill(workspace / "reports/watch.sqlite")
        if args.memory is not None:
            memory(workspace, args.video, args.memory)
            return 0
        lists(workspace / "reports/watch.sqlite")
        questions(workspace, args.seconds)
    return 0


def fill(path: Path) -> None:
    """Ten thousand events of one session."""
    open_store(sqlite_url(path)).close()
    moment = "2026-01-02 03:04:05.000000"
    with sqlite3.connect(path) as raw:
        raw.execute(f"INSERT INTO session VALUES (1, 'file', 'demo', '{moment}', '{moment}', 'm', 'fp32', 30, '1')")
        for visit in range(1, MANY // 2 + 1):
            values = (visit, 1, visit, visit, visit, 0, 1, 0.9, "0 0 9 9", "0 0 9 9", "edge")
            raw.execute(f"INSERT INTO visit VALUES ({', '.join('?' * 11)})", values)
            for kind in ("enter", "leave"):
                values = (1, visit, visit, kind, moment, visit, visit, visit, 1, "edge")
                raw.execute(f"INSERT INTO event VALUES (NULL, {', '.join('?' * 10)})", values)


def lists(path: Path) -> None:
    """A list of 500 of 10,000, from the database."""
    store = open_store(sqlite_url(path))
    for name, query in (
        ("newest", EventQuery(limit=500, order="desc")),
        ("after an id", EventQuery(limit=500, after_id=5_000)),
        ("of a kind", EventQuery(limit=500, kind="enter", after_id=5_000)),
    ):
        computed = time.process_time()
        times = timed(lambda query=query: events(store, query), 100)  # type: ignore[misc]
        computed = 10 * (time.process_time() - computed)
        print(f"500 of {MANY:,} events, {name}: {told(times)}; {computed:.1f} ms of computing time")
    store.close()


def timed(what: Callable[[], object], number: int) -> list[float]:
    """Milliseconds of each call."""
    times = []
    for _ in range(number):
        begun = time.perf_counter()
        what()
        times.append(1000 * (time.perf_counter() - begun))
    return times


def told(times: list[float]) -> str:
    """Median and 95th percentile."""
    return f"median {statistics.median(times):.1f} ms, p95 {statistics.quantiles(times, n=20)[-1]:.1f} ms"


class Server:
    """`web-app serve` in a process of its own."""

    def __init__(self, workspace: Path, *flags: str) -> None:
        command = [sys.executable, "-m", "web_app.watch.cli", "serve", str(workspace), "--port", "0", *flags]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.host = self.process.stderr.readline().split()[-1].removeprefix("http://").rstrip("/")

    def ask(self, method: str, path: str, body: str | None = None) -> bytes:
        """One question by a connection of its own."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 200, data
        connection.close()
        return data

    def watch(self, source: str) -> None:
        """Watches it."""
        self.ask("PUT", "/api/v1/source", f'{{"source": "{source}"}}')

    def rss_mb(self) -> float:
        """Its memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS"))) / 1024

    def computed(self) -> float:
        """Seconds of computing time up to now."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait(30)


def questions(workspace: Path, seconds: float) -> None:
    """Asked by several at a time while the script is watched by one viewer."""
    server = Server(workspace)
    frames = 0
    over = threading.Event()

    def look() -> None:
        nonlocal frames
        with connect(f"ws://{server.host}/ws") as viewer:
            while not over.is_set():
                viewer.recv(timeout=20)
                frames += 1

    server.watch("synthetic")
    looking = threading.Thread(target=look)
    looking.start()
    while not frames:
        time.sleep(0.1)
    begun, before, computed = time.perf_counter(), frames, server.computed()
    times: list[float] = []

    def asking() -> None:
        connection = http.client.HTTPConnection(server.host, timeout=60)
        while time.perf_counter() - begun < seconds:
            start = time.perf_counter()
            connection.request("GET", ASKED)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            times.append(1000 * (time.perf_counter() - start))
        connection.close()

    clients = [threading.Thread(target=asking) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    passed, computed = time.perf_counter() - begun, server.computed() - computed
    print(
        f"{len(times) / passed:.0f} questions a second for 100 events each, by {CLIENTS} clients: {told(times)}; "
        f"beside it {(frames - before) / passed:.1f} frames a second for one viewer; "
        f"{1000 * computed / len(times):.1f} ms of computing time a question, frames included"
    )
    over.set()
    looking.join()
    server.stop()


def memory(workspace: Path, video: Path | None, seconds: float) -> None:
    """Of the server while it watches a file again and again, as fast as it can be looked at, with one viewer."""
    source, flags = "synthetic", ["--as-fast"]
    if video is not None:
        source, flags = "bench", [*flags, "--add-source", f"bench={video.resolve()}", "--weights", "lite"]
    server = Server(workspace, *flags)
    over = threading.Event()
    frames = 0

    def look() -> None:
        nonlocal frames
        with connect(f"ws://{server.host}/ws", max_size=None) as viewer:
            while not over.is_set():
                viewer.recv(timeout=60)
                frames += 1

    server.watch(source)
    looking = threading.Thread(target=look)
    looking.start()
    begun, found = time.monotonic(), []
    while time.monotonic() - begun < seconds:
        time.sleep(5)
        found.append(server.rss_mb())
        if b'"state":"running"' not in server.ask("GET", "/api/v1/status"):
            server.watch(source)
    tenth = max(1, len(found) // 10)
    means = [statistics.mean(found[at : at + tenth]) for at in range(0, len(found), tenth)]
    told_means = " ".join(f"{mean:.0f}" for mean in means)
    print(f"{seconds:.0f} s of {source}, {frames} pictures shown; MB, a mean each tenth: {told_means}")
    over.set()
    looking.join()
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
