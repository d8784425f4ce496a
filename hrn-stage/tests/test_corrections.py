"""Records that a person has corrected."""

from __future__ import annotations

import json

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
from pose_contract.storage import read_annot, write_record
from pose_contract.tables import image_id
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import write_jpeg


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
