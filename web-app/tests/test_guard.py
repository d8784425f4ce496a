"""Who may ask, and what every answer says."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from pose_contract.errors import UsageError
from pose_contract.workspace import Workspace
from web_app.server.application import application, unguarded
from web_app.server.guard import Guard
from web_app.server.settings import ServerSettings
from web_app.server.state import AppState

TOKEN = "correct-horse-battery"


def client(workspace: Workspace, base: str = "http://127.0.0.1:8040", **settings: object) -> TestClient:
    app = application(ServerSettings(workspace, **settings), workspace.root.parent / "thumbnails")  # type: ignore[arg-type]
    return TestClient(app, base_url=base, follow_redirects=False)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("", False),
        ("evil.example", False),
        ("evil.example:8040", False),
        ("127.0.0.1.evil.example", False),
        ("192.168.1.9:8040", False),
        ("127.0.0.1", True),
        ("LOCALHOST:8040", True),
        ("[::1]:8040", True),
    ],
)
def test_only_our_own_names_lead_here(workspace: Workspace, host: str, known: bool) -> None:
    assert client(workspace).get("/healthz", headers={"Host": host}).status_code == (200 if known else 421)


def test_other_machines_may_use_an_address_or_a_name_that_was_given(workspace: Workspace) -> None:
    settings = ServerSettings(workspace, "0.0.0.0", token=TOKEN, names=("atelier.local",))
    known = ["192.168.1.9:8040", "[fd00::1]:8040", "atelier.local:8040", "Atelier.Local"]
    assert all(map(settings.knows_host, known)) and not settings.knows_host("evil.example:8040")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 422),  # no page: a program
        ({"Origin": "http://127.0.0.1:8040"}, 422),
        ({"Sec-Fetch-Site": "same-origin"}, 422),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_a_page_of_somebody_else_writes_nothing(workspace: Workspace, headers: dict[str, str], status: int) -> None:
    asked = client(workspace)
    found = asked.get("/api/v1/entries").json()["entries"][0]["id"]
    answer = asked.put(f"/api/v1/photos/{found}", json={"people": 1}, headers={"If-Match": '"x"', **headers})
    assert answer.status_code == status, answer.text


def test_a_form_of_somebody_else_is_no_json(workspace: Workspace) -> None:
    asked = client(workspace)
    found = asked.get("/api/v1/entries?q=a.jpg").json()["entries"][0]["id"]
    before = workspace.path(workspace.annot_file("a.jpg")).read_bytes()
    etag = asked.get(f"/api/v1/photos/{found}").headers["ETag"]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": kind, "If-Match": etag}
        answer = asked.put(f"/api/v1/photos/{found}", content=b'{"people": []}', headers=headers)
        assert answer.status_code == 422
    assert workspace.path(workspace.annot_file("a.jpg")).read_bytes() == before


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/nothing", "/static/app.css", "/api/v1/entries", "/api/v1/photos/x"]
)
def test_every_answer_has_the_headers_that_protect(workspace: Workspace, path: str) -> None:
    headers = client(workspace).get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers and "x-powered-by" not in headers


def test_another_address_needs_a_token(workspace: Workspace) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.9", "atelier"):
        with pytest.raises(UsageError, match="there is no token"):
            ServerSettings(workspace, host)
    with pytest.raises(UsageError, match="16 or more"):
        ServerSettings(workspace, "0.0.0.0", token="short")
    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        assert ServerSettings(workspace, host).is_local
    assert TOKEN not in repr(ServerSettings(workspace, "0.0.0.0", token=TOKEN))


def test_with_a_token_nothing_is_told_without_it(workspace: Workspace) -> None:
    asked = client(workspace, token=TOKEN)
    for path in ("/api/v1/entries", "/api/v1/openapi.json", "/pictures/x/final/thumb", "/static/photo.js", "/nothing"):
        assert asked.get(path).status_code == 401, path
    assert asked.get("/", headers={"Accept": "text/html"}).headers["location"] == "/login"
    assert asked.get("/login").status_code == 200 == asked.get("/healthz").status_code
    for wrong in ("Bearer ", "Bearer correct-horse-batterx", f"Basic {TOKEN}", TOKEN, "Bearer é"):
        assert asked.get("/api/v1/entries", headers={"Authorization": wrong.encode()}).status_code == 401
    assert asked.get("/api/v1/entries", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert asked.put("/api/v1/photos/x", json={}).status_code == 401


def test_a_browser_logs_in_once(workspace: Workspace) -> None:
    asked = client(workspace, token=TOKEN)
    assert asked.post("/login", data={"token": "wrong"}).status_code == 403
    assert asked.post("/login", content=b"\xff=&&&" + b"a=1&" * 3_000).status_code == 403
    answer = asked.post("/login", data={"token": TOKEN})
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
    assert asked.get("/api/v1/entries").status_code == 200
    asked.cookies.set("pose_app", TOKEN)
    asked.cookies.clear()
    assert asked.get("/api/v1/entries", headers={"Cookie": f"pose_app={TOKEN}"}).status_code == 401


def test_without_a_token_there_is_no_door(workspace: Workspace) -> None:
    assert client(workspace).post("/login", data={"token": ""}).status_code == 403


def test_a_large_body_or_address_is_refused(workspace: Workspace) -> None:
    asked = client(workspace)
    found = asked.get("/api/v1/entries").json()["entries"][0]["id"]
    assert asked.put(f"/api/v1/photos/{found}", content=b" " * 2_000_001).status_code == 413

    def chunks() -> object:
        for _ in range(30):
            yield b" " * 100_000

    assert asked.put(f"/api/v1/photos/{found}", content=chunks()).status_code == 413
    assert asked.get(f"/?q={'a' * 3_000}").status_code == 414
    assert asked.put(f"/api/v1/photos/{found}", headers={"Content-Length": "-1"}).status_code == 413


def test_nobody_sees_a_traceback(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    settings = ServerSettings(workspace)
    app = unguarded(AppState(settings, workspace.root.parent / "thumbnails"))

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("a secret of /etc/passwd")

    asked = TestClient(Guard(app, settings), base_url="http://localhost", raise_server_exceptions=False)
    for accept in ("text/html", "application/json"):
        answer = asked.get("/broken", headers={"Accept": accept})
        assert answer.status_code == 500 and "secret" not in answer.text and "Traceback" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "a secret of" in caplog.text


def test_a_real_server_answers_and_refuses(workspace: Workspace, serve: Callable[..., str]) -> None:
    address = urlsplit(serve(workspace))
    asked = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    asked.request("GET", "/api/v1/counts")
    assert json.loads(asked.getresponse().read())["counts"]["all"] == 6
    with socket.create_connection((address.hostname, address.port), timeout=20) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert b"421" in raw.recv(100)
