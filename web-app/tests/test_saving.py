"""A correction into the records: what changes, what stays, and what is refused."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from workspaces import Photo, make_workspace

from pose_contract.errors import ImageError, WorkspaceError
from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.storage import read_annot, read_poses
from pose_contract.workspace import Workspace
from stage_kit.runs.found_records import found_record
from stage_kit.runs.lock import locked
from web_app.correct import saving
from web_app.correct.document import Correction, Document, document, read_records
from web_app.correct.saving import ChangedMeanwhileError, Saved, save

NAME = "sub/b.jpg"


def shown(workspace: Workspace, name: str = NAME) -> Document:
    found = document("0" * 20, name, read_records(workspace, name))
    assert found is not None
    return found


def people_of(page: Document) -> list[dict[str, object]]:
    """As the browser sends back what nobody has touched."""
    return [
        {
            "index": person.index,
            "box": person.box,
            "keypoints": person.keypoints and [{"name": p.name, "x": p.x, "y": p.y} for p in person.keypoints],
        }
        for person in page.people
    ]


def send(workspace: Workspace, people: object, etag: str, checked: bool = False, name: str = NAME) -> Saved:
    return save(workspace, name, Correction.model_validate({"people": people, "checked": checked}), etag)


def records(workspace: Workspace, name: str = NAME) -> tuple[ImageAnnot, ImagePoses]:
    annot = read_annot(workspace.path(workspace.annot_file(name)))
    poses = read_poses(workspace.path(workspace.poses_file(name)))
    assert annot is not None and poses is not None
    return annot, poses


def test_what_nobody_touched_leaves_every_byte(workspace: Workspace) -> None:
    before, page = read_records(workspace, NAME), shown(workspace)
    assert send(workspace, people_of(page), page.etag) == Saved(False, False, False, (), page.etag)
    assert read_records(workspace, NAME) == before


def test_a_moved_keypoint_is_in_the_record_and_all_else_as_it_was(workspace: Workspace) -> None:
    annot, poses = records(workspace)
    page = shown(workspace)
    people = people_of(page)
    people[1]["keypoints"][3] |= {"x": 77.25, "y": 33.5}  # type: ignore[index]
    saved = send(workspace, people, page.etag)
    new_annot, new_poses = records(workspace)
    assert (saved.boxes, saved.keypoints) == (False, True) and saved.etag == shown(workspace).etag != page.etag
    assert new_annot == annot and new_poses.corrected and new_poses.people[0] == poses.people[0]
    moved = new_poses.people[1].keypoints
    assert (moved[3].name, moved[3].x, moved[3].y, moved[3].score) == ("left_hip", 77.25, 33.5, 1.0)
    assert moved[:3] + moved[4:] == poses.people[1].keypoints[:3] + poses.people[1].keypoints[4:]
    found = found_record(workspace, workspace.poses_file(NAME), ImagePoses)
    assert found is not None and found.edited and found.record.seal is None


def test_a_moved_edge_takes_the_cut_away_and_leaves_the_poses_to_the_stage(workspace: Workspace) -> None:
    _, poses = records(workspace)
    page = shown(workspace)
    people = people_of(page)
    people[0]["box"] = (30.0, 20.0, 100.0, 110.0)
    saved = send(workspace, people, page.etag)
    new_annot, new_poses = records(workspace)
    assert (saved.boxes, saved.keypoints) == (True, False) and new_annot.corrected and new_poses == poses
    assert new_annot.people[0].cut is None and new_annot.people[0].box.x1 == 30 and new_annot.people[1].cut is not None
    assert "older than its annot" in (shown(workspace).problem or pytest.fail("no problem is told")).reason


def test_somebody_added_and_somebody_deleted(workspace: Workspace) -> None:
    page = shown(workspace)
    people = [*people_of(page)[1:], {"index": None, "box": (5, 5, 60, 70), "keypoints": None}]
    assert send(workspace, people, page.etag).boxes
    annot, _ = records(workspace)
    assert [person.index for person in annot.people] == [0, 1] and annot.people[1].box.xyxy == (5, 5, 60, 70)
    assert annot.people[1].score == 1.0 and annot.people[0].score == 0.2


def test_not_visible_left_out_and_exchanged(workspace: Workspace) -> None:
    page = shown(workspace)
    people = people_of(page)
    points = people[0]["keypoints"]
    assert isinstance(points, list)
    points[0]["hidden"] = True
    del points[5]
    points[1]["name"], points[4]["name"] = points[4]["name"], points[1]["name"]
    send(workspace, people, page.etag)
    found = {point.name: point for point in records(workspace)[1].people[0].keypoints}
    assert found["right_ankle"].score == 0.2 and "left_ankle" not in found
    before = {point.name: point for point in page.people[0].keypoints or ()}
    assert (found["left_knee"].x, found["right_knee"].x) == (before["right_knee"].x, before["left_knee"].x)


def test_all_is_right_marks_both_records(workspace: Workspace) -> None:
    page = shown(workspace)
    saved = send(workspace, people_of(page), page.etag, checked=True)
    annot, poses = records(workspace)
    assert saved.changed and saved.keypoints and annot.corrected and poses.corrected
    assert not saved.boxes  # no cut has to be made anew
    assert [person.keypoints for person in poses.people] == [tuple(person.keypoints or ()) for person in poses.people]


@pytest.mark.parametrize("file", ["annot_file", "poses_file"])
def test_a_record_that_changed_meanwhile_is_kept(workspace: Workspace, file: str) -> None:
    page = shown(workspace)
    people = people_of(page)
    people[0]["box"] = (30.0, 20.0, 100.0, 110.0)
    path = workspace.path(getattr(workspace, file)(NAME))
    path.write_text(path.read_text().replace('"score": 0.8', '"score": 0.81'))
    kept = path.read_bytes()
    with pytest.raises(ChangedMeanwhileError, match="changed since you opened it"):
        send(workspace, people, page.etag)
    assert path.read_bytes() == kept


def test_of_two_that_save_at_once_one_is_refused(workspace: Workspace) -> None:
    page = shown(workspace)
    results: list[object] = []

    def one(x: float) -> None:
        people = people_of(page)
        people[0]["keypoints"][0]["x"] = x  # type: ignore[index]
        try:
            results.append(send(workspace, people, page.etag))
        except ChangedMeanwhileError as error:
            results.append(error)

    threads = [threading.Thread(target=one, args=(50.0 + number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(result, Saved) for result in results) == 1 and len(results) == 6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"box": (0, 0, 0, 0)}, "a box without area"),
        ({"box": (-9_000, 0, 50, 50)}, "outside three picture sizes"),
        ({"keypoints": [{"name": "left_hipp", "x": 1, "y": 1}]}, "left_hipp"),
        ({"keypoints": [{"name": "left_hip", "x": 1, "y": 1}] * 2}, "2 keypoints left_hip"),
        ({"keypoints": [{"name": "left_hip", "x": 1e5, "y": 1}]}, "outside three picture sizes"),
    ],
)
def test_what_a_stage_would_refuse_is_not_written(workspace: Workspace, change: dict[str, object], reason: str) -> None:
    page, before = shown(workspace), read_records(workspace, NAME)
    people = people_of(page)
    people[0] |= change
    with pytest.raises(ImageError, match=reason):
        send(workspace, people, page.etag)
    assert read_records(workspace, NAME) == before


def test_another_picture_and_a_photo_without_a_record_are_refused(workspace: Workspace) -> None:
    page = shown(workspace)
    workspace.path(f"images/{NAME}").write_bytes(b"another picture")
    with pytest.raises(ImageError, match="has changed since its record was made"):
        send(workspace, people_of(page), page.etag)
    with pytest.raises(ImageError, match="has no record yet"):
        send(workspace, [], page.etag, name="new.jpg")


def test_boxes_alone_can_be_corrected_and_keypoints_need_poses(workspace: Workspace) -> None:
    page = shown(workspace, "boxes.jpg")
    people = people_of(page)
    assert people[0]["keypoints"] is None
    joints = [{"name": "left_hip", "x": 50, "y": 50}]
    with pytest.raises(ImageError, match="no poses yet"):
        send(workspace, [{**people[0], "keypoints": joints}], page.etag, name="boxes.jpg")
    assert send(workspace, [{**people[0], "box": (1, 2, 60, 70)}], page.etag, name="boxes.jpg").boxes


def test_nothing_is_written_outside_of_the_workspace(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace", [Photo("a.jpg")])
    outside = tmp_path / "outside"
    workspace.path("annots").rename(outside)
    workspace.path("annots").symlink_to(outside)
    page = shown(workspace, "a.jpg")
    before = (outside / "a.json").read_bytes()
    with pytest.raises(WorkspaceError, match="a link out of the workspace"):
        send(workspace, [], page.etag, name="a.jpg")
    assert (outside / "a.json").read_bytes() == before


def test_another_app_on_the_workspace_is_waited_for(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "PATIENCE_SECONDS", 0.1)
    page = shown(workspace)
    with locked(workspace, "web-app"), pytest.raises(WorkspaceError, match="already running"):
        send(workspace, people_of(page), page.etag)
    with locked(workspace, "hrn-stage"):  # a stage compares before it replaces: nobody has to wait for it
        assert send(workspace, people_of(page), page.etag)
