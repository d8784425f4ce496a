"""Skip, redo, stale, killed: what a second run does after a first one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from fakes import (
    CrashingEstimator,
    MarkerEstimator,
    config_with,
    plan_with,
    write_photo,
)
from story import poses_of, run

from hrn_stage import facts
from hrn_stage.config import HrnConfig
from hrn_stage.options import EstimateOptions
from hrn_stage.steps import estimate_poses, made_by
from pose_contract.errors import WorkspaceError
from pose_contract.storage import read_annot, write_record
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.runs.lock import locked
from stage_kit.testing import dies_at_write, workspace_bytes


def test_a_rerun_touches_nothing_and_never_loads_the_network(workspace: Workspace) -> None:
    run(workspace)
    pictures = [*workspace.root.rglob("*.jpg"), *workspace.root.rglob("poses/**/*.json")]
    before = {path: path.stat().st_mtime_ns for path in pictures}
    everything = workspace_bytes(workspace.root)
    estimator = MarkerEstimator()
    report = run(workspace, estimator)
    assert report.counts.skipped == 3 and estimator.batch_sizes == []
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert workspace_bytes(workspace.root) == everything


def test_what_has_been_seen_is_not_even_read(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (workspace.root / "images").rglob("*.jpg"):
        os.utime(path, (1e9, 1e9))
    run(workspace)
    monkeypatch.setattr("hrn_stage.intake.read_image_bytes", lambda path, *_: pytest.fail(f"{path} was read"))
    assert run(workspace).counts.skipped == 3


def test_a_second_run_is_refused(workspace: Workspace) -> None:
    with locked(workspace, "hrn-stage"), pytest.raises(WorkspaceError, match="hrn-stage is already running"):
        run(workspace)
    assert run(workspace).counts.processed == 3


def test_changed_drawing_flags_redraw_without_the_network(workspace: Workspace) -> None:
    run(workspace)
    records = {name: data for name, data in workspace_bytes(workspace.root).items() if name.startswith("output")}
    final = (workspace.root / "final/a.jpg").read_bytes()
    estimator = MarkerEstimator()
    report = run(workspace, estimator, style=DrawStyle(circle=False, line_thickness=2))
    assert report.counts.redrawn == 3 and estimator.batch_sizes == []
    assert (workspace.root / "final/a.jpg").read_bytes() != final
    assert {name: data for name, data in workspace_bytes(workspace.root).items() if name in records} == records
    run(workspace)
    assert (workspace.root / "final/a.jpg").read_bytes() == final


@pytest.mark.parametrize(
    ("config", "redone"),
    [
        ({}, 0),
        ({"TEST": {"BATCH_SIZE_PER_GPU": 3}}, 0),
        ({"WORKERS": {}}, 0),
        ({"TRAIN": {"LR": 0.5}}, 0),
        ({"TEST": {"POST_PROCESS": False}}, 3),
        ({"TEST": {"DECODE": "dark", "POST_PROCESS": True}}, 3),
        ({"TEST": {"FLIP_TEST": True}}, 3),
        ({"DATASET": {"COLOR_RGB": False}}, 3),
    ],
)
def test_what_changes_results_is_done_anew_and_nothing_else(
    workspace: Workspace, config: dict[str, dict[str, object]], redone: int
) -> None:
    run(workspace)
    config.pop("WORKERS", None)
    assert run(workspace, config=config_with(**config)).counts.processed == redone
    assert run(workspace, config=config_with(**config), overwrite=True).counts.processed == 3


@pytest.mark.parametrize(
    "config",
    [
        config_with(TEST={"FLIP_TEST": True, "SHIFT_HEATMAP": True}),
        config_with(MODEL={"IMAGE_SIZE": [64, 64], "HEATMAP_SIZE": [16, 16]}),
    ],
)
def test_another_shift_and_another_input_size_are_done_anew(workspace: Workspace, config: HrnConfig) -> None:
    run(workspace, config=config_with(TEST={"FLIP_TEST": config.TEST.FLIP_TEST}))
    assert run(workspace, config=config).counts.processed == 3


@pytest.mark.parametrize(
    "change",
    [
        {"weights_sha256": "ef" * 32}, {"network_sha256": "01" * 32}, {"engine": "other"}, {"model": "other"},
        {"precision": "fp16"},
    ],
)  # fmt: skip
def test_other_weights_are_done_anew(workspace: Workspace, change: dict[str, object]) -> None:
    run(workspace)
    config = config_with()
    options = EstimateOptions(workspace, config, quiet=True)
    assert estimate_poses(options, plan_with(MarkerEstimator(), config, **change)).counts.processed == 3


def test_a_release_does_nothing_anew_other_drawing_draws_and_other_results_do_all(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(workspace)
    released = facts().model_copy(update={"version": "9.9.9"})
    for module in ("results", "steps"):
        monkeypatch.setattr(f"hrn_stage.{module}.facts", lambda: released)
    assert run(workspace).counts.skipped == 3
    monkeypatch.setattr("hrn_stage.results.facts", lambda: released.model_copy(update={"drawing": 3}))
    assert run(workspace).counts.redrawn == 3
    monkeypatch.setattr("hrn_stage.steps.facts", lambda: released.model_copy(update={"results": 2}))
    assert run(workspace).counts.processed == 3


def test_another_blur_of_dark_is_done_anew_and_is_nothing_to_quarter(workspace: Workspace) -> None:
    for method, redone in (("dark", 3), ("quarter", 0)):
        run(workspace, config=config_with(TEST={"DECODE": method, "POST_PROCESS": True}))
        other = config_with(TEST={"DECODE": method, "POST_PROCESS": True, "BLUR_KERNEL": 7})
        assert run(workspace, config=other).counts.processed == redone


@pytest.mark.parametrize("file", ["output/poses/a.json", "final/a.jpg"])
def test_a_missing_or_damaged_file_is_made_again(workspace: Workspace, file: str) -> None:
    run(workspace)
    wanted = workspace_bytes(workspace.root)
    (workspace.root / file).unlink()
    report = run(workspace)
    assert (report.counts.processed, report.counts.redrawn) == ((0, 1) if "final" in file else (1, 0))
    assert workspace_bytes(workspace.root) == wanted
    (workspace.root / file).write_bytes(b"damaged")
    report = run(workspace, overwrite=file.endswith(".json"))
    if file.endswith(".json"):  # by whom, nobody knows: it may be a person's work
        assert "output/poses/a.json, line 1, column 1" in report.failures[0].reason
        assert (workspace.root / file).read_bytes() == b"damaged"
    else:
        assert workspace_bytes(workspace.root) == wanted


def test_a_changed_annot_is_done_anew(workspace: Workspace) -> None:
    run(workspace)
    annot = read_annot(workspace.root / "annots/a.json")
    assert annot is not None
    write_record(workspace.root / "annots/a.json", annot.model_copy(update={"people": annot.people[:1]}))
    report = run(workspace)
    assert report.counts.processed == 1
    assert len(poses_of(workspace, "a.jpg").people) == 1


def test_poses_whose_annot_is_gone_go_with_their_pictures(workspace: Workspace) -> None:
    debug = config_with(DEBUG={"DEBUG": True})
    run(workspace, config=debug)
    (workspace.root / "annots/a.json").unlink()
    shutil.rmtree(workspace.root / "annots/é")
    run(workspace, config=debug)
    left = {name for name in workspace_bytes(workspace.root) if name.startswith(("final", "output"))}
    assert {name for name in left if "coco" not in name and "csv" not in name} == {"final/z.jpg", "output/poses/z.json"}
    assert not (workspace.root / "final/é").exists()


def test_what_a_killed_run_left_is_swept(workspace: Workspace) -> None:
    run(workspace)
    before = workspace_bytes(workspace.root)
    for folder in ("final", "output", "output/poses"):
        (workspace.root / folder / ".tmp-0123456789abcdef").write_bytes(b"half a file")
    run(workspace)
    assert workspace_bytes(workspace.root) == before


def test_debug_pictures_of_people_who_are_gone_go_too(workspace: Workspace) -> None:
    debug = config_with(DEBUG={"DEBUG": True})
    run(workspace, config=debug)
    write_photo(workspace, "a.jpg", [(20, 20, 100, 180)])
    run(workspace, config=debug)
    for folder in ("output/debug", "output/inspect"):
        assert [path.name for path in (workspace.root / folder).glob("*.jpg")] == ["a-0.jpg"]


def test_a_crash_keeps_what_is_done(workspace: Workspace) -> None:
    first = workspace.path(workspace.poses_file("a.jpg"))
    with pytest.raises(RuntimeError):
        run(workspace, CrashingEstimator(written=first.exists))
    assert json.loads((workspace.root / "reports/hrn-stage.json").read_text())["state"] == "stopped"
    assert not list(workspace.root.rglob(".tmp-*"))
    report = run(workspace)
    assert report.counts.skipped >= 1 and report.counts.skipped + report.counts.processed == 3


@pytest.mark.parametrize("after", [False, True])
def test_death_at_any_write_point_leaves_a_workspace_that_a_rerun_completes(
    workspace: Workspace, tmp_path: Path, after: bool
) -> None:
    """The run that dies has work of all kinds: a new image, one gone, one with fewer people, one to redraw."""
    debug = config_with(DEBUG={"DEBUG": True})
    run(workspace, config=debug)
    write_photo(workspace, "a.jpg", [(20, 20, 100, 180)])
    write_photo(workspace, "new.jpg", [(20, 20, 100, 180)])
    (workspace.root / "final/z.jpg").unlink()
    shutil.rmtree(workspace.root / "annots/é")
    base, undisturbed = tmp_path / "base", tmp_path / "undisturbed"
    for copy in (base, undisturbed):
        shutil.copytree(workspace.root, copy)
    run(Workspace(undisturbed), config=debug)
    wanted = workspace_bytes(undisturbed)
    point = 0
    while True:
        disturbed = tmp_path / "disturbed"
        shutil.rmtree(disturbed, ignore_errors=True)
        shutil.copytree(base, disturbed)
        if not dies_at_write(lambda root=disturbed: run(Workspace(root), config=debug), point, after):
            break
        assert not run(Workspace(disturbed), config=debug).failures
        assert workspace_bytes(disturbed) == wanted, f"write point {point}"
        point += 1
    assert point >= 15


def test_death_and_a_rerun_with_the_old_options(workspace: Workspace, tmp_path: Path) -> None:
    """Debug pictures of the dead run must not pass for those of the rerun."""
    old = config_with(DEBUG={"DEBUG": True})
    new = config_with(DEBUG={"DEBUG": True}, TEST={"FLIP_TEST": True}, DATASET={"COLOR_RGB": False})
    run(workspace, config=old)
    wanted = workspace_bytes(workspace.root)
    point, died = 0, True
    while died:
        disturbed = tmp_path / "disturbed"
        shutil.rmtree(disturbed, ignore_errors=True)
        shutil.copytree(workspace.root, disturbed)
        died = dies_at_write(lambda root=disturbed: run(Workspace(root), config=new), point, after=True)
        run(Workspace(disturbed), config=old)
        assert workspace_bytes(disturbed) == wanted, f"write point {point}"
        point += 1
    assert point > 10


def test_records_of_another_calibration_are_made_anew() -> None:
    known = [""]
    plan = plan_with(MarkerEstimator(), config_with(), precision="int8", calibration=lambda: known[0])
    before = made_by(plan)
    known[0] = "abc"
    assert before.options["calibration"] == "" and made_by(plan).options["calibration"] == "abc"
    assert before != made_by(plan), "so the record is not current any more"
    assert "calibration" not in made_by(plan_with(MarkerEstimator(), config_with())).options
