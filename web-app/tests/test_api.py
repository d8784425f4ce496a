"""The JSON API, the pages and the files, without a network."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from workspaces import Photo, add_video, make_workspace

from pose_contract.storage import write_bytes
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import decode_image
from web_app.look.entries import id_of
from web_app.server.application import unguarded
from web_app.server.settings import ServerSettings
from web_app.server.state import AppState


@pytest.fixture
def asked(workspace: Workspace) -> TestClient:
    add_video(workspace)
    write_bytes(workspace.path(workspace.heatmap_file("a.jpg", 0)), workspace.path("final/a.jpg").read_bytes())
    return client_of(workspace)


def client_of(workspace: Workspace) -> TestClient:
    state = AppState(ServerSettings(workspace), workspace.root.parent / "thumbnails")
    state.follower.call = lambda _: (0, "")
    return TestClient(unguarded(state), follow_redirects=False)


def test_a_list_is_filtered_and_paged(asked: TestClient) -> None:
    whole = asked.get("/api/v1/entries").json()
    assert whole["total"] == 7 and [entry["name"] for entry in whole["entries"]][:2] == ["a.jpg", "boxes.jpg"]
    page = asked.get("/api/v1/entries?offset=2&limit=2").json()
    assert page["total"] == 7 and page["entries"] == whole["entries"][2:4]
    failed = asked.get("/api/v1/entries?show=failed").json()["entries"]
    assert [(entry["name"], entry["reason"]) for entry in failed] == [("broken.jpg", "is not a picture")]
    assert asked.get("/api/v1/counts").json()["counts"]["videos"] == 1


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/entries?limit=0", "/api/v1/entries?limit=501", "/api/v1/entries?offset=-1", "/api/v1/entries?show=x",
        "/api/v1/photos/x", f"/api/v1/photos/{'0' * 21}", "/?page=0", "/?show=nothing", "/next?score=nan",
        "/pictures/00000000000000000000/final/huge", "/pictures/00000000000000000000/../thumb",
    ],
)  # fmt: skip
def test_a_mistake_in_a_request_is_told(asked: TestClient, address: str) -> None:
    answer = asked.get(address, headers={"Accept": "application/json"})
    assert answer.status_code in (404, 422) and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] and answer.json()["detail"]
    assert "<h1>" in asked.get(address, headers={"Accept": "text/html"}).text or "/api/" in address


@pytest.mark.parametrize(
    "address",
    ["/photos/{}", "/videos/{}", "/api/v1/photos/{}", "/pictures/{}/final/thumb", "/movies/{}/final", "/sheets/{}/0",
     "/photos/{}/poses.json", "/photos/{}/keypoints.csv", "/videos/{}/tables/speeds.csv", "/api/v1/videos/{}/motion"],
)  # fmt: skip
def test_an_id_that_nobody_has_is_not_found(asked: TestClient, address: str) -> None:
    assert asked.get(address.format("0" * 20)).status_code == 404


def test_a_photo_and_a_video_are_not_taken_for_each_other(asked: TestClient) -> None:
    photo, video = id_of("a.jpg"), id_of("erg.mp4")
    for address in (f"/videos/{photo}", f"/photos/{video}", f"/movies/{photo}/final", f"/sheets/{video}/0"):
        assert asked.get(address).status_code == 404


def test_a_correction_needs_what_it_was_made_for(asked: TestClient, workspace: Workspace) -> None:
    address = f"/api/v1/photos/{id_of('a.jpg')}"
    answer = asked.get(address)
    body = {"people": []}
    assert answer.headers["ETag"] == f'"{answer.json()["etag"]}"'
    assert asked.put(address, json=body).status_code == 428
    refused = asked.put(address, json=body, headers={"If-Match": '"another"'})
    assert refused.status_code == 412 and "changed since you opened it" in refused.json()["title"]
    saved = asked.put(address, json=body, headers={"If-Match": answer.headers["ETag"]})
    assert saved.status_code == 200 and saved.json()["boxes"]
    assert asked.get(address).headers["ETag"] == saved.headers["ETag"]
    assert asked.put(address, json=body, headers={"If-Match": answer.headers["ETag"]}).status_code == 412
    assert json.loads(workspace.path("annots/a.json").read_text())["corrected"] is True
    assert asked.get(f"{address}/following").json()["state"] in ("waiting", "running", "done")


@pytest.mark.parametrize(
    "body",
    [
        {}, [], None, {"people": [{}]}, {"people": [{"box": [1, 2, 3]}]}, {"people": [{"box": [1, 2, 3, "x"]}]},
        {"people": [{"box": [1, 2, 3, 1e300]}]}, {"people": [{"index": -1, "box": [1, 2, 3, 4]}]},
        {"people": [], "more": 1}, {"people": [{"box": [1, 2, 3, 4], "keypoints": [{"name": "", "x": 1, "y": 1}]}]},
    ],
)  # fmt: skip
def test_a_correction_of_another_form_is_refused(asked: TestClient, body: object) -> None:
    address = f"/api/v1/photos/{id_of('a.jpg')}"
    etag = asked.get(address).headers["ETag"]
    answer = asked.put(address, json=body, headers={"If-Match": etag})
    assert answer.status_code == 422 and "a mistake" in answer.json()["title"]


def test_the_counter_of_what_is_ready_for_training(tmp_path: Path) -> None:
    photos = [Photo("a.jpg", (0.9, 0.8), corrected=True), Photo("b.jpg")]
    found = client_of(make_workspace(tmp_path / "it's mine", photos)).get("/api/v1/training").json()
    assert (found["photos"], found["people"]) == (1, 2)
    assert found["command"].startswith("hrn-stage train --cfg my.yaml DATASET.DATASET workspace DATASET.ROOT ")
    assert """it'"'"'s mine""" in found["command"]


