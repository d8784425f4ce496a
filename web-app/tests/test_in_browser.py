"""The pages in a real browser, on workspaces of thousands of photos and on real records.

The fixture `page` fails a test by any error in the console and by any request to another host.
"""

from __future__ import annotations

import csv
import json
import os
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from workspaces import Photo, add_photo, add_report, add_video, make_workspace

from pose_contract.records import ImagePoses
from pose_contract.storage import read_annot, read_poses
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import read_image, read_jpeg_comment
from web_app.look.entries import id_of

Serve = Callable[..., str]
MANY = 2_000
SAVED = re.compile("Saved, cut out and drawn")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Every hundredth photo shows nobody, every fiftieth somebody who is hardly seen."""
    photos = [
        Photo(
            f"{number // 500}/IMG_{number:04}.jpg",
            () if number % 100 == 0 else (0.2,) if number % 50 == 1 else (0.6 + number % 7 / 20,),
        )
        for number in range(MANY)
    ]
    return make_workspace(tmp_path_factory.mktemp("many") / "workspace", photos)


def expect(where: Any) -> Any:
    from playwright.sync_api import expect as expecting

    return expecting(where)


def until(page: Any, told: str) -> None:
    """Waits until an expression holds. Playwright's own way evaluates text, which the pages' policy forbids."""
    for _ in range(400):
        if page.evaluate(told):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"it never came: {told}")


def test_two_thousand_photos_scroll_filter_and_open(many: Workspace, serve: Serve, page: Any) -> None:
    page.goto(serve(many))
    expect(page.locator(".found")).to_contain_text(f"{MANY} of {MANY}")
    expect(page.locator("li.card")).to_have_count(60)
    for at_least in (61, 121, 181):
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        until(page, f"document.querySelectorAll('li.card').length >= {at_least}")
    last = page.locator("li.card img").last
    last.scroll_into_view_if_needed()
    until(page, "document.querySelectorAll('li.card img')[150].naturalWidth > 0")
    names = page.locator("li.card .name").all_text_contents()
    assert len(set(names)) == len(names) and names == sorted(names)

    page.evaluate("scrollTo(0, 0)")
    page.get_by_label("Show").select_option("nobody")
    expect(page.locator(".found")).to_contain_text(f"20 of {MANY}")
    page.get_by_label("Show").select_option("all")
    page.get_by_label("Order").select_option("score")
    expect(page.locator("li.card .score").first).to_have_text("0.20")
    page.get_by_role("searchbox").fill("img_0051")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("li.card")).to_have_count(1)
    page.locator("li.card a").click()
    expect(page.locator("h1")).to_have_text("0/IMG_0051.jpg")
    expect(page.locator("#people")).to_contain_text("person 0")


def test_a_picture_is_wiped_with_its_photo(many: Workspace, serve: Serve, page: Any) -> None:
    page.goto(serve(many) + "/?q=img_0001")
    pair = page.locator(".pair")
    box = pair.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    before = page.locator("img.before")
    expect(before).to_have_attribute("src", re.compile("/original/thumb"))
    assert "75%" in before.evaluate("image => image.style.clipPath")
    page.mouse.move(5, 5)
    expect(before).to_have_count(0)
    page.locator("li.card a").click()
    page.get_by_label("Over the photo").select_option("final")
    page.get_by_label("Wipe").fill("25")
    expect(page.locator("#canvas clipPath rect")).to_have_attribute("width", "40")


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a keypoint of the picture is on the screen."""
    place = page.evaluate(
        """([x, y]) => { const svg = document.getElementById("canvas");
        const at = new DOMPoint(x + 0.5, y + 0.5).matrixTransform(svg.getScreenCTM()); return [at.x, at.y]; }""",
        [x, y],
    )
    return place[0], place[1]


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    page.mouse.move(*at(page, *end))
    page.mouse.up()


def poses_of(workspace: Workspace, name: str) -> ImagePoses:
    found = read_poses(workspace.path(workspace.poses_file(name)))
    assert found is not None
    return found


def row_of(workspace: Workspace, name: str, keypoint: str) -> dict[str, str]:
    rows = csv.DictReader(workspace.keypoints_csv.open(newline=""))
    return next(row for row in rows if row["image"] == name and row["keypoint"] == keypoint)


def test_a_keypoint_is_dragged_and_found_in_json_csv_and_final(demo: Workspace, serve: Serve, page: Any) -> None:
    final = demo.path("final/camera.jpg")
    before, comment, old = poses_of(demo, "camera.jpg"), read_jpeg_comment(final), read_image(final)
    point = next(p for p in before.people[0].keypoints if p.name == "left_hip")
    page.goto(f"{serve(demo)}/photos/{id_of('camera.jpg')}?edit=1")
    expect(page.locator("#said")).to_contain_text("Correcting")
    drag(page, (point.x, point.y), (400, 330))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_contain_text(SAVED, timeout=60_000)

    after = poses_of(demo, "camera.jpg")
    moved = next(p for p in after.people[0].keypoints if p.name == "left_hip")
    assert abs(moved.x - 400) < 1 and abs(moved.y - 330) < 1 and moved.score == 1 and after.corrected
    others = [p for p in before.people[0].keypoints if p.name != "left_hip"]
    assert [p for p in after.people[0].keypoints if p.name != "left_hip"] == others
    row = row_of(demo, "camera.jpg", "left_hip")
    assert (float(row["x"]), float(row["y"])) == (moved.x, moved.y)
    assert read_jpeg_comment(final) != comment
    new = read_image(final)
    assert (abs(new[325:336, 395:406].astype(int) - old[325:336, 395:406]) > 40).any()  # the joint is drawn there
    expect(page.get_by_role("button", name="Save")).to_be_disabled()


