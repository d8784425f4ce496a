"""A workspace that was made for the test, a real server, the demo as the stages left it, and a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from workspaces import Photo, add_report, make_workspace

from pose_contract.workspace import Workspace
from web_app.server.application import application
from web_app.server.settings import ServerSettings

pytest_plugins = ["databases"]

HERE = Path(__file__).parent
REPO = HERE.parents[1]
SHARED = Path(os.environ.get("POSE_SHARED", REPO.parent / "shared"))
PHOTOS = (
    Photo("a.jpg", (0.9,)),
    Photo("sub/b.jpg", (0.8, 0.2)),
    Photo("empty.jpg", ()),
    Photo("boxes.jpg", (0.7,), posed=False),
    Photo("new.jpg", seen=False),
)


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or leaves thumbnails elsewhere, or looks into another workspace."""
    for name in ("POSE_WORKSPACE", "POSE_APP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Photos and weights that are not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"photos and weights are not here: POSE_SHARED={SHARED}")
    return SHARED


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Five photos: one person, two, nobody, boxes alone, not seen yet. One more is broken."""
    made = make_workspace(tmp_path / "workspace", PHOTOS)
    made.path("images/broken.jpg").write_bytes(b"no picture")
    add_report(made, "yolo-stage", [("images/broken.jpg", "is not a picture", "save it as JPEG or PNG")])
    return made


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Starts a real server and gives its address."""
    stops: list[Callable[[], None]] = []

    def start(workspace: Workspace, **settings: Any) -> str:
        config = uvicorn.Config(
            application(ServerSettings(workspace, port=0, **settings), workspace.root.parent / "thumbnails"),
            host="127.0.0.1", port=0, log_level="error",
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)

        def stop() -> None:
            server.should_exit = True
            thread.join(20)

        stops.append(stop)
        port = server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    yield start
    for stop in stops:
        stop()


@pytest.fixture(scope="session")
def demo_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's two photos as the stages left them, with the embedded networks and heatmap sheets."""
    root = tmp_path_factory.mktemp("demo") / "workspace"
    shutil.copytree(REPO / "workspace-template", root)
    for photo in sorted((REPO / "tools/demo-photos").glob("*.jpg")):
        shutil.copy(photo, root / "images")
    (root / "pose.toml").write_text('[yolo]\nweights = "lite"\n[hrn]\nweights = "lite"\n')
    for stage, more in (("yolo", []), ("hrn", ["DEBUG.DEBUG", "true"])):
        words = [sys.executable, "-m", f"{stage}_stage.cli", "--workspace", str(root), "--quiet", *more]
        subprocess.run(words, check=True)
    return root


@pytest.fixture
def demo(demo_workspace: Path, tmp_path: Path) -> Workspace:
    """A copy of it, to be corrected."""
    shutil.copytree(demo_workspace, tmp_path / "demo")
    return Workspace(tmp_path / "demo")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium under Playwright; skips where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no browser is here: apt-get install chromium (.ci/chromium)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        # Root has no sandbox to give up; these pages are our own.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page that fails its test by an error in its console, or by asking another host for anything."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("console", lambda said: faults.append(f"{said.type}: {said.text}") if said.type == "error" else None)

    def watch(route: Any) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "file:")):
            route.continue_()
        else:
            faults.append(f"asked for {route.request.url}")
            route.abort()

    context.route("**/*", watch)
    page.faults = faults
    yield page
    context.close()
    assert not faults
