"""Fetching, against a server on this machine that fails in every way that hosts of weights have failed."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from pose_contract.errors import UsageError, WeightsError, WorkspaceError
from stage_kit.weights import fetch as fetch_module
from stage_kit.weights import fetch_display
from stage_kit.weights.fetch import Patience, fetch, fetch_command, fetch_each
from stage_kit.weights.fetch_display import Display
from stage_kit.weights.published import PublishedWeights, published_weights

BODY = b"\x80\x02weights" + bytes(range(256)) * 1200
OTHER = BODY[:-1] + b"?"
SHA256 = hashlib.sha256(BODY).hexdigest()
PATIENCE = Patience(tries=3, pause_seconds=0.01, timeout_seconds=5)

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Plays the next scripted answer of its path; the last one stays."""

    def do_GET(self) -> None:
        host = cast("Host", self.server.host)  # type: ignore[attr-defined]
        path = self.path.split("?")[0]
        host.requests.append((self.path, self.headers.get("Range")))
        script = host.scripts[path]
        answer = script.pop(0) if len(script) > 1 else script[0]
        answer(self)

    @property
    def first_byte(self) -> int:
        return int(self.headers.get("Range", "bytes=0-")[len("bytes=") : -1])

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def body(self, data: bytes) -> None:
        cast("Host", self.server.host).sent.append(len(data))  # type: ignore[attr-defined]
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@dataclass
class Host:
    """A local server, what it was asked for and how much it sent."""

    port: int
    scripts: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    def url(self, path: str, *answers: Answer) -> str:
        self.scripts[path] = list(answers)
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def ranges(self) -> list[str | None]:
        return [asked for _path, asked in self.requests]


@dataclass
class Ear:
    """Hears what a fetch tells."""

    lines: list[str] = field(default_factory=list)
    counts: list[tuple[int, int | None]] = field(default_factory=list)

    @property
    def display(self) -> Display:
        return Display(say=self.lines.append, received=lambda done, total: self.counts.append((done, total)))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def file_of(data: bytes = BODY, **more: object) -> Answer:
    """The file, from the byte that was asked for."""

    def answer(handler: Handler) -> None:
        start = handler.first_byte
        extent = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        handler.head(206 if start else 200, Content_Length=len(data) - start, **extent, **more)
        handler.body(data[start:])

    return answer


def cut_after(count: int, data: bytes = BODY) -> Answer:
    """Promises the rest of the file, sends `count` bytes of it, and hangs up."""

    def answer(handler: Handler) -> None:
        start = handler.first_byte
        extent = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        handler.head(206 if start else 200, Content_Length=len(data) - start, **extent)
        handler.body(data[start : start + count])

    return answer


def deaf_to_range(handler: Handler) -> None:
    handler.head(200, Content_Length=len(BODY))
    handler.body(BODY)


