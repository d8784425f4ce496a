"""Bad files, odd names, crowds: one of them never stops a run."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from fakes import (
    RED,
    ColourDetector,
    CrowdDetector,
    photo,
    plan_with,
    save,
)
from story import annot_of, run

from pose_contract.workspace import Workspace
from stage_kit.testing import workspace_bytes
from yolo_stage.options import DetectOptions
from yolo_stage.steps import detect_people


def test_bad_files_are_reported_and_the_rest_is_done(workspace: Workspace) -> None:
    images = workspace.root / "images"
    (images / "empty.jpg").write_bytes(b"")
    (images / "text.jpg").write_text("no picture")
    (images / "truncated.jpg").write_bytes((images / "a.jpg").read_bytes()[:2000])
    (images / "folder.jpg").mkdir()
    (images / "dangling.jpg").symlink_to("nowhere")
    (images / "a.jpg.jpg").symlink_to("a.jpg")
    save(images / "png-inside.jpeg", photo({RED: (10, 10, 60, 90)})).rename(images / "still.jpg")
    report = run(workspace)
    assert {failure.file.removeprefix("images/") for failure in report.failures} == {
        "empty.jpg", "text.jpg", "truncated.jpg", "folder.jpg", "dangling.jpg",
    }  # fmt: skip
    assert all(failure.reason and failure.remedy for failure in report.failures)
    assert report.counts.processed == 5
    stored = json.loads((workspace.root / "reports/yolo-stage.json").read_text())
    assert len(stored["failures"]) == stored["counts"]["failed"] == 5


def test_an_image_that_went_bad_takes_its_old_record_along(workspace: Workspace) -> None:
    run(workspace)
    (workspace.root / "images/a.jpg").write_bytes(b"damaged since")
    assert run(workspace).counts.failed == 1
    left = [name for name in workspace_bytes(workspace.root) if not name.startswith("images/")]
    assert left and not [name for name in left if "/a" in name]


def test_an_image_behind_a_link_that_dangles_keeps_its_record(workspace: Workspace, tmp_path: Path) -> None:
    """The disk that it lies on may come back."""
    path = workspace.root / "images/a.jpg"
    path.rename(tmp_path / "elsewhere.jpg")
    path.symlink_to(tmp_path / "elsewhere.jpg")
    run(workspace)
    before = (workspace.root / "annots/a.json").read_bytes()
    (tmp_path / "elsewhere.jpg").rename(tmp_path / "away.jpg")
    report = run(workspace)
    assert [failure.file for failure in report.failures] == ["images/a.jpg"]
    assert (workspace.root / "annots/a.json").read_bytes() == before
    (tmp_path / "away.jpg").rename(tmp_path / "elsewhere.jpg")
    assert run(workspace).counts.skipped == 3


def test_two_images_that_would_share_outputs(workspace: Workspace) -> None:
    save(workspace.root / "images/a.png", photo({}))
    save(workspace.root / "images/a.png.jpg", photo({RED: (10, 10, 60, 90)}))
    (failure,) = run(workspace).failures
    assert failure.file == "images/a.png.jpg" and "a.png" in failure.reason and "rename" in failure.remedy
    assert annot_of(workspace, "a.jpg").people and not annot_of(workspace, "a.png").people
    assert annot_of(workspace, "a.png").image == "images/a.png"
    assert not (workspace.root / "cuts/a.png-0.jpg").exists()


@pytest.mark.parametrize("name", ["n" * 200 + ".jpg", "- -.jpg", "a.b.c.jpg", "ä ö'\"$.jpg", "日本.jpg", "-0.jpg"])
def test_odd_names(workspace: Workspace, name: str) -> None:
    save(workspace.root / "images" / name, photo({RED: (10, 10, 60, 90)}))
    assert not run(workspace).failures
    (person,) = annot_of(workspace, name).people
    assert (workspace.root / person.cut.file).is_file()


def test_a_name_too_long_for_its_cut_fails_alone(workspace: Workspace) -> None:
    save(workspace.root / "images/short.jpg", photo({RED: (10, 10, 60, 90)})).rename(
        workspace.root / "images" / ("n" * 251 + ".jpg")
    )
    (failure,) = run(workspace).failures
    assert "too long" in failure.reason and "rename" in failure.remedy


def test_ignored_files_are_named_and_are_no_failures(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("film.wmv", "x.txt", ".DS_Store"):
        (workspace.root / "images" / name).write_bytes(b"x")
    report = detect_people(DetectOptions(workspace=workspace), plan_with(ColourDetector()))
    assert report.ignored_files == ("film.wmv", "x.txt") and not report.failures
    assert (
        "yolo-stage: passed over, no pictures: film.wmv, x.txt (save videos of other kinds" in capsys.readouterr().err
    )


def test_three_hundred_people(workspace: Workspace) -> None:
    report = run(workspace, CrowdDetector())
    assert report.counts.people == 900
    scores = [person.score for person in annot_of(workspace, "a.jpg").people]
    assert len(list((workspace.root / "cuts").glob("a-*.jpg"))) == 300
    run(workspace, CrowdDetector(), max_people=7)
    assert sorted(person.score for person in annot_of(workspace, "a.jpg").people) == sorted(scores)[-7:]
    assert len(list((workspace.root / "cuts").glob("a-*.jpg"))) == 7


def test_a_name_that_is_no_text_fails_alone(workspace: Workspace) -> None:
    source = workspace.root / "images/a.jpg"
    shutil.copy(source, Path(os.fsdecode(os.fsencode(source.parent) + b"/bad\xff.jpg")))
    report = run(workspace)
    (failure,) = report.failures
    assert failure.file == "images/bad\\xff.jpg" and "UTF-8" in failure.reason
    assert (report.counts.images, report.counts.processed, report.counts.failed) == (4, 3, 1)


@pytest.mark.timeout(30)
def test_a_pipe_and_an_endless_picture_fail_alone(workspace: Workspace) -> None:
    os.mkfifo(workspace.root / "images/pipe.jpg")
    from PIL import Image

    Image.new("L", (1, 70_000)).save(workspace.root / "images/long.png")
    report = run(workspace)
    assert {failure.file for failure in report.failures} == {"images/pipe.jpg", "images/long.png"}
    assert report.counts.processed == 3
