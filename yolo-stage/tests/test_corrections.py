"""Records that a person has corrected."""

from __future__ import annotations

import pytest
from fakes import (
    ColourDetector,
    photo,
    plan_with,
    save,
)
from story import annot_of, correct, run

from pose_contract.records import Box, Person
from pose_contract.storage import write_record
from pose_contract.workspace import Workspace
from stage_kit.pictures.boxes import cut_rectangle
from stage_kit.pictures.images import read_image
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