def test_all_of_it_by_keyboard(workspace: Workspace, serve: Serve, page: Any) -> None:
    before = poses_of(workspace, "sub/b.jpg").people
    page.goto(f"{serve(workspace)}/photos/{id_of('sub/b.jpg')}")
    page.locator("#canvas").focus()
    for key in ("e", "1", ".", ".", "Shift+ArrowRight", "ArrowDown", "ArrowDown", "Alt+ArrowLeft"):
        page.keyboard.press(key)  # person 0's right knee: 10 right, 2 down, a quarter left
    for key in (".", "h", ".", "Delete", ".", "Delete", "Control+z"):
        page.keyboard.press(key)  # right hip not visible, left hip left out; left knee left out and back
    for key in ("2", "x", "b", "b", "ArrowUp"):  # person 1: left and right exchanged, the top edge up
        page.keyboard.press(key)
    for key in ("Control+z", "Control+Shift+z", "Control+z"):  # the edge back, and once more
        page.keyboard.press(key)
    for key in ("a", "Enter", "Shift+Delete"):  # somebody added, and deleted again
        page.keyboard.press(key)
    page.keyboard.press("Control+s")
    expect(page.locator("#said")).to_contain_text(SAVED, timeout=60_000)

    after = poses_of(workspace, "sub/b.jpg").people
    old, new = ({p.name: p for p in person.keypoints} for person in (before[0], after[0]))
    assert (new["right_knee"].x, new["right_knee"].y) == (old["right_knee"].x + 9.75, old["right_knee"].y + 2)
    assert new["right_hip"].score == 0.2 and "left_hip" not in new and new["left_knee"] == old["left_knee"]
    first, exchanged = ({p.name: (p.x, p.y) for p in person.keypoints} for person in (before[1], after[1]))
    assert exchanged["left_knee"] == first["right_knee"] and exchanged["right_wrist"] == first["left_wrist"]
    assert exchanged["pelvis"] == first["pelvis"] and [p.box for p in after] == [p.box for p in before]


def test_a_box_is_dragged_and_cut_out_anew_with_somebody_added(demo: Workspace, serve: Serve, page: Any) -> None:
    annot = read_annot(demo.path("annots/camera.json"))
    assert annot is not None
    box, cut = annot.people[0].box, demo.path("cuts/camera-0.jpg").read_bytes()
    page.goto(f"{serve(demo)}/photos/{id_of('camera.jpg')}?edit=1")
    drag(page, (box.x2 - 0.5, 300), (349.5, 300))
    page.get_by_role("button", name="Add a person").click()
    drag(page, (400, 100), (500, 300))
    expect(page.locator("#people .somebody")).to_have_count(2)
    page.keyboard.press("Control+s")
    expect(page.locator("#said")).to_contain_text(SAVED, timeout=60_000)

    after, poses = read_annot(demo.path("annots/camera.json")), poses_of(demo, "camera.jpg")
    assert after is not None and after.corrected and abs(after.people[0].box.x2 - 350) < 1
    assert demo.path("cuts/camera-0.jpg").read_bytes() != cut and demo.path("cuts/camera-1.jpg").is_file()
    assert after.people[1].cut is not None and not poses.corrected
    assert [person.box for person in poses.people] == [person.box for person in after.people]
    assert all(len(person.keypoints) == 16 for person in poses.people)
    # The page shows what the stages found, and can be corrected further.
    expect(page.locator("#people .somebody").nth(1)).to_contain_text("person 1")
    page.keyboard.press("2")
    expect(page.locator("#people .joints button")).to_have_count(16)
    expect(page.get_by_role("button", name="All is right")).to_be_enabled()


def test_a_record_that_changed_meanwhile_is_not_overwritten(workspace: Workspace, serve: Serve, page: Any) -> None:
    page.goto(f"{serve(workspace)}/photos/{id_of('a.jpg')}?edit=1")
    path = workspace.path(workspace.poses_file("a.jpg"))
    path.write_text(path.read_text().replace('"x": 45.0', '"x": 44.0'))
    kept = path.read_bytes()
    page.keyboard.press(".")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+s")
    expect(page.locator("#said")).to_contain_text("Not saved: has changed since you opened it")
    assert path.read_bytes() == kept
    page.faults[:] = [fault for fault in page.faults if "412" not in fault]  # the browser logs the answer


