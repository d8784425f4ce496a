"""The live page in a real browser. The fixture `page` fails by any error in the console and any foreign request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_in_browser import axe, expect, until  # noqa: F401
from test_watch_api import ask, serve_watch  # noqa: F401
from test_watch_loop import clip  # noqa: F401
from workspaces import movie

from web_app.watch.script import ScriptEstimator
from web_app.watch.service import WatchSettings
from web_app.watch.sources import Source
from web_app.watch.watcher import wait_until


@pytest.fixture
def address(serve_watch: Any, clip: Path) -> str:  # noqa: F811
    from playwright.sync_api import expect as expecting

    expecting.set_options(timeout=30_000)  # the first answer makes the database
    found: str = serve_watch(WatchSettings((Source("demo", "file", "demo clip", str(clip)),), load=ScriptEstimator))
    return found


def frame_changes(page: Any) -> None:
    shown = "(document.getElementById('picture').dataset.frame ?? '')"
    until(page, f"{shown} !== '{page.evaluate(shown)}'")


def pixels(page: Any) -> str:
    found: str = page.evaluate("document.getElementById('picture').toDataURL()")
    return found


def test_frames_change_events_come_and_the_viewer_goes(address: str, page: Any) -> None:
    page.goto(f"{address}/watch", wait_until="domcontentloaded")
    expect(page.locator("#said")).to_contain_text("Nothing runs")
    page.get_by_role("button", name="Recorded video").click()
    expect(page.locator("#said")).to_contain_text("demo clip: running")
    frame_changes(page)
    first = pixels(page)
    frame_changes(page)
    assert pixels(page) != first and page.evaluate("document.getElementById('picture').width") == 640
    row = page.locator("#events tbody tr").first
    expect(row).to_contain_text("came", timeout=20_000)
    status, told = ask(f"{address}/api/v1/events")
    newest = told["events"][0]["id"]
    assert status == 200 and page.locator(f"#event-{newest}").count() == 1
    expect(page.locator("#people")).to_contain_text("1")
    expect(page.locator("#viewers")).to_have_text("1")
    page.goto("about:blank")
    assert wait_until(lambda: ask(f"{address}/api/v1/status")[1]["viewers"] == 0, 10)


def test_it_is_toggled_by_mouse_and_keyboard_and_a_missing_camera_is_told(address: str, page: Any) -> None:
    page.goto(f"{address}/watch", wait_until="domcontentloaded")
    camera, recorded = page.locator("#camera"), page.locator("#recorded")
    camera.click()
    expect(page.locator("#said")).to_contain_text("camera 0 is not there")
    expect(camera).to_have_attribute("aria-pressed", "true")
    recorded.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("demo clip: running")
    expect(recorded).to_have_attribute("aria-pressed", "true")
    frame_changes(page)
    camera.focus()
    page.keyboard.press("Space")
    expect(page.locator("#said")).to_contain_text("camera 0 is not there")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#said")).to_contain_text("Nothing runs")


def test_a_file_that_ends_is_told_and_seen_again(serve_watch: Any, page: Any, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "short.mp4").write_bytes(movie(6))
    source = Source("demo", "file", "short clip", str(tmp_path / "short.mp4"))
    address = serve_watch(WatchSettings((source,), load=ScriptEstimator))
    page.goto(f"{address}/watch", wait_until="domcontentloaded")
    expect(page.locator("#nobody")).to_have_text("Nobody yet.")
    for generation in (1, 2):
        # By key: what the page says appears above the buttons, and a click may miss one that moves.
        page.get_by_role("button", name="Recorded video").press("Enter")
        assert wait_until(lambda wanted=generation: ask(f"{address}/api/v1/status")[1]["generation"] == wanted, 20)
        expect(page.locator("#said")).to_contain_text("ended. Press its button to see it again", timeout=60_000)
        expect(page.locator("#picture")).to_have_attribute("data-frame", "5")


def test_a_phone_shows_it(address: str, page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{address}/watch", wait_until="domcontentloaded")
    page.get_by_role("button", name="Recorded video").click()
    frame_changes(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360


def test_axe_finds_nothing_serious_in_it(address: str, page: Any, axe: str) -> None:  # noqa: F811
    page.goto(f"{address}/watch", wait_until="domcontentloaded")
    page.get_by_role("button", name="Recorded video").click()
    frame_changes(page)
    page.evaluate(axe)
    found = page.evaluate("axe.run().then(({ violations }) => violations)")
    assert not [one["id"] for one in found if one["impact"] in ("serious", "critical")]
