"""`--only`: one photo is done, all others, the report and what is stale stay as they are; the tables hold all."""

from __future__ import annotations

import pytest
from story import run

from pose_contract.errors import UsageError
from pose_contract.storage import read_report
from pose_contract.workspace import Workspace


def test_only_one_photo_is_drawn_anew_and_the_report_stays(workspace: Workspace) -> None:
    run(workspace)
    report = read_report(workspace.report_path("hrn-stage"))
    for name in ("a.jpg", "é/b c.jpg"):
        workspace.path(workspace.final_file(name)).unlink()
    record = workspace.path(workspace.poses_file("a.jpg"))
    record.write_text(record.read_text().replace('"x": 28.75', '"x": 77'))
    stale = workspace.path("output/poses/gone.json")
    stale.write_bytes(workspace.path(workspace.poses_file("é/b c.jpg")).read_bytes())
    counts = run(workspace, only=("a.jpg",)).counts
    assert (counts.images, counts.redrawn, counts.processed) == (1, 1, 0)
    assert workspace.path("final/a.jpg").is_file() and not workspace.path("final/é/b c.jpg").exists()
    assert read_report(workspace.report_path("hrn-stage")) == report and stale.exists()
    rows = workspace.keypoints_csv.read_text()
    assert "a.jpg,0,right_ankle,77.0," in rows and "é/b c.jpg,0," in rows
    assert run(workspace).counts.images == 3 and not stale.exists()


def test_a_photo_that_has_no_annot_is_refused(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match=r"--only: there is nothing to do for y\.jpg"):
        run(workspace, only=("y.jpg",))