def test_the_queue_leads_from_photo_to_photo(asked: TestClient) -> None:
    first = asked.get("/next").headers["location"]
    assert first == f"/photos/{id_of('sub/b.jpg')}?edit=1"
    second = asked.get(f"/next?after={id_of('sub/b.jpg')}&score=0.2").headers["location"]
    assert second == f"/photos/{id_of('a.jpg')}?edit=1"


def test_the_gallery_shows_pages_of_cards(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace", [Photo(f"{n:03}.jpg") for n in range(70)])
    asked = client_of(workspace)
    page = asked.get("/").text
    assert page.count('class="card') == 61 and 'data-more="/?' in page  # the list and 60 cards
    part = asked.get("/?page=2&part=true").text
    assert part.count('class="card') == 10 and "<html" not in part and "data-more" not in part
    assert "Nothing is like that" in asked.get("/?q=zebra").text
    assert "nothing in <code>images/</code>" in client_of(make_workspace(tmp_path / "empty", ())).get("/").text


def test_a_name_is_text_wherever_it_stands(tmp_path: Path) -> None:
    name = """<img src=x onerror=alert(1)>"'&{{7*7}}.jpg"""
    workspace = make_workspace(tmp_path / "workspace", [Photo(name)])
    asked = client_of(workspace)
    for address in ("/", f"/photos/{id_of(name)}", "/runs", f"/?q={name[:9]}"):
        assert "<img src=x" not in asked.get(address).text
    assert "{{7*7}}" in asked.get("/").text
    assert asked.get(f"/photos/{id_of(name)}/keypoints.csv").headers["content-disposition"].isascii()


def test_a_photos_page_says_what_is_known(asked: TestClient) -> None:
    page = asked.get(f"/photos/{id_of('a.jpg')}").text
    assert f"/photos/{id_of('a.jpg')}/poses.json" in page and f"/sheets/{id_of('a.jpg')}/0" in page
    assert "hrn-stage" in page and "yolo-stage" in page and "cut_scale" in page
    shown = json.loads(re.search(r'id="document">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert shown["people"][0]["keypoints"][0]["name"] == "right_ankle" and shown["problem"] is None
    assert "No stage has seen this photo yet" in asked.get(f"/photos/{id_of('new.jpg')}").text
    broken = asked.get(f"/photos/{id_of('broken.jpg')}").text
    assert "is not a picture" in broken and "save it as JPEG or PNG" in broken


def test_a_record_with_a_mistake_has_a_page_that_says_so(workspace: Workspace) -> None:
    write_bytes(workspace.path("output/poses/a.json"), b"{ spoilt")
    asked = client_of(workspace)
    page = asked.get(f"/photos/{id_of('a.jpg')}")
    assert page.status_code == 200 and "has a record with a mistake" in page.text
    assert asked.get(f"/api/v1/photos/{id_of('a.jpg')}").status_code == 422


def test_files_are_those_of_the_workspace(asked: TestClient, workspace: Workspace) -> None:
    photo, video = id_of("a.jpg"), id_of("erg.mp4")
    for kind in ("original", "inspect", "final"):
        for size in ("thumb", "view", "full"):
            answer = asked.get(f"/pictures/{photo}/{kind}/{size}")
            assert answer.headers["content-type"] == "image/jpeg" and decode_image(answer.content).shape == (
                120,
                160,
                3,
            )
    assert asked.get(f"/pictures/{photo}/final/full").content == workspace.path("final/a.jpg").read_bytes()
    assert asked.get(f"/pictures/{id_of('broken.jpg')}/original/full").status_code == 404
    assert asked.get(f"/pictures/{id_of('broken.jpg')}/original/thumb").headers["content-type"] == "image/svg+xml"
    assert asked.get(f"/photos/{photo}/poses.json").content == workspace.path("output/poses/a.json").read_bytes()
    rows = list(csv.DictReader(io.StringIO(asked.get(f"/photos/{photo}/keypoints.csv").text)))
    assert len(rows) == 16 and rows[0]["keypoint"] == "right_ankle" and rows[0]["image"] == "a.jpg"
    assert asked.get(f"/sheets/{photo}/0").status_code == 200 and asked.get(f"/sheets/{photo}/1").status_code == 404
    part = asked.get(f"/movies/{video}/final", headers={"Range": "bytes=0-99"})
    assert part.status_code == 206 and len(part.content) == 100 and part.headers["content-type"] == "video/mp4"
    assert asked.get(f"/videos/{video}/tables/speeds.csv").text.startswith("frame,t_seconds")
    for file in ("..%2f..%2fpose.toml", "pose.toml", "%2fetc%2fpasswd", "plots", ".hidden.csv"):
        assert asked.get(f"/videos/{video}/tables/{file}").status_code == 404
    assert asked.get("/tables/keypoints.csv").status_code == 404
    workspace.keypoints_csv.write_text("image,person\n")
    assert asked.get("/tables/keypoints.csv").text == "image,person\n"


def test_a_link_out_of_the_workspace_is_not_followed(asked: TestClient, workspace: Workspace, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    workspace.path("motion/erg.mp4/secret.csv").symlink_to(secret)
    for file, address in (
        ("final/a.jpg", f"/pictures/{id_of('a.jpg')}/final/full"),
        ("final/erg.mp4", f"/movies/{id_of('erg.mp4')}/final"),
    ):
        outside = tmp_path / Path(file).name
        workspace.path(file).rename(outside)
        workspace.path(file).symlink_to(outside)
        assert asked.get(address).status_code == 404, file
    assert asked.get(f"/videos/{id_of('erg.mp4')}/tables/secret.csv").status_code == 404


def test_a_video_has_curves_and_marks(asked: TestClient) -> None:
    found = asked.get(f"/api/v1/videos/{id_of('erg.mp4')}/motion").json()
    (curve,) = found["curves"]
    assert (curve["track"], curve["point"], curve["unit"]) == ("1", "hand", "px/s") and len(curve["seconds"]) == 30
    assert curve["values"][4] is None and curve["values"][8] == pytest.approx(99.9574)
    marks = [(mark["kind"], mark["seconds"]) for mark in found["marks"]]
    assert marks == [("catch", 0.3), ("left foot strike", 0.7)]
    page = asked.get(f"/videos/{id_of('erg.mp4')}").text
    assert "tables/speeds.csv" in page and f"/movies/{id_of('erg.mp4')}/final" in page


def test_runs_and_failures_have_a_page(asked: TestClient) -> None:
    page = asked.get("/runs").text
    assert "yolo-stage" in page and "images/broken.jpg" in page and "save it as JPEG or PNG" in page
    assert asked.get("/api/v1/runs").json()["runs"][0]["report"]["stage"] == "yolo-stage"


def test_the_description_of_the_api_is_complete(asked: TestClient) -> None:
    paths = asked.get("/api/v1/openapi.json").json()["paths"]
    assert all(path.startswith("/api/v1/") for path in paths) and "put" in paths["/api/v1/photos/{entry_id}"]


@pytest.mark.parametrize(("path", "title"), [("/", "Gallery"), ("/runs", "Runs and failures"), ("/watch", "Watch")])
def test_the_page_that_one_is_on_is_marked(asked: TestClient, path: str, title: str) -> None:
    assert re.findall(r'aria-current="page">([^<]+)<', asked.get(path).text) == [title]


def test_a_videos_page_says_what_cannot_be_corrected(asked: TestClient) -> None:
    assert "Keypoints of videos cannot be corrected here" in asked.get(f"/videos/{id_of('erg.mp4')}").text