def without_length(data: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(200)
        handler.body(data)

    return answer


def status(code: int, **headers: object) -> Answer:
    return lambda handler: handler.head(code, Content_Length=0, **headers)


def page(text: str, kind: str = "text/html; charset=utf-8") -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(200, Content_Type=kind, Content_Length=len(text))
        handler.body(text.encode())

    return answer


def entry(*mirrors: str, **more: object) -> PublishedWeights:
    facts: dict[str, object] = {"name": "net.pth", "stage": "hrn-stage", "network": "n", "data": "d", "licence": "MIT"}
    known: dict[str, object] = {"size_bytes": len(BODY), "sha256": SHA256}
    return PublishedWeights.model_validate(facts | known | {"mirrors": mirrors} | more)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.host = Host(server.server_address[1])  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.host  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


@pytest.fixture
def dead_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/net.pth"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "weights"


def part_of(folder: Path, data: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "net.pth.part"
    part.write_bytes(data)
    return part


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_verified_and_alone_in_the_folder(host: Host, folder: Path) -> None:
    ear = Ear()
    path = fetch(entry(host.url("/a", file_of())), folder, progress=ear.display, patience=PATIENCE)
    assert path == folder / "net.pth"
    assert path.read_bytes() == BODY
    assert names_in(folder) == ["net.pth"]
    assert ear.counts[-1] == (len(BODY), len(BODY))
    assert "fetched, verified by its sha256" in ear.text


def test_a_file_is_on_the_disk_before_it_takes_its_name(
    host: Host, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _file: synced.append(names_in(folder)))
    fetch(entry(host.url("/a", file_of())), folder, patience=PATIENCE)
    assert synced == [["net.pth.part"]] and names_in(folder) == ["net.pth"]


def test_a_truncated_file_is_resumed_with_only_the_rest_sent(host: Host, folder: Path) -> None:
    ear = Ear()
    url = host.url("/a", cut_after(100_000), file_of())
    assert fetch(entry(url), folder, progress=ear.display, patience=PATIENCE).read_bytes() == BODY
    assert host.ranges == [None, "bytes=100000-"]
    assert host.sent == [100_000, len(BODY) - 100_000]
    assert f"the connection ended after 100000 of {len(BODY)} bytes" in ear.text


def test_truncation_is_noticed_where_only_the_host_knows_the_size(host: Host, folder: Path) -> None:
    weights = entry(host.url("/a", cut_after(100_000), file_of()), size_bytes=None, sha256=None)
    assert fetch(weights, folder, trust=True, patience=PATIENCE).read_bytes() == BODY


def test_a_host_that_always_hangs_up_is_given_up_and_the_part_kept(host: Host, folder: Path) -> None:
    with pytest.raises(WeightsError, match="the connection ended after 300 of"):
        fetch(entry(host.url("/a", cut_after(100))), folder, patience=PATIENCE)
    assert len(host.requests) == PATIENCE.tries
    assert (folder / "net.pth.part").read_bytes() == BODY[:300]
    assert not (folder / "net.pth").exists()


def test_a_broken_connection_with_headway_costs_no_try(host: Host, folder: Path) -> None:
    large = bytes(range(256)) * (6 * 4096)
    url = host.url("/a", cut_after(fetch_module.HEADWAY_BYTES, large))
    weights = entry(url, size_bytes=len(large), sha256=hashlib.sha256(large).hexdigest())
    assert fetch(weights, folder, patience=PATIENCE).read_bytes() == large
    assert len(host.requests) == 6


def test_a_leftover_part_is_resumed(host: Host, folder: Path) -> None:
    part_of(folder, BODY[:70_000])
    assert fetch(entry(host.url("/a", file_of())), folder, patience=PATIENCE).read_bytes() == BODY
    assert host.ranges == ["bytes=70000-"]
    assert host.sent == [len(BODY) - 70_000]


def test_a_whole_leftover_part_needs_no_request(host: Host, folder: Path) -> None:
    part_of(folder, BODY)
    assert fetch(entry(host.url("/a", file_of())), folder, patience=PATIENCE).read_bytes() == BODY
    assert host.requests == []


def test_a_part_longer_than_the_file_is_thrown_away(host: Host, folder: Path) -> None:
    part_of(folder, BODY + b"more")
    assert fetch(entry(host.url("/a", file_of())), folder, patience=PATIENCE).read_bytes() == BODY
    assert host.ranges == [None]


def test_a_host_that_ignores_range_is_read_from_its_first_byte(host: Host, folder: Path) -> None:
    part_of(folder, BODY[:70_000])
    assert fetch(entry(host.url("/a", deaf_to_range)), folder, patience=PATIENCE).read_bytes() == BODY
    assert host.ranges == ["bytes=70000-"]
    assert host.sent == [len(BODY)]


def test_another_range_than_asked_for_is_not_appended(host: Host, folder: Path) -> None:
    def shifted(handler: Handler) -> None:
        handler.head(206, Content_Range=f"bytes 5-{len(BODY) - 1}/{len(BODY)}", Content_Length=len(BODY) - 5)
        handler.body(BODY[5:])

    part_of(folder, BODY[:70_000])
    ear = Ear()
    url = host.url("/a", shifted, file_of())
    assert fetch(entry(url), folder, progress=ear.display, patience=PATIENCE).read_bytes() == BODY
    assert "another range" in ear.text
    assert host.ranges == ["bytes=70000-", None]


def test_416_starts_anew(host: Host, folder: Path) -> None:
    part_of(folder, b"no start of this file")
    url = host.url("/a", status(416, Content_Range="bytes */7"), file_of())
    assert fetch(entry(url), folder, patience=PATIENCE).read_bytes() == BODY
    assert host.ranges == ["bytes=21-", None]


def test_416_at_the_end_of_the_file_means_that_all_is_there(host: Host, folder: Path) -> None:
    part_of(folder, BODY)
    url = host.url("/a", status(416, Content_Range=f"bytes */{len(BODY)}"))
    assert fetch(entry(url, size_bytes=None), folder, patience=PATIENCE).read_bytes() == BODY
    assert host.ranges == [f"bytes={len(BODY)}-"]


def test_a_wrong_hash_is_never_used_and_the_next_mirror_is_asked_from_the_start(host: Host, folder: Path) -> None:
    ear = Ear()
    weights = entry(host.url("/wrong", file_of(OTHER)), host.url("/right", file_of()))
    assert fetch(weights, folder, progress=ear.display, patience=PATIENCE).read_bytes() == BODY
    assert host.requests == [("/wrong", None), ("/right", None)]
    assert "not the published file: sha256" in ear.text


def test_a_wrong_hash_alone_leaves_nothing(host: Host, folder: Path) -> None:
    with pytest.raises(WeightsError, match="not the published file"):
        fetch(entry(host.url("/wrong", file_of(OTHER))), folder, patience=PATIENCE)
    assert names_in(folder) == []
    assert len(host.requests) == 1


def test_a_wrong_leftover_part_does_not_cost_the_mirror(host: Host, folder: Path) -> None:
    part_of(folder, b"x" * 1000)
    assert fetch(entry(host.url("/a", file_of())), folder, patience=PATIENCE).read_bytes() == BODY
    assert host.ranges == ["bytes=1000-", None]


def test_a_wrong_prefix_hash_is_refused_and_a_right_one_accepted(host: Host, folder: Path) -> None:
    url = host.url("/a", file_of())
    with pytest.raises(WeightsError, match="not the published file"):
        fetch(entry(url, size_bytes=None, sha256=None, sha256_prefix="00000000"), folder, patience=PATIENCE)
    assert names_in(folder) == []
    ear = Ear()
    weights = entry(url, size_bytes=None, sha256=None, sha256_prefix=SHA256[:8])
    assert fetch(weights, folder, progress=ear.display, patience=PATIENCE).read_bytes() == BODY
    assert "8 published digits" in ear.text


def test_another_size_is_refused_before_it_is_fetched(host: Host, folder: Path) -> None:
    part = part_of(folder, BODY[:10])
    with pytest.raises(WeightsError, match=f"offers {len(BODY) + 3} bytes instead of {len(BODY)}"):
        fetch(entry(host.url("/a", file_of(BODY + b"end"))), folder, patience=PATIENCE)
    assert part.read_bytes() == BODY[:10]
    assert len(host.requests) == 1


def test_an_answer_without_end_is_stopped(host: Host, folder: Path) -> None:
    with pytest.raises(WeightsError, match="sends more than"):
        fetch(entry(host.url("/a", without_length(BODY + b"more"))), folder, patience=PATIENCE)
    assert names_in(folder) == []


def test_a_file_without_content_length_is_fetched(host: Host, folder: Path) -> None:
    url = host.url("/a", without_length(BODY))
    assert fetch(entry(url, size_bytes=None), folder, patience=PATIENCE).read_bytes() == BODY


def test_an_empty_answer_is_no_file(host: Host, folder: Path) -> None:
    with pytest.raises(WeightsError, match="an empty answer"):
        fetch(entry(host.url("/a", without_length(b"")), size_bytes=None, sha256=None), folder, True, patience=PATIENCE)
    assert names_in(folder) == []


@pytest.mark.parametrize(
    "html",
    [
        page("<p>Moved, see elsewhere</p>"),
        page("\n<!DOCTYPE html><title>Quota exceeded</title>", kind="application/octet-stream"),
        page("<HTML><body>", kind="application/octet-stream"),
    ],
)
def test_html_instead_of_weights_is_said_and_the_next_mirror_asked(host: Host, folder: Path, html: Answer) -> None:
    ear = Ear()
    weights = entry(host.url("/html", html), host.url("/right", file_of()), size_bytes=None)
    assert fetch(weights, folder, progress=ear.display, patience=PATIENCE).read_bytes() == BODY
    assert "an HTML page instead of weights" in ear.text
    assert [path for path, _range in host.requests] == ["/html", "/right"]


def test_html_is_not_kept_even_where_nothing_verifies_the_file(host: Host, folder: Path) -> None:
    url = host.url("/html", page("<html><title>\n Drive -  Quota exceeded</title>"))
    with pytest.raises(WeightsError, match="'Drive - Quota exceeded'"):
        fetch(entry(url, size_bytes=None, sha256=None), folder, trust=True, patience=PATIENCE)
    assert names_in(folder) == []


def test_html_does_not_spoil_a_part(host: Host, folder: Path) -> None:
    part = part_of(folder, BODY[:10])
    with pytest.raises(WeightsError, match="HTML"):
        fetch(entry(host.url("/html", page("<html>"))), folder, patience=PATIENCE)
    assert part.read_bytes() == BODY[:10]


DRIVE_PAGE = """<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>
<form action="/search"><input type="hidden" name="q" value="no"></form>
<form id="download-form" action="/real" method="get"><input type="submit" value="Download anyway"/>
<input type="hidden" name="id" value="1_wn2"><input type="hidden" name="export" value="download">
<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="a&amp;b"></form></body></html>"""


@pytest.mark.parametrize("have", [0, 5000])
def test_the_confirmation_page_of_drive_is_answered(host: Host, folder: Path, have: int) -> None:
    if have:
        part_of(folder, BODY[:have])
    weights = entry(host.url("/download", page(DRIVE_PAGE)), size_bytes=None)
    host.url("/real", file_of(Content_Type="application/octet-stream"))
    assert fetch(weights, folder, patience=PATIENCE).read_bytes() == BODY
    assert host.requests[1] == (
        "/real?id=1_wn2&export=download&confirm=t&uuid=a%26b",
        f"bytes={have}-" if have else None,
    )


def test_a_confirmation_page_that_leads_to_another_is_given_up(host: Host, folder: Path) -> None:
    weights = entry(host.url("/download", page(DRIVE_PAGE)))
    host.url("/real", page(DRIVE_PAGE.replace("Virus scan warning", "Quota exceeded")))
    with pytest.raises(WeightsError, match="Quota exceeded"):
        fetch(weights, folder, patience=PATIENCE)
    assert len(host.requests) == 2


def test_a_confirmation_page_leads_to_no_local_file(host: Host, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bait").write_bytes(BODY)
    form = f'<html><form action="file://{tmp_path}/bait"><input type="hidden" name="confirm" value="t"></form>'
    with pytest.raises(WeightsError, match="HTML"):
        fetch(entry(host.url("/download", page(form))), folder, patience=PATIENCE)


def test_a_dead_mirror_is_followed_by_the_next(host: Host, folder: Path, dead_url: str) -> None:
    weights = entry(dead_url, host.url("/right", file_of()))
    assert fetch(weights, folder, patience=PATIENCE).read_bytes() == BODY


def test_the_second_mirror_goes_on_where_the_first_stopped(host: Host, folder: Path) -> None:
    weights = entry(host.url("/first", cut_after(50_000), status(404)), host.url("/second", file_of()))
    assert fetch(weights, folder, patience=PATIENCE).read_bytes() == BODY
    assert host.requests[-1] == ("/second", "bytes=50000-")


def test_a_host_that_falls_silent_is_left(host: Host, folder: Path) -> None:
    woken = threading.Event()

    def silent(handler: Handler) -> None:
        handler.head(200, Content_Length=len(BODY))
        handler.body(BODY[:1000])
        woken.wait(20)

    weights = entry(host.url("/silent", silent), host.url("/right", file_of()))
    ear = Ear()
    impatient = Patience(tries=1, pause_seconds=0.01, timeout_seconds=0.3)
    assert fetch(weights, folder, progress=ear.display, patience=impatient).read_bytes() == BODY
    assert "no answer in time" in ear.text
    woken.set()


def test_a_host_that_keeps_the_connection_open_is_not_waited_for(host: Host, folder: Path) -> None:
    woken = threading.Event()

    def lingering(handler: Handler) -> None:
        file_of()(handler)
        woken.wait(20)

    started = time.monotonic()
    fetch(entry(host.url("/a", lingering)), folder, patience=PATIENCE)
    assert time.monotonic() - started < 4
    woken.set()


def test_a_server_error_is_tried_again_and_a_missing_file_is_not(host: Host, folder: Path) -> None:
    weights = entry(host.url("/gone", status(404)), host.url("/busy", status(503), file_of()))
    assert fetch(weights, folder, patience=PATIENCE).read_bytes() == BODY
    assert [path for path, _range in host.requests] == ["/gone", "/busy", "/busy"]


def test_when_all_mirrors_fail_each_is_listed_with_its_reason(host: Host, folder: Path, dead_url: str) -> None:
    gone, html = host.url("/gone", status(404)), host.url("/html", page("<html>"))
    with pytest.raises(WeightsError) as caught:
        fetch(entry(dead_url, gone, html), folder, patience=PATIENCE)
    lines = [line.strip() for line in caught.value.reason.splitlines()[1:]]
    assert lines == [
        *(dead_url, "Connection refused"),
        *(gone, "the host answered 404 Not Found"),
        *(html, "an HTML page instead of weights"),
    ]
    assert f"by hand to {folder / 'net.pth'}\n" in caught.value.remedy
    assert caught.value.remedy.endswith("make weights NAME=net.pth")
    assert names_in(folder) == []


def test_a_file_without_a_hash_is_refused_unless_trusted(host: Host, folder: Path) -> None:
    weights = entry(host.url("/a", file_of()), size_bytes=None, sha256=None)
    with pytest.raises(WeightsError, match=r"No hash of net\.pth is published") as caught:
        fetch(weights, folder, patience=PATIENCE)
    assert "make weights NAME=net.pth TRUST=1" in caught.value.remedy
    assert host.requests == []
    ear = Ear()
    assert fetch(weights, folder, trust=True, progress=ear.display, patience=PATIENCE).read_bytes() == BODY
    assert f"NOT verified (no hash of it is published), sha256 {SHA256}" in ear.text


def test_trust_does_not_switch_off_a_published_hash(host: Host, folder: Path) -> None:
    with pytest.raises(WeightsError, match="not the published file"):
        fetch(entry(host.url("/a", file_of(OTHER))), folder, trust=True, patience=PATIENCE)


def test_a_verified_file_that_is_there_is_left_alone(host: Host, folder: Path) -> None:
    folder.mkdir()
    (folder / "net.pth").write_bytes(BODY)
    ear = Ear()
    fetch(entry(host.url("/a", file_of())), folder, progress=ear.display, patience=PATIENCE)
    assert "already here, verified by its sha256" in ear.text
    assert host.requests == []


def test_a_wrong_file_that_is_there_is_said_and_replaced(host: Host, folder: Path) -> None:
    folder.mkdir()
    (folder / "net.pth").write_bytes(OTHER)
    ear = Ear()
    path = fetch(entry(host.url("/a", file_of())), folder, progress=ear.display, patience=PATIENCE)
    assert path.read_bytes() == BODY
    assert "not the published one: sha256" in ear.text


def test_a_wrong_file_stays_until_the_right_one_is_there(host: Host, folder: Path) -> None:
    folder.mkdir()
    (folder / "net.pth").write_bytes(b"old")
    with pytest.raises(WeightsError):
        fetch(entry(host.url("/a", status(404))), folder, patience=PATIENCE)
    assert (folder / "net.pth").read_bytes() == b"old"


@pytest.mark.parametrize("place", ["a file", "a place where nobody may write"])
def test_an_unwritable_folder_is_the_users_to_mend(host: Host, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    # /proc refuses even root.
    folder = tmp_path / "file" if place == "a file" else Path("/proc/weights")
    with pytest.raises(WorkspaceError, match=str(folder)) as caught:
        fetch(entry(host.url("/a", file_of())), folder, patience=PATIENCE)
    assert "POSE_WEIGHTS" in caught.value.remedy
    assert host.requests == []


def test_a_full_disk_is_no_fault_of_the_mirror(host: Host, folder: Path) -> None:
    folder.mkdir()
    (folder / "net.pth.part").symlink_to("/dev/full")
    with pytest.raises(WorkspaceError, match="No space left") as caught:
        fetch(entry(host.url("/a", file_of())), folder, patience=PATIENCE)
    assert "free some disk space" in caught.value.remedy
    assert caught.value.exit_code == 5
    assert len(host.requests) == 1


def test_a_disk_that_takes_only_part_of_the_last_bytes_is_noticed(host: Host, folder: Path) -> None:
    weights = entry(host.url("/a", file_of()))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(BODY) - 1, limits[1]))
    try:
        with pytest.raises(WorkspaceError, match="File too large"):
            fetch(weights, folder, patience=PATIENCE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (folder / "net.pth.part").read_bytes() == BODY[:-1]


def test_a_name_taken_by_a_folder_is_the_users_to_mend(host: Host, folder: Path) -> None:
    (folder / "net.pth").mkdir(parents=True)
    with pytest.raises(WorkspaceError, match=r"net\.pth"):
        fetch(entry(host.url("/a", file_of())), folder, patience=PATIENCE)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_fetch_leaves_a_part_that_the_next_one_resumes(host: Host, folder: Path, how: signal.Signals) -> None:
    killed = threading.Event()

    def halting(handler: Handler) -> None:
        handler.head(200, Content_Length=len(BODY))
        handler.body(BODY[:123_456])
        killed.wait(30)

    weights = entry(host.url("/a", halting, file_of()))
    program = (
        "import sys; from pathlib import Path; from stage_kit.weights.fetch import fetch;"
        "from stage_kit.weights.published import PublishedWeights as P;"
        "fetch(P.model_validate_json(sys.argv[1]), Path(sys.argv[2]))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, weights.model_dump_json(), str(folder)], stderr=subprocess.DEVNULL
    )
    part, deadline = folder / "net.pth.part", time.monotonic() + 30
    while not (part.exists() and part.stat().st_size == 123_456):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.02)
    assert names_in(folder) == ["net.pth.part"]
    child.send_signal(how)
    assert child.wait(30) != 0
    killed.set()
    assert part.read_bytes() == BODY[:123_456]
    assert fetch(weights, folder, patience=PATIENCE).read_bytes() == BODY
    assert host.ranges == [None, "bytes=123456-"]


def test_two_fetches_at_once_do_the_work_once(host: Host, folder: Path) -> None:
    second_waits = threading.Event()

    def patient(handler: Handler) -> None:
        handler.head(200, Content_Length=len(BODY))
        handler.body(BODY[:1000])
        second_waits.wait(20)
        handler.body(BODY[1000:])

    weights = entry(host.url("/a", patient))
    first = threading.Thread(target=fetch, args=(weights, folder), kwargs={"patience": PATIENCE})
    first.start()
    while not (folder / "net.pth.part").exists() or (folder / "net.pth.part").stat().st_size == 0:
        time.sleep(0.01)
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        second_waits.set()

    fetch(weights, folder, progress=Display(say=hear, received=lambda _done, _total: None), patience=PATIENCE)
    first.join(20)
    assert (folder / "net.pth").read_bytes() == BODY
    assert names_in(folder) == ["net.pth"]
    assert len(host.requests) == 1
    assert "waiting" in lines[0]
    assert "another fetch has just brought it" in lines[1]


def test_the_second_of_two_fetches_takes_over_when_the_first_fails(host: Host, folder: Path) -> None:
    second_waits = threading.Event()

    def failing(handler: Handler) -> None:
        second_waits.wait(20)
        handler.head(404)

    weights = entry(host.url("/a", failing, file_of()))
    outcome: list[WeightsError] = []

    def first_fetch() -> None:
        with pytest.raises(WeightsError) as caught:
            fetch(weights, folder, patience=PATIENCE)
        outcome.append(caught.value)

    first = threading.Thread(target=first_fetch)
    first.start()
    while not host.requests:
        time.sleep(0.01)
    display = Display(say=lambda _line: second_waits.set(), received=lambda _done, _total: None)
    assert fetch(weights, folder, progress=display, patience=PATIENCE).read_bytes() == BODY
    first.join(20)
    assert len(outcome) == 1
    assert names_in(folder) == ["net.pth"]


def test_one_file_that_fails_does_not_stop_the_others(
    host: Host, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [
        entry(host.url("/gone", status(404)), name="first.pth"),
        entry(host.url("/right", file_of()), name="second.pth"),
        entry(host.url("/html", page("<html>")), name="third.pth"),
    ]
    with pytest.raises(WeightsError) as caught:
        fetch_each(wanted, folder, trust=False, patience=PATIENCE)
    assert "404" in caught.value.reason
    assert "HTML" in caught.value.reason
    assert names_in(folder) == ["second.pth"]
    printed = capsys.readouterr().out
    assert "first.pth: not fetched" in printed
    assert "second.pth: fetched, verified" in printed


def test_a_log_gets_a_line_now_and_then(
    host: Host, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_display, "LOG_EVERY_SECONDS", 0.0)
    fetch_each([entry(host.url("/a", file_of()))], folder, trust=False, patience=PATIENCE)
    assert "net.pth: 0.3 of 0.3 MB (100%)" in capsys.readouterr().out


def test_a_log_is_not_flooded(host: Host, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch_each([entry(host.url("/a", file_of()))], folder, trust=False, patience=PATIENCE)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_terminal_gets_a_bar(
    host: Host, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(handler: Handler) -> None:
        handler.head(200, Content_Length=len(BODY))
        for start in range(0, len(BODY), 50_000):
            handler.body(BODY[start : start + 50_000])
            time.sleep(0.15)

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fetch_each([entry(host.url("/a", slow))], folder, trust=False, patience=PATIENCE)
    captured = capsys.readouterr()
    assert "net.pth:" in captured.err
    assert "%|" in captured.err
    assert "fetched, verified" in captured.out


def test_the_command_refuses_what_is_not_published(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(folder))
    with pytest.raises(UsageError, match=r"did you mean yolov3\.weights"):
        fetch_command(["yolov3.weight"], trust=False)
    with pytest.raises(UsageError, match="by name"):
        fetch_command([], trust=True)
    with pytest.raises(WeightsError, match="No hash"):
        fetch_command(["pose_hrnet_w32_256x256.pth"], trust=False)
    assert not folder.exists()


def test_the_command_fetches_the_named_file_into_the_weights_folder(
    host: Host, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(folder))
    table = (entry(host.url("/a", file_of())), *published_weights())
    monkeypatch.setattr("stage_kit.weights.published.published_weights", lambda: table)
    fetch_command(["net.pth"], trust=False)
    assert (folder / "net.pth").read_bytes() == BODY
    fetch_command(["net.pth"], trust=False)
    assert "already here" in capsys.readouterr().out
    assert len(host.requests) == 1