def test_the_queue_goes_on_to_the_next_photo(workspace: Workspace, serve: Serve, page: Any) -> None:
    address = serve(workspace)
    page.goto(address)
    page.get_by_role("link", name="Correct the least sure").click()
    expect(page.locator("h1")).to_have_text("sub/b.jpg")
    page.get_by_role("button", name="All is right").click()
    expect(page.locator("#said")).to_contain_text(SAVED, timeout=60_000)
    page.keyboard.press("n")
    expect(page.locator("h1")).to_have_text("a.jpg")
    page.goto(f"{address}/runs")
    expect(page.locator("main")).to_contain_text("1 photo with 2 people are ready for training")
    expect(page.locator("main")).to_contain_text("hrn-stage train --cfg my.yaml")


def test_a_stage_that_runs_is_followed(workspace: Workspace, serve: Serve, page: Any) -> None:
    add_report(workspace, "hrn-stage", state="running")
    lock = workspace.lock_path("hrn-stage")
    lock.write_text(f"process {os.getpid()} on {socket.gethostname()}, since now")
    page.goto(f"{serve(workspace)}/runs")
    row = page.locator("tr", has_text="hrn-stage")
    expect(page.locator("#running")).to_have_text("hrn-stage is running: 3 of 4")
    expect(row).to_contain_text("running")
    add_photo(workspace, Photo("new.jpg"), 9)
    expect(row).to_contain_text("4 of 4", timeout=20_000)
    add_report(workspace, "hrn-stage")
    expect(row).to_contain_text("finished", timeout=20_000)
    expect(page.locator("#running")).to_be_hidden()


def test_a_video_plays_beside_its_speed(workspace: Workspace, serve: Serve, page: Any) -> None:
    add_video(workspace)
    page.goto(f"{serve(workspace)}/videos/{id_of('erg.mp4')}")
    until(page, "document.getElementById('movie').readyState >= 1")
    expect(page.locator("#plot .curve")).to_have_count(1)
    expect(page.locator("#plot .mark")).to_have_count(2)
    cursor = page.locator("#plot .cursor")
    start = float(cursor.get_attribute("x1"))
    page.get_by_role("button", name="left foot strike").click()
    until(page, "Math.abs(document.getElementById('movie').currentTime - 0.7) < 0.01")
    expect(page.locator("#said")).to_contain_text("0.70 s")
    assert float(cursor.get_attribute("x1")) > start + 200
    page.locator("#plot").focus()
    page.keyboard.press("Home")
    until(page, "document.getElementById('movie').currentTime === 0")
    expect(page.locator("#said")).to_contain_text("0.00 s: person 1")
    assert page.get_by_role("link", name="speeds.csv").get_attribute("href").endswith("/tables/speeds.csv")


def test_the_report_opens_from_the_disk(workspace: Workspace, tmp_path: Path, page: Any) -> None:
    from web_app.look.report import write_report

    write_report(workspace, tmp_path / "report.html", tmp_path / "cache")
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.locator("li")).to_have_count(6)
    page.get_by_label("Show").select_option("failed")
    expect(page.locator("li")).to_have_count(1)
    expect(page.locator("li")).to_contain_text("is not a picture: save it as JPEG or PNG")
    page.get_by_label("Show").select_option("everything")
    page.get_by_role("searchbox").fill("sub/")
    expect(page.locator("li")).to_contain_text("sub/b.jpg")
    assert page.locator("li img").evaluate("image => image.naturalWidth") > 0


def pages_of(address: str) -> list[str]:
    photo = f"{address}/photos/{id_of('sub/b.jpg')}"
    return [address, f"{photo}?edit=1", photo, f"{address}/videos/{id_of('erg.mp4')}", f"{address}/runs"]


def test_a_phone_shows_everything_without_scrolling_sideways(workspace: Workspace, serve: Serve, page: Any) -> None:
    add_video(workspace)
    page.set_viewport_size({"width": 360, "height": 740})
    for where in pages_of(serve(workspace)):
        page.goto(where)
        page.wait_for_timeout(100)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360, where
        assert page.locator("h1").first.is_visible()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core (MPL-2.0), which is fetched for the tests alone."""
    folder = tmp_path_factory.mktemp("axe")
    command = ["npm", "pack", "--silent", "axe-core@4", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=folder)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("axe-core could not be fetched by npm")
    subprocess.run(["tar", "-xzf", next(folder.glob("*.tgz")), "package/axe.min.js"], check=True, cwd=folder)
    return (folder / "package/axe.min.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(workspace: Workspace, serve: Serve, page: Any, axe: str, scheme: str) -> None:
    add_video(workspace)
    page.emulate_media(color_scheme=scheme)
    addresses = pages_of(serve(workspace))
    for where in addresses if scheme == "light" else addresses[:2]:
        page.goto(where)
        page.wait_for_timeout(100)
        for summary in page.locator("summary").all():
            summary.click()
        page.evaluate(axe)
        found = page.evaluate("axe.run().then(({ violations }) => violations)")
        told = [
            (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"][:3]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert not told, f"{where}: {json.dumps(told, indent=1)}"
