"""Skip, redo, stale, killed: what a second run does after a first one."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from fakes import (
    BLUE,
    RED,
    ColourDetector,
    CrashingDetector,
    InterruptedDetector,
    photo,
    plan_with,
    save,
)
from PIL import Image
from story import annot_of, prepared, run

from pose_contract.errors import ImageError, UsageError, WorkspaceError
from pose_contract.storage import record_paths
from pose_contract.workspace import Workspace
from stage_kit.runs.lock import locked
from stage_kit.testing import dies_at_write, workspace_bytes
from yolo_stage import facts
from yolo_stage.options import DetectOptions
from yolo_stage.steps import detect_people


def test_a_rerun_touches_nothing_and_never_loads_the_network(workspace: Workspace) -> None:
    run(workspace)
    before = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*") if "reports" not in str(path)}
    detector = ColourDetector()
    report = run(workspace, detector)
    assert report.counts.skipped == 3 and detector.batch_sizes == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_has_been_seen_is_not_even_read(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size and modification time, kept from run to run, spare the reading and hashing of every image."""
    run(workspace)
    monkeypatch.setattr("yolo_stage.steps.read_image_bytes", lambda path, *_: pytest.fail(f"{path} was read"))
    assert run(workspace).counts.skipped == 3


def test_a_second_run_is_refused(workspace: Workspace) -> None:
    with locked(workspace, "yolo-stage"), pytest.raises(WorkspaceError, match="yolo-stage is already running"):
        run(workspace)
    assert run(workspace).counts.processed == 3


@pytest.mark.parametrize(
    ("options", "redone"),
    [
        ({}, 0),
        ({"batch_size": 2, "n_cpu": 3, "keep_going": True}, 0),
        ({"conf_thres": 0.85}, 3),
        ({"nms_thres": 0.5}, 3),
        ({"cut_scale": 1.5}, 3),
        ({"max_people": 1}, 3),
        ({"overwrite": True}, 3),
    ],
)
def test_what_changes_results_is_done_anew_and_nothing_else(
    workspace: Workspace, options: dict[str, object], redone: int
) -> None:
    run(workspace)
    assert run(workspace, **options).counts.processed == redone


@pytest.mark.parametrize(
    "change",
    [
        {"weights_sha256": "ef" * 32}, {"engine": "other"}, {"model_def_sha256": "01" * 32}, {"model": "other"},
        {"precision": "fp16"}, {"person_class": 1}, {"conf_thres": 0.4}, {"input_size": 192},
    ],
)  # fmt: skip
def test_other_weights_are_done_anew(workspace: Workspace, change: dict[str, object]) -> None:
    run(workspace)
    options = DetectOptions(workspace=workspace, quiet=True)
    assert detect_people(options, plan_with(ColourDetector(), **change)).counts.processed == 3


def test_a_release_does_nothing_anew_and_other_results_do(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(workspace)
    released = facts().model_copy(update={"version": "9.9.9"})
    monkeypatch.setattr("yolo_stage.steps.facts", lambda: released)
    assert run(workspace).counts.skipped == 3
    monkeypatch.setattr("yolo_stage.steps.facts", lambda: released.model_copy(update={"results": facts().results + 1}))
    assert run(workspace).counts.processed == 3


@pytest.mark.parametrize("file", ["annots/a.json", "cuts/a-1.jpg", "inspect/a.jpg"])
def test_a_missing_or_damaged_file_is_made_again(workspace: Workspace, file: str) -> None:
    run(workspace)
    wanted = workspace_bytes(workspace.root)
    (workspace.root / file).unlink()
    assert run(workspace).counts.processed == 1
    assert workspace_bytes(workspace.root) == wanted
    if file.endswith(".json"):
        (workspace.root / file).write_text("{damaged")  # by whom, nobody knows: it may be a person's work
        (failure,) = run(workspace, overwrite=True).failures
        assert "annots/a.json, line 1, column 2" in failure.reason
        assert (workspace.root / file).read_text() == "{damaged"


def test_a_changed_image_is_done_anew_and_its_surplus_cuts_go(workspace: Workspace) -> None:
    run(workspace)
    save(workspace.root / "images/a.jpg", photo({BLUE: (20, 30, 60, 120)}))
    assert run(workspace).counts.processed == 1
    assert len(annot_of(workspace, "a.jpg").people) == 1
    assert not (workspace.root / "cuts/a-1.jpg").exists()


def test_a_change_that_keeps_size_and_second_is_seen(workspace: Workspace) -> None:
    """The memory of hashes must not trust a file that was written a moment ago."""
    path = workspace.root / "images/z.JPG"
    path.write_bytes(path.read_bytes())
    run(workspace)
    now = time.time_ns()
    os.utime(path, ns=(now, now))
    run(workspace)
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(now, now))
    assert run(workspace).counts.skipped == 2


def test_files_of_an_image_that_is_gone_go_too(workspace: Workspace) -> None:
    run(workspace)
    save(workspace.root / "images/a.jpg.jpg", photo({RED: (10, 10, 60, 90)}))
    run(workspace)
    shutil.rmtree(workspace.root / "images/é")
    (workspace.root / "images/a.jpg.jpg").unlink()
    (workspace.root / "images/a.jpg").unlink()
    (workspace.root / "images/a").mkdir()  # a folder with the record's name is not its picture
    run(workspace)
    assert set(workspace_bytes(workspace.root)) == {"images/z.JPG", "annots/z.json", "inspect/z.jpg"}
    assert not (workspace.root / "annots/é").exists()


