"""Records that a person has corrected."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    SCORE,
    MarkerEstimator,
    config_with,
    plan_with,
    write_photo,
)
from story import corrected_poses, poses_of, run

from hrn_stage.options import EstimateOptions
from hrn_stage.steps import estimate_poses
from pose_contract.storage import read_annot, write_bytes, write_record
from pose_contract.workspace import Workspace
from stage_kit.export.coco_rows import image_id
from stage_kit.pictures.images import write_jpeg
from stage_kit.runs.found_records import sealed_bytes
from stage_kit.runs.record_bounds import with_cuts


def test_corrected_poses_are_never_overwritten_but_drawn(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    run(workspace)
    path = workspace.root / "output/poses/a.json"
    person = poses_of(workspace, "a.jpg").people[0]
    fewer = person.model_copy(update={"keypoints": person.keypoints[:5]})
    write_record(path, poses_of(workspace, "a.jpg").model_copy(update={"corrected": True, "people": (fewer,)}))
    kept, final = path.read_bytes(), (workspace.root / "final/a.jpg").read_bytes()
    report = run(workspace, overwrite=True)
    assert path.read_bytes() == kept
    assert (report.counts.redrawn, report.counts.processed) == (1, 2)
    assert (workspace.root / "final/a.jpg").read_bytes() != final
    assert run(workspace).counts.skipped == 3
    write_photo(workspace, "a.jpg", [(20, 20, 100, 180)])
    estimate_poses(EstimateOptions(workspace, config_with()), plan_with(MarkerEstimator(), config_with()))
    assert path.read_bytes() == kept
    assert "a.jpg has changed, its corrected poses are kept" in capsys.readouterr().err
    (workspace.root / "annots/a.json").unlink()
    run(workspace)
    assert path.read_bytes() == kept


def test_a_corrected_record_with_an_unknown_skeleton_fails_alone(workspace: Workspace) -> None:
    run(workspace)
    poses = poses_of(workspace, "a.jpg").model_copy(update={"corrected": True, "skeleton": "octopus8"})
    write_record(workspace.root / "output/poses/a.json", poses)
    (failure,) = run(workspace).failures
    assert failure.file == "images/a.jpg" and "octopus8" in failure.reason and "mpii16" in failure.remedy


def test_a_corrected_annot_of_another_picture_says_what_to_do(workspace: Workspace) -> None:
    annot = read_annot(workspace.root / "annots/a.json")
    assert annot is not None
    write_record(workspace.root / "annots/a.json", annot.model_copy(update={"corrected": True}))
    write_jpeg(workspace.root / "images/a.jpg", np.zeros((200, 300, 3), np.uint8))
    (failure,) = run(workspace).failures
    assert failure.file == "images/a.jpg" and "has changed since" in failure.reason
    assert "corrected by hand" in failure.remedy and "yolo-stage again" in failure.remedy


@pytest.mark.parametrize(
    ("typed", "meant", "hint"),
    [
        ('"corrected": true,', '"corrected": true,,', "mend"),
        ('"score": 0.75', '"scre": 0.75', "mend"),
        ('"left_hip"', '"left_hipp"', "did you mean left_hip?"),
    ],
)
def test_corrected_poses_with_a_typing_mistake_are_not_overwritten(
    workspace: Workspace, typed: str, meant: str, hint: str
) -> None:
    path = corrected_poses(workspace)
    assert typed in path.read_text()
    path.write_text(path.read_text().replace(typed, meant))
    kept = path.read_bytes()
    (failure,) = run(workspace, overwrite=True).failures
    assert failure.file == "images/a.jpg" and "record with a mistake" in failure.reason and hint in failure.remedy
    assert path.read_bytes() == kept


def test_keypoints_left_out_are_zeros_for_coco(workspace: Workspace) -> None:
    corrected_poses(workspace)
    run(workspace)
    rows = json.loads((workspace.root / "output/keypoints.coco.json").read_text())
    (row,) = [row for row in rows if row["image_id"] == image_id("a.jpg")]
    points = np.array(row["keypoints"]).reshape(16, 3)
    assert (points[[0, 1, 2]] == 0).all() and (points[9:] == 0).all() and (points[3:9, 2] == SCORE).all()


def test_a_person_without_a_cut_sends_back_to_yolo_stage(workspace: Workspace) -> None:
    annot = read_annot(workspace.root / "annots/a.json")
    assert annot is not None
    people = (annot.people[0], annot.people[1].model_copy(update={"cut": None}))
    write_record(workspace.root / "annots/a.json", annot.model_copy(update={"corrected": True, "people": people}))
    (failure,) = run(workspace).failures
    assert "person 1 has no cut yet" in failure.reason and "yolo-stage" in failure.remedy


def edit(workspace: Workspace, file: str, typed: str, meant: str) -> Path:
    """A record as somebody leaves it who does not know of the flag."""
    path = workspace.root / file
    text = path.read_text()
    assert typed in text
    path.write_text(text.replace(typed, meant, 1))
    return path


def test_a_keypoint_moved_without_the_flag_is_kept_drawn_and_told(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    run(workspace)
    path = edit(workspace, "output/poses/a.json", '"x": 28.75', '"x": 77')
    kept, final = path.read_bytes(), (workspace.root / "final/a.jpg").read_bytes()
    config = config_with(TEST={"FLIP_TEST": True})
    report = estimate_poses(EstimateOptions(workspace, config, overwrite=True), plan_with(MarkerEstimator(), config))
    assert (report.counts.redrawn, report.counts.processed) == (1, 2) and not report.failures
    line = "output/poses/a.json: edited by hand: kept; delete it to have it made anew"
    assert capsys.readouterr().err.count(line) == 1
    assert path.read_bytes() == kept and (workspace.root / "final/a.jpg").read_bytes() != final
    assert "a.jpg,0,right_ankle,77.0," in (workspace.root / "output/keypoints.csv").read_text()
    (workspace.root / "annots/a.json").unlink()
    run(workspace)
    assert path.read_bytes() == kept


@pytest.mark.parametrize(
    ("typed", "meant", "reason"),
    [
        ('"corrected": false', '"corrected": True', "line 9, column"),
        ('"x": 28.75', '"x": 1e12', "person 0 has a keypoint right_ankle outside three picture sizes"),
        ('"x": 28.75', '"x": NaN', "keypoint 0 has x nan, expected a finite number"),
        ('"height": 200', '"height": 2000000', "the picture is 300 x 200"),
        ('"image": "images/a.jpg"', '"image": "../../secret.jpg"', "names another picture"),
        ('"skeleton": "mpii16"', '"skeleton": "octopus"', "octopus"),
    ],
)
def test_mistyped_poses_are_kept_fail_alone_and_stand_in_no_table(
    workspace: Workspace, typed: str, meant: str, reason: str
) -> None:
    run(workspace)
    kept = edit(workspace, "output/poses/a.json", typed, meant).read_bytes()
    report = run(workspace, overwrite=True)
    (failure,) = report.failures
    assert failure.file == "images/a.jpg" and reason in failure.reason
    assert report.counts.processed == 2
    assert (workspace.root / "output/poses/a.json").read_bytes() == kept
    if "height" not in typed:  # numbers that are no picture's still are that person's
        assert "a.jpg,0" not in (workspace.root / "output/keypoints.csv").read_text().replace("b c.jpg", "")


@pytest.mark.parametrize(
    ("typed", "meant", "reason"),
    [
        ('"file": "cuts/a-0.jpg"', '"file": "../../a.jpg"', "person 0 has a cut that is no file below the workspace"),
        ('"width": 300', '"width": 301', "301 x 200, the picture is 300 x 200"),
        ('"x1": 20.0', '"x1": 2e9', "person 0 has a box outside three picture sizes"),
        ('"image": "images/a.jpg"', '"image": "images/z.jpg"', "belongs elsewhere"),
        ('"image": "images/a.jpg"', '"image": "a.jpg"', "belongs elsewhere"),
    ],
)
def test_a_mistyped_annot_fails_alone(workspace: Workspace, typed: str, meant: str, reason: str) -> None:
    path = workspace.root / "annots/a.json"
    annot = read_annot(path)
    assert annot is not None
    write_bytes(path, sealed_bytes(annot))
    run(workspace)
    kept = edit(workspace, "annots/a.json", typed, meant).read_bytes()
    report = run(workspace, overwrite=True)
    (failure,) = report.failures
    assert failure.file == "images/a.jpg" and reason in failure.reason
    assert report.counts.processed == 2 and path.read_bytes() == kept


def test_a_box_that_yolo_stage_has_not_cut_out_yet_sends_back_to_it(workspace: Workspace) -> None:
    path = workspace.root / "annots/a.json"
    annot = read_annot(path)
    assert annot is not None
    made_by = annot.made_by.model_copy(update={"options": {"cut_scale": 1.25}})
    cuts = [person.cut for person in with_cuts(annot, 1.25) if person.cut]
    people = tuple(
        person.model_copy(update={"cut": cut.model_copy(update={"file": f"cuts/a-{person.index}.jpg"})})
        for person, cut in zip(annot.people, cuts, strict=True)
    )
    write_bytes(path, sealed_bytes(annot.model_copy(update={"made_by": made_by, "people": people})))
    edit(workspace, "annots/a.json", '"x1": 20.0', '"x1": 60.0')
    (failure,) = run(workspace).failures
    assert "person 0 has a cut that is not of the box" in failure.reason and "yolo-stage" in failure.remedy


def test_poses_that_cannot_be_read_outlive_their_annot(workspace: Workspace) -> None:
    run(workspace)
    path = edit(workspace, "output/poses/a.json", "{", "{{")
    (workspace.root / "annots/a.json").unlink()
    run(workspace)
    assert path.exists()
