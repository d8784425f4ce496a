from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sample_records import MADE_BY, SHA
from sample_stages import FIRST

from pose_contract.errors import ImageError, WorkspaceError
from pose_contract.storage import read_report
from pose_contract.workspace import Workspace
from stage_kit.command.progress import Progress
from stage_kit.runs.journal import RunLog, Settled
from stage_kit.runs.lock import locked
from stage_kit.runs.seen import SeenFiles, is_current

HOLD = """
import sys, time
from pathlib import Path
from stage_kit.runs.lock import locked
from pose_contract.workspace import Workspace
with locked(Workspace(Path(sys.argv[1])), "first-stage"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_run_is_refused_by_name_of_the_first(workspace: Workspace) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(workspace.root)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        with (
            pytest.raises(WorkspaceError, match=f"already running.*process {holder.pid} on"),
            locked(workspace, "first-stage"),
        ):
            pass
        with locked(workspace, "hrn-stage"):
            pass
    finally:
        holder.kill()
        holder.wait()
    with locked(workspace, "first-stage"):
        assert f"process {os.getpid()} " in workspace.lock_path("first-stage").read_text()


def test_a_lock_that_cannot_be_made_is_the_workspaces_fault(workspace: Workspace) -> None:
    (workspace.root / "reports").write_text("in the way")
    with pytest.raises((WorkspaceError, ImageError)), locked(workspace, "first-stage"):
        pass


def old_file(workspace: Workspace, name: str, data: bytes) -> Path:
    path = workspace.root / name
    path.write_bytes(data)
    os.utime(path, ns=(0, time.time_ns() - 10_000_000_000))
    return path


def test_hashes_are_remembered_until_the_file_changes(workspace: Workspace) -> None:
    path = old_file(workspace, "images/a.jpg", b"one")
    seen = SeenFiles(workspace)
    assert seen.known("images/a.jpg") is None
    sha256 = seen.sha256("images/a.jpg", b"one")
    seen.save()
    again = SeenFiles(workspace)
    assert again.known("images/a.jpg") == sha256
    changed = path.stat().st_mtime_ns
    path.write_bytes(b"two")
    assert again.known("images/a.jpg") is None
    path.write_bytes(b"three")
    os.utime(path, ns=(0, changed))
    assert again.known("images/a.jpg") is None


def test_a_file_that_changes_while_it_is_read_is_not_remembered(workspace: Workspace) -> None:
    old_file(workspace, "images/a.jpg", b"longer than what was read")
    seen = SeenFiles(workspace)
    seen.sha256("images/a.jpg", b"longer than")
    assert seen.known("images/a.jpg") is None


def test_a_memory_that_cannot_be_written_is_no_error(workspace: Workspace) -> None:
    old_file(workspace, "images/a.jpg", b"one")
    (workspace.seen_path() / "in the way").mkdir(parents=True)
    seen = SeenFiles(workspace)
    seen.sha256("images/a.jpg", b"one")
    seen.save()


def test_a_file_just_written_is_not_remembered(workspace: Workspace) -> None:
    (workspace.root / "images/a.jpg").write_bytes(b"one")
    seen = SeenFiles(workspace)
    seen.sha256("images/a.jpg", b"one")
    assert seen.known("images/a.jpg") is None


@pytest.mark.parametrize("stored", ["", "[]", '{"a": 1}', '{"a": ["x", 1, "y"]}'])
def test_a_damaged_memory_is_no_error(workspace: Workspace, stored: str) -> None:
    workspace.seen_path().parent.mkdir()
    workspace.seen_path().write_text(stored)
    assert SeenFiles(workspace).known("images/a.jpg") is None


def test_files_that_are_gone_are_forgotten(workspace: Workspace) -> None:
    for name in ("images/a.jpg", "images/b.jpg"):
        path = old_file(workspace, name, b"one")
    seen = SeenFiles(workspace)
    for name in ("images/a.jpg", "images/b.jpg"):
        seen.sha256(name, b"one")
    path.unlink()
    seen.save()
    assert list(json.loads(workspace.seen_path().read_bytes())) == ["images/a.jpg"]


def test_the_skip_rule(tmp_path: Path) -> None:
    there, gone = tmp_path / "there", tmp_path / "gone"
    there.write_bytes(b"")
    assert is_current(MADE_BY, MADE_BY, [])
    assert is_current(MADE_BY, MADE_BY.model_copy(), [there])
    assert not is_current(MADE_BY, MADE_BY, [there, gone])
    assert not is_current(MADE_BY, MADE_BY, [tmp_path])
    for change in ({"results": 9}, {"weights_sha256": "cd" * 32}, {"options": {"conf_thres": 0.4}}, {"model": "x"}):
        assert not is_current(MADE_BY, MADE_BY.model_copy(update=change), [there])


def log_of(workspace: Workspace) -> RunLog:
    return RunLog(workspace, FIRST, {}, Progress("first-stage", 2, quiet=True), "yolov3", "torch")


def test_the_report_tells_failures_and_counts(workspace: Workspace) -> None:
    log = log_of(workspace)
    with log.kept():
        assert read_report(workspace.report_path("first-stage")).state == "running"  # type: ignore[union-attr]
        log.count("images", 2)
        log.count("processed")
        log.fail("images/b.jpg", ImageError("is empty", "copy it again"))
        log.fail("images/a.jpg", ImageError("is gone", "put it back"))
    report = read_report(workspace.report_path("first-stage"))
    assert report is not None
    assert (report.state, report.counts.images, report.counts.failed) == ("finished", 2, 2)
    assert [failure.model_dump() for failure in report.failures] == [
        {"file": "images/a.jpg", "reason": "is gone", "remedy": "put it back"},
        {"file": "images/b.jpg", "reason": "is empty", "remedy": "copy it again"},
    ]


def test_the_rate_is_of_what_was_processed(workspace: Workspace) -> None:
    log = replace(log_of(workspace), _started=time.monotonic() - 10)
    for what, number in (("images", 100), ("processed", 10), ("skipped", 90)):
        log.count(what, number)
    assert 0.9 < log.report("finished").images_per_second <= 1


def test_a_failure_is_told_at_once_and_what_was_skipped_is_no_work(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress("first-stage", 10)
    log = RunLog(workspace, FIRST, {}, progress)
    for what in ("skipped", "skipped", "processed", "redrawn"):
        log.done(what, 1)  # type: ignore[arg-type]
    log.settle("images/b.jpg", Settled("b.jpg", ImageError("is empty", "copy it again")))
    log.settle("images/c.jpg", Settled("c.jpg"))
    assert capsys.readouterr().err == "first-stage: images/b.jpg is empty\n  -> copy it again\n"
    assert progress.line(time.monotonic() + 100).startswith("first-stage: 6/10 images, 0.01 images/s")


def test_the_error_that_stopped_a_run_is_told_even_if_the_report_cannot_be_written(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="disk full"), log_of(workspace).kept():
        path = workspace.report_path("first-stage")
        path.unlink()
        (path / "in the way").mkdir(parents=True)
        raise WorkspaceError("disk full", "make room")


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (WorkspaceError("disk full", "make room"), "stopped", "disk full"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
        (ZeroDivisionError("x"), "stopped", "ZeroDivisionError"),
    ],
)
def test_the_report_tells_how_a_run_was_stopped(
    workspace: Workspace, error: BaseException, state: str, message: str
) -> None:
    with pytest.raises(type(error)), log_of(workspace).kept():
        raise error
    report = read_report(workspace.report_path("first-stage"))
    assert report is not None
    assert (report.state, report.message) == (state, message)
    assert report.images_per_second == 0
    assert SHA not in report.message