@pytest.mark.parametrize("missing", [True, False])
def test_an_unmounted_images_folder_wipes_nothing(workspace: Workspace, missing: bool) -> None:
    run(workspace)
    shutil.rmtree(workspace.root / "images")
    if not missing:
        (workspace.root / "images").mkdir()
    before = workspace_bytes(workspace.root)
    with pytest.raises(UsageError):
        run(workspace)
    assert workspace_bytes(workspace.root) == before and before


def test_what_a_killed_run_left_is_swept(workspace: Workspace) -> None:
    run(workspace)
    before = workspace_bytes(workspace.root)
    for folder in ("annots", "cuts", "inspect"):
        (workspace.root / folder / ".tmp-0123456789abcdef").write_bytes(b"half a file")
    run(workspace)
    assert workspace_bytes(workspace.root) == before


def test_a_crash_or_ctrl_c_keeps_what_is_done(workspace: Workspace) -> None:

    def written() -> bool:
        return sum(1 for _ in record_paths(workspace.root / "annots")) == 2

    for detector, error, state in (
        (CrashingDetector(written=written), RuntimeError, "stopped"),
        (InterruptedDetector(written=written), KeyboardInterrupt, "interrupted"),
    ):
        with pytest.raises(error):
            run(workspace, detector, overwrite=True, n_cpu=1)
        report = json.loads((workspace.root / "reports/yolo-stage.json").read_text())
        assert report["state"] == state
        assert not list(workspace.root.rglob(".tmp-*"))
    assert run(workspace).counts.skipped == 2


@pytest.mark.parametrize("after", [False, True])
def test_death_at_any_write_point_leaves_a_workspace_that_a_rerun_completes(
    workspace: Workspace, tmp_path: Path, after: bool
) -> None:
    """The run that dies has work of all kinds: new images, one gone, one with fewer people, other options."""
    run(workspace, conf_thres=0.3)
    save(workspace.root / "images/a.jpg", photo({BLUE: (20, 30, 60, 120)}))
    save(workspace.root / "images/new.jpg", photo({RED: (20, 30, 60, 120), BLUE: (100, 30, 160, 120)}))
    (workspace.root / "images/z.JPG").unlink()
    undisturbed = prepared(workspace.root, tmp_path / "undisturbed")
    run(undisturbed)
    wanted = workspace_bytes(undisturbed.root)
    point = 0
    while True:
        disturbed = prepared(workspace.root, tmp_path / "disturbed")
        if not dies_at_write(lambda root=disturbed: run(root, n_cpu=2), point, after):
            break
        assert not run(disturbed).failures
        assert workspace_bytes(disturbed.root) == wanted, f"write point {point}"
        point += 1
    assert point >= 15


def test_death_and_a_rerun_with_other_options(workspace: Workspace, tmp_path: Path) -> None:
    """Files of the dead run must not pass for those of the rerun: here fewer people are wanted."""
    undisturbed = prepared(workspace.root, tmp_path / "undisturbed")
    run(undisturbed, max_people=1)
    wanted = workspace_bytes(undisturbed.root)
    run(workspace, max_people=1)
    base = prepared(workspace.root, tmp_path / "base")
    point = 0
    while dies_at_write(lambda root=workspace: run(root, n_cpu=1), point, after=True):
        run(workspace, max_people=1)
        assert workspace_bytes(workspace.root) == wanted, f"write point {point}"
        workspace = prepared(base.root, workspace.root)
        point += 1
    assert point > 10


@pytest.mark.parametrize("corrected", [False, True])
def test_records_of_the_first_release_for_jpg_in_capitals_take_todays_name(
    workspace: Workspace, corrected: bool
) -> None:
    """It did not drop `.JPG`; a person's record keeps its people, the others are made anew."""
    run(workspace)
    wanted = workspace_bytes(workspace.root)
    record = workspace.root / "annots/z.json"
    data = record.read_text().replace('"corrected": false', f'"corrected": {str(corrected).lower()}')
    (workspace.root / "annots/z.JPG.json").write_text(data)
    record.unlink()
    (workspace.root / "inspect/z.jpg").rename(workspace.root / "inspect/z.JPG.jpg")
    run(workspace)
    if corrected:
        assert record.read_text() == data
    assert set(workspace_bytes(workspace.root)) == set(wanted)


def outputs_of(workspace: Workspace) -> dict[str, bytes]:
    return {file: data for file, data in workspace_bytes(workspace.root).items() if not file.startswith("reports/")}


@pytest.mark.parametrize("hindrance", ["memory", "size", "side"])
def test_a_photo_that_only_cannot_be_read_now_keeps_its_outputs(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, hindrance: str
) -> None:
    run(workspace)
    photo_file = workspace.root / "images/a.jpg"
    options: dict[str, object] = {}
    if hindrance == "memory":

        def decode(data: bytes) -> object:
            raise ImageError("does not fit into memory", "shrink the picture first")

        monkeypatch.setattr("yolo_stage.steps.decode_image", decode)
        photo_file.write_bytes(photo_file.read_bytes() + b"\0")
    elif hindrance == "size":
        photo_file.write_bytes(photo_file.read_bytes() + bytes(1_000_001))
        options["max_file_mb"] = 1
    else:
        Image.new("L", (70_000, 2)).save(photo_file, "PNG")
    before = outputs_of(workspace)
    (failure,) = run(workspace, **options).failures
    assert failure.file == "images/a.jpg" and failure.remedy
    assert outputs_of(workspace) == before


def test_a_damaged_photo_takes_its_outputs_along(workspace: Workspace) -> None:
    run(workspace)
    (workspace.root / "images/a.jpg").write_bytes(b"no longer a picture")
    (failure,) = run(workspace).failures
    assert "not a picture" in failure.reason
    assert not {file for file in outputs_of(workspace) if file.startswith(("annots/a.", "inspect/a.", "cuts/a-"))}
