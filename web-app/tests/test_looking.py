"""Runs as they go on, curves of long videos, and the report."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
from pathlib import Path

import pytest
from workspaces import Photo, add_report, add_video, make_workspace

from pose_contract.errors import UsageError
from pose_contract.storage import write_bytes
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import decode_image
from web_app.look.catalog import Catalog
from web_app.look.entries import Entry, Found
from web_app.look.motion_files import MOST_POINTS, marks_of, speed_curves, tables_of
from web_app.look.report import write_report
from web_app.look.stage_runs import failures, stage_runs

VIDEO = Entry("erg.mp4", True, Found(1), None, "1")


@pytest.mark.parametrize(
    ("holder", "state"),
    [
        (None, "killed"),
        ("", "killed"),
        ("an unknown text", "killed"),
        (f"process {os.getpid()} on {socket.gethostname()}, since 2026", "running"),
        (f"process 99999999 on {socket.gethostname()}, since 2026", "killed"),
        ("process 99999999 on another-machine, since 2026", "running"),
    ],
)
def test_a_stage_runs_as_long_as_its_process_does(workspace: Workspace, holder: str | None, state: str) -> None:
    add_report(workspace, "hrn-stage", state="running")
    if holder is not None:
        workspace.lock_path("hrn-stage").write_text(holder)
    (_, run) = stage_runs(Catalog(workspace))
    assert (run.report.stage, run.state, run.total, run.there) == ("hrn-stage", state, 4, 3)


def test_of_motion_stage_the_videos_count_that_have_its_report(workspace: Workspace) -> None:
    add_report(workspace, "motion-stage")
    assert [run.there for run in stage_runs(Catalog(workspace))] == [4, 0]
    add_video(workspace)
    assert [run.there for run in stage_runs(Catalog(workspace))] == [4, 1]
    add_report(workspace, "unknown-stage")
    assert [run.there for run in stage_runs(Catalog(workspace))] == [4, 1, 4]


def test_without_a_run_there_is_nothing_to_tell(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace", ())
    assert stage_runs(Catalog(workspace)) == [] == failures(workspace, [], [])


def test_failures_of_no_picture_are_told_too(workspace: Workspace) -> None:
    add_report(workspace, "hrn-stage", [("output", "two photos have one COCO id", "rename one")])
    catalog = Catalog(workspace)
    found = failures(workspace, stage_runs(catalog), catalog.entries())
    assert [(entry and entry.name, failure.file) for entry, failure in found] == [
        ("broken.jpg", "images/broken.jpg"), (None, "output")
    ]  # fmt: skip


def test_a_video_without_motion_has_no_curve(workspace: Workspace) -> None:
    assert tables_of(workspace, VIDEO) == {} and speed_curves(workspace, VIDEO) == [] == marks_of(workspace, VIDEO)


def test_a_long_curve_is_thinned_and_keeps_its_peaks(workspace: Workspace) -> None:
    rows = ["frame,t_seconds,track,point,speed_px_per_s,speed_m_per_s"]
    rows += [f"{i},{i / 60},1,hand,1,{9.5 if i == 33_333 else 1}" for i in range(60_000)]
    rows += ["x,not a number,1,hand,,", "1,nan,1,hand,1,1"]
    write_bytes(workspace.path("motion/erg.mp4/speeds.csv"), "\n".join(rows).encode())
    (curve,) = speed_curves(workspace, VIDEO)
    assert len(curve.values) <= MOST_POINTS and curve.unit == "m/s" and max(v or 0 for v in curve.values) == 9.5
    assert curve.seconds[curve.values.index(9.5)] == 33_333 / 60


def test_strokes_are_spans(workspace: Workspace) -> None:
    text = "track,class,start_seconds,end_seconds\n2,forehand,1.5,2.5\n2,serve,,\n"
    write_bytes(workspace.path("motion/erg.mp4/strokes.csv"), text.encode())
    (mark,) = marks_of(workspace, VIDEO)
    assert (mark.kind, mark.seconds, mark.end_seconds, mark.track) == ("forehand", 1.5, 2.5, "2")


def test_the_report_is_one_file_that_needs_no_other(workspace: Workspace, tmp_path: Path) -> None:
    add_video(workspace)
    path = tmp_path / "report.html"
    entries, size = write_report(workspace, path, tmp_path / "cache")
    text = path.read_text()
    assert entries == 7 and size == len(text.encode())
    rows = json.loads(re.search(r'id="entries">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert [row["name"] for row in rows] == [entry.name for entry in Catalog(workspace).entries()]
    by_name = {row["name"]: row for row in rows}
    assert by_name["broken.jpg"]["failure"] == ["is not a picture", "save it as JPEG or PNG"]
    assert decode_image(base64.b64decode(by_name["a.jpg"]["picture"])).shape == (120, 160, 3)
    assert by_name["broken.jpg"]["picture"] == "" and by_name["erg.mp4"]["kind"] == "video"
    assert not re.search(r"https?://|src=|href=", re.sub(r'id="entries">.*?</script>', "", text, flags=re.DOTALL))


def test_a_name_cannot_end_the_reports_script(tmp_path: Path) -> None:
    name = "<!--<script>.jpg"
    workspace = make_workspace(tmp_path / "workspace", [Photo(name)])
    write_report(workspace, tmp_path / "r.html", tmp_path / "cache")
    assert "<!--" not in (tmp_path / "r.html").read_text()
    with pytest.raises(UsageError, match="no photo or video"):
        write_report(make_workspace(tmp_path / "empty", ()), tmp_path / "r.html", tmp_path / "cache")
