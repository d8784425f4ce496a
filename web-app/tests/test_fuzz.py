"""Requests made by lot from the API's own description: none of them is a bug."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from workspaces import Photo, add_video, make_workspace

from web_app.look.entries import id_of
from web_app.server.application import application, unguarded
from web_app.server.settings import ServerSettings
from web_app.server.state import AppState

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
IDS = [id_of("a.jpg"), id_of("erg.mp4"), "0" * 20]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    root = tmp_path_factory.mktemp("fuzz")
    workspace = make_workspace(root / "workspace", [Photo("a.jpg", (0.9, 0.3)), Photo("b.jpg", seen=False)])
    add_video(workspace)
    settings = ServerSettings(workspace)
    state = AppState(settings, root / "thumbnails")
    state.follower.call = lambda _: (0, "")
    return TestClient(unguarded(state), base_url="http://127.0.0.1:8040", follow_redirects=False)


@pytest.fixture(scope="module")
def schema(client: TestClient) -> Any:
    """The description; an id is most often one that there is, and a correction often names what there is."""
    found = client.get("/api/v1/openapi.json").json()
    for path in found["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "entry_id":
                    parameter["schema"] = {"enum": IDS}
                if parameter["name"] == "if-match":
                    etag = client.get(f"/api/v1/photos/{IDS[0]}").headers["ETag"]
                    parameter["schema"] = {"anyOf": [{"const": etag}, {"type": "string", "maxLength": 9}]}
    return found


def test_no_request_is_a_bug(client: TestClient, schema: dict[str, Any]) -> None:
    from hypothesis import HealthCheck, given, settings, strategies
    from schemathesis import GenerationMode

    loaded = schemathesis.openapi.from_dict(schema)
    asked: dict[str, int] = {}
    operations = [found.ok() for found in loaded.get_all_operations()]
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    assert len(operations) == 8
    for operation in operations:
        cases = strategies.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

        @settings(
            max_examples=12, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=cases)
        def try_it(case: Any) -> None:
            words = case.as_transport_kwargs(base_url="http://127.0.0.1:8040")
            answer = client.request(
                words["method"], words["url"], params=words.get("params"), headers=dict(words.get("headers") or {}),
                json=words.get("json"), content=words.get("data"),
            )  # fmt: skip
            asked[str(answer.status_code)] = asked.get(str(answer.status_code), 0) + 1
            assert answer.status_code < 500, answer.text
            assert answer.headers["content-type"] in ("application/json", "application/problem+json")

        try_it()
    assert asked["200"] >= 8 and asked["422"] >= 15, asked


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "//", "/..", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/static/../application.py",
        "/static/%2e%2e/server/api.py", "/static/..%2fserver%2fapi.py", "/pictures/%00/final/thumb", "/photos/%ff",
        "/videos/0/tables/..%5c..", "/tables/%2e%2e", "/api/v1/photos/%F0%9F%98%80", "/?q=%00%ff", "/?show=%00",
        "/next?after=%00", "/photos/" + "a" * 5_000,
    ],
)  # fmt: skip
def test_no_path_is_a_bug_or_leads_out(path: str, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace", [Photo("a.jpg")])
    asked = TestClient(application(ServerSettings(workspace), tmp_path / "thumbnails"), base_url="http://localhost")
    for accept in ("text/html", "*/*"):
        answer = asked.get(path, headers={"Accept": accept}, follow_redirects=False)
        assert answer.status_code < 500 and "root:" not in answer.text and "def application" not in answer.text


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, '{"people": ' + "[" * 50_000, '{"people": NaN}', "\x00", "9" * 5_000]
)
def test_no_body_is_a_bug(client: TestClient, text: str) -> None:
    headers = {"Content-Type": "application/json", "If-Match": '"x"'}
    answer = client.put(f"/api/v1/photos/{IDS[0]}", content=text.encode(), headers=headers)
    assert answer.status_code in (400, 422) and json.loads(answer.text)["title"]
