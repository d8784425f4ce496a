"""What is known of each photo and video, and when it is read anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from workspaces import Photo, add_photo, add_report, add_video, make_workspace

from pose_contract.workspace import Workspace
from web_app.look.catalog import Catalog
from web_app.look.entries import Entry


def by_name(catalog: Catalog) -> dict[str, Entry]:
    catalog.forget()
    return {entry.name: entry for entry in catalog.entries()}


def test_a_workspace_without_a_photo_has_no_entries(tmp_path: Path) -> None:
    assert Catalog(Workspace(tmp_path / "none")).entries() == []
    assert Catalog(make_workspace(tmp_path / "empty", ())).entries() == []


def test_every_photo_is_there_with_its_state(workspace: Workspace) -> None:
    found = by_name(Catalog(workspace))
    assert {name: entry.state for name, entry in found.items()} == {
        "a.jpg": "done", "sub/b.jpg": "done", "empty.jpg": "nobody", "boxes.jpg": "done", "new.jpg": "to do",
        "broken.jpg": "failed",
    }  # fmt: skip
    assert found["sub/b.jpg"].found.scores == (0.8, 0.2) and found["sub/b.jpg"].lowest == 0.2
    assert found["broken.jpg"].failure.remedy == "save it as JPEG or PNG"
    assert not any(entry.found.edited for entry in found.values())


def test_an_edit_is_seen_and_a_mistake_in_it_is_told(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    before = by_name(catalog)
    path = workspace.path(workspace.poses_file("a.jpg"))
    text = path.read_text()
    path.write_text(text.replace('"x": 45.0', '"x": 46.0', 1))
    after = by_name(catalog)
    assert after["a.jpg"].found.edited and not after["a.jpg"].found.corrected
    assert after["a.jpg"].version != before["a.jpg"].version
    assert after["sub/b.jpg"] == before["sub/b.jpg"]
    path.write_text(text.replace('"corrected": false', '"corrected": true'))
    assert by_name(catalog)["a.jpg"].found.corrected
    path.write_text(text[:-20])
    failure = by_name(catalog)["a.jpg"].failure
    assert failure is not None and "has a record with a mistake" in failure.reason and failure.file == "images/a.jpg"


def test_a_failure_stands_until_the_record_that_lacked_is_written(workspace: Workspace) -> None:
    catalog = Catalog(workspace)
    add_report(workspace, "yolo-stage", [("images/new.jpg", "is out of reach", "chmod u+r")])
    assert by_name(catalog)["new.jpg"].state == "failed"
    add_photo(workspace, Photo("new.jpg"))
    assert by_name(catalog)["new.jpg"].state == "done"
    add_report(
        workspace, "hrn-stage", [("images/a.jpg", "has changed since yolo-stage saw it", "run yolo-stage again")]
    )
    assert by_name(catalog)["a.jpg"].state == "failed"


def test_what_does_not_change_is_not_read_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(workspace)
    by_name(catalog)
    monkeypatch.setattr(Catalog, "_read_photo", lambda *_: pytest.fail("it was read again"))
    assert len(by_name(catalog)) == 6


def test_a_video_has_its_header(workspace: Workspace) -> None:
    add_video(workspace)
    header = {
        "schema_version": 1, "image": "images/erg.mp4", "image_sha256": "0" * 64, "width": 160, "height": 120,
        "frames": 0, "duration_seconds": 1, "frames_per_second": 30, "most_people": 2, "frames_sha256": "1" * 64,
        "made_by": {"stage": "hrn-stage", "results": 1, "model": "m", "weights_sha256": "0" * 64, "options": {}},
        "skeleton": "mpii16",
    }  # fmt: skip
    assert by_name(Catalog(workspace))["erg.mp4"].state == "to do"
    path = workspace.path(workspace.video_poses_file("erg.mp4"))
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(header) + "\n")
    entry = by_name(Catalog(workspace))["erg.mp4"]
    assert entry.video and entry.found.people == 2 and entry.found.posed and entry.found.edited
