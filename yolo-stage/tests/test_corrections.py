"""Records that a person has corrected."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import (
    ColourDetector,
    photo,
    plan_with,
    save,
)
from story import annot_of, correct, prepared, run

from pose_contract.records import Box, Person
from pose_contract.storage import write_record
from pose_contract.workspace import Workspace
from stage_kit.pictures.boxes import cut_rectangle
from stage_kit.pictures.images import read_image
from stage_kit.testing import dies_at_write, workspace_bytes
from yolo_stage.options import DetectOptions
from yolo_stage.steps import detect_people


def test_a_corrected_record_is_never_touched(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    run(workspace)
    corrected = annot_of(workspace, "a.jpg").model_copy(update={"corrected": True, "people": ()})
    path = workspace.root / "annots/a.json"
    write_record(path, corrected)
    kept = path.read_bytes()
    run(workspace, overwrite=True, conf_thres=0.3)
    assert path.read_bytes() == kept
    save(workspace.root / "images/a.jpg", photo({}))
    options = DetectOptions(workspace=workspace)
    detect_people(options, plan_with(ColourDetector()))
    assert path.read_bytes() == kept
    assert "a.jpg has changed, its corrected record is kept" in capsys.readouterr().err
    (workspace.root / "images/a.jpg").unlink()
    detect_people(options, plan_with(ColourDetector()))
    assert path.read_bytes() == kept
    assert "images/a.jpg is gone, its corrected record is kept" in capsys.readouterr().err


def test_a_moved_box_and_an_added_person_get_their_cuts(workspace: Workspace) -> None:
    run(workspace)
    first, second = annot_of(workspace, "a.jpg").people
    moved = second.model_copy(update={"box": Box(x1=100, y1=20, x2=140, y2=90)})
    added = Person(index=7, score=1, box=Box(x1=60, y1=60, x2=90, y2=150))
    correct(workspace, people=(first, moved, added))
    report = run(workspace, overwrite=True)
    assert not report.failures and report.counts.redrawn == 1
    people = annot_of(workspace, "a.jpg").people
    assert [person.box for person in people] == [first.box, moved.box, added.box]
    assert people[0] == first and [person.index for person in people] == [0, 1, 2]
    for person in people:
        assert person.cut is not None
        x, y, width, height = cut_rectangle(person.box.xyxy, (240, 160), 1.25)
        assert (person.cut.x, person.cut.y, person.cut.width, person.cut.height) == (x, y, width, height)
        assert read_image(workspace.root / person.cut.file).shape == (height, width, 3)
    assert run(workspace, overwrite=True).counts.skipped == 1
    (workspace.root / "cuts/a-2.jpg").unlink()
    assert run(workspace).counts.redrawn == 1
    assert (workspace.root / "cuts/a-2.jpg").is_file()


def test_a_corrected_box_outside_the_picture_is_named(workspace: Workspace) -> None:
    run(workspace)
    path = correct(workspace, people=(Person(index=0, score=1, box=Box(x1=500, y1=20, x2=540, y2=90)),))
    kept = path.read_bytes()
    (failure,) = run(workspace).failures
    assert "person 0 has a box without area" in failure.reason and "240 x 160" in failure.remedy
    assert path.read_bytes() == kept


def test_a_corrected_record_with_a_typing_mistake_is_not_overwritten(workspace: Workspace) -> None:
    run(workspace)
    path = correct(workspace)
    path.write_text(path.read_text().replace('"corrected": true,', '"corrected": true,,'))
    kept = path.read_bytes()
    (failure,) = run(workspace, overwrite=True).failures
    assert failure.file == "images/a.jpg" and "record with a mistake" in failure.reason
    assert path.read_bytes() == kept


def edit(workspace: Workspace, typed: str, meant: str, file: str = "annots/a.json") -> Path:
    """A record as somebody leaves it who does not know of the flag."""
    path = workspace.root / file
    text = path.read_text()
    assert typed in text
    path.write_text(text.replace(typed, meant, 1))
    return path


def test_an_edit_without_the_flag_is_kept_and_told(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    run(workspace)
    path = edit(workspace, '"score": 0.8', '"score": 0.7')
    kept, inspect = path.read_bytes(), (workspace.root / "inspect/a.jpg").read_bytes()
    options = DetectOptions(workspace=workspace, overwrite=True, cut_scale=2)
    report = detect_people(options, plan_with(ColourDetector()))
    assert (report.counts.redrawn, report.counts.processed) == (1, 2) and not report.failures
    assert path.read_bytes() == kept
    assert (workspace.root / "inspect/a.jpg").read_bytes() != inspect, "it shows the score"
    line = "annots/a.json: edited by hand: kept; delete it to have it made anew"
    assert capsys.readouterr().err.count(line) == 1
    assert run(workspace, overwrite=True).counts.skipped == 1
    (workspace.root / "images/a.jpg").unlink()
    run(workspace)
    assert path.read_bytes() == kept
    path.unlink()
    assert run(workspace).counts.processed == 0


def test_a_box_edited_without_the_flag_makes_cuts_and_inspection_picture_anew(workspace: Workspace) -> None:
    run(workspace)
    before = workspace_bytes(workspace.root)
    edit(workspace, '"x1": 19.5', '"x1": 40.5')
    assert run(workspace, conf_thres=0.85).counts.redrawn == 1
    after = workspace_bytes(workspace.root)
    for file in ("cuts/a-0.jpg", "inspect/a.jpg"):
        assert after[file] != before[file]
    annot = annot_of(workspace, "a.jpg")
    assert annot.people[0].box.x1 >= 40 and annot.corrected, "the record says from now on whose work it is"
    assert run(workspace, overwrite=True).counts.skipped == 1
    assert annot_of(workspace, "a.jpg") == annot


def test_a_person_added_without_the_flag_index_and_score_gets_a_cut(workspace: Workspace) -> None:
    run(workspace)
    edit(workspace, '"people": [', '"people": [{"box": {"x1": 60, "y1": 60, "x2": 90, "y2": 150}},')
    assert not run(workspace).failures
    people = annot_of(workspace, "a.jpg").people
    assert [(person.index, person.cut is not None) for person in people] == [(0, True), (1, True), (2, True)]
    assert people[0].score == 1 and (workspace.root / "cuts/a-2.jpg").is_file()


@pytest.mark.parametrize(
    ("typed", "meant", "reason"),
    [
        ('"corrected": false', '"corrected": True', "line 8, column"),
        ('"x1": 19.5', '"x1": 20000', "person 0 has a box outside three picture sizes"),
        ('"width": 240', '"width": 241', "241 x 160, the picture is 240 x 160"),
        ('"cut_scale": 1.25', '"cut_scale": 1000', "cut_scale is not from 1 to 10"),
        ('"image": "images/a.jpg"', '"image": "../../a.jpg"', "names another picture"),
        ('"y2":', '"y3":', "person 0's box has a field 'y3'"),
        ('"model":', '"seal":', "made_by has a field 'seal'"),
    ],
)
def test_a_mistyped_record_is_kept_and_fails_alone(workspace: Workspace, typed: str, meant: str, reason: str) -> None:
    run(workspace)
    kept = edit(workspace, typed, meant).read_bytes()
    report = run(workspace, overwrite=True)
    (failure,) = report.failures
    assert failure.file == "images/a.jpg" and reason in failure.reason
    assert report.counts.processed == 2
    assert (workspace.root / "annots/a.json").read_bytes() == kept


def test_a_record_that_cannot_be_read_outlives_its_picture(workspace: Workspace) -> None:
    run(workspace)
    path = edit(workspace, "{", "{{")
    (workspace.root / "images/a.jpg").unlink()
    run(workspace)
    assert path.exists()


@pytest.mark.parametrize("after", [False, True])
def test_death_at_any_write_point_never_makes_the_stages_own_record_a_persons(
    workspace: Workspace, tmp_path: Path, after: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """And an edited record with its files is made to fit, whenever the run before it died."""
    run(workspace)
    edit(workspace, '"x1": 19.5', '"x1": 40.5')
    undisturbed = prepared(workspace.root, tmp_path / "undisturbed")
    run(undisturbed, conf_thres=0.3)
    wanted = workspace_bytes(undisturbed.root)
    point = 0
    while True:
        disturbed = prepared(workspace.root, tmp_path / "disturbed")
        if not dies_at_write(lambda root=disturbed: run(root, conf_thres=0.3, n_cpu=1), point, after):
            break
        detect_people(DetectOptions(workspace=disturbed, conf_thres=0.3), plan_with(ColourDetector()))
        told = [line for line in capsys.readouterr().err.splitlines() if "edited by hand" in line]
        assert all("annots/a.json" in line for line in told)
        assert workspace_bytes(disturbed.root) == wanted, f"write point {point}"
        point += 1
    assert point >= 8
