"""The story of the stage, with fake detectors."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    BLUE,
    RED,
    ColourDetector,
    CrashingDetector,
    CrowdDetector,
    InterruptedDetector,
    SlowDetector,
    photo,
    plan_with,
    save,
)

from pose_contract.errors import UsageError, WorkspaceError
from pose_contract.images import Picture, decode_image, read_image
from pose_contract.records import Box, ImageAnnot, Person, RunReport
from pose_contract.runs import locked
from pose_contract.storage import read_annot, record_paths, write_record
from pose_contract.testing import dies_at_write, workspace_bytes
from pose_contract.workspace import Workspace
from yolo_stage.boxes import cut_rectangle
from yolo_stage.options import DetectOptions
from yolo_stage.pipeline import detect_people


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two people in a.jpg, one in b c.png (a sub-folder with an accent), nobody in z.JPG; all a while old."""
    root = tmp_path / "workspace"
    save(root / "images/a.jpg", photo({RED: (150, 40, 200, 140), BLUE: (20, 30, 60, 120)}))
    save(root / "images/é/b c.png", photo({RED: (30, 10, 70, 110)}, (100, 120)))
    save(root / "images/z.JPG", photo({}))
    for path in (root / "images").rglob("*.*"):
        os.utime(path, (1e9, 1e9))
    return Workspace(root)


def run(workspace: Workspace, detector: ColourDetector | None = None, **options: object) -> RunReport:
    plan = plan_with(detector or ColourDetector())
    return detect_people(DetectOptions(workspace=workspace, quiet=True, **options), plan)  # type: ignore[arg-type]


def annot_of(workspace: Workspace, name: str) -> ImageAnnot:
    annot = read_annot(workspace.path(workspace.annot_file(name)))
    assert annot is not None
    return annot


def test_every_image_gets_its_files(workspace: Workspace) -> None:
    report = run(workspace)
    written = set(workspace_bytes(workspace.root)) - {"images/a.jpg", "images/é/b c.png", "images/z.JPG"}
    assert written == {
        "annots/a.json", "annots/é/b c.png.json", "annots/z.JPG.json",
        "cuts/a-0.jpg", "cuts/a-1.jpg", "cuts/é/b c.png-0.jpg",
        "inspect/a.jpg", "inspect/é/b c.png.jpg", "inspect/z.JPG.jpg",
    }  # fmt: skip
    assert (report.counts.images, report.counts.processed, report.counts.people, report.counts.nobody) == (3, 3, 3, 1)
    assert report.state == "finished" and not report.failures
    stored = json.loads((workspace.root / "reports/yolo-stage.json").read_text())
    assert (stored["engine"], stored["device"], stored["model"]) == ("fake", "cpu", "fake")
    assert stored["options"]["conf_thres"] == 0.5 and stored["counts"]["processed"] == 3


def test_boxes_are_in_image_pixels_and_people_go_from_left_to_right(workspace: Workspace) -> None:
    run(workspace)
    blue, red = annot_of(workspace, "a.jpg").people
    assert blue.box.xyxy == pytest.approx((20, 30, 60, 120), abs=1.6)
    assert red.box.xyxy == pytest.approx((150, 40, 200, 140), abs=1.6)
    assert (blue.index, blue.score, red.index, red.score) == (0, 0.8, 1, 0.9)
    assert annot_of(workspace, "z.JPG").people == ()


def test_a_cut_is_the_part_of_the_picture_that_its_record_says(workspace: Workspace) -> None:
    run(workspace)
    for person in annot_of(workspace, "a.jpg").people:
        cut = person.cut
        picture = read_image(workspace.root / "images/a.jpg")[cut.y : cut.y + cut.height, cut.x : cut.x + cut.width]
        difference = np.abs(read_image(workspace.root / cut.file).astype(int) - picture)
        assert difference.mean() < 2
        x1, y1, x2, y2 = person.box.xyxy
        assert cut.x <= x1 and cut.y <= y1 and cut.x + cut.width >= x2 and cut.y + cut.height >= y2


def test_exif_orientation_reaches_box_cut_and_inspection_alike(workspace: Workspace) -> None:
    from PIL import Image

    upright = photo({RED: (150, 40, 200, 140)})
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright, 1)))
    stored.save(workspace.root / "images/turned.jpg", quality=95, subsampling=0, exif=exif)
    run(workspace)
    annot = annot_of(workspace, "turned.jpg")
    assert (annot.width, annot.height) == (240, 160)
    assert annot.people[0].box.xyxy == pytest.approx((150, 40, 200, 140), abs=1.6)
    assert read_image(workspace.root / "inspect/turned.jpg").shape == (160, 240, 3)
    cut = annot.people[0].cut
    middle = read_image(workspace.root / cut.file)[90 - cut.y, 175 - cut.x]
    assert np.abs(middle.astype(int) - RED).max() < 12


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
    monkeypatch.setattr("yolo_stage.intake.read_image_bytes", lambda path: pytest.fail(f"{path} was read"))
    assert run(workspace).counts.skipped == 3


def test_the_network_is_loaded_once_and_only_when_it_is_needed(workspace: Workspace) -> None:
    loaded: list[ColourDetector] = []

    def load() -> ColourDetector:
        loaded.append(ColourDetector())
        return loaded[-1]

    options = DetectOptions(workspace=workspace, quiet=True)
    for _ in range(2):
        detect_people(options, plan_with(ColourDetector(), load=load))
    assert [detector.batch_sizes for detector in loaded] == [[1, 1, 1]]


def test_a_second_run_is_refused(workspace: Workspace) -> None:
    with locked(workspace, "yolo-stage"), pytest.raises(WorkspaceError, match="yolo-stage is already running"):
        run(workspace)
    assert run(workspace).counts.processed == 3


def test_few_images_are_decoded_ahead(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays flat however many images there are: workers + batch_size of them wait, and one more is taken."""
    for number in range(20):
        shutil.copy(workspace.root / "images/a.jpg", workspace.root / f"images/n{number}.jpg")
    decoded: list[int] = []

    def counted(data: bytes) -> Picture:
        decoded.append(1)
        return decode_image(data)

    monkeypatch.setattr("yolo_stage.intake.decode_image", counted)
    detector = SlowDetector(watched=lambda: len(decoded))
    run(workspace, detector, n_cpu=2, batch_size=2)
    assert len(detector.noted) == 12
    assert all(noted - 2 * before <= 2 + 2 + 2 for before, noted in enumerate(detector.noted))


def test_the_models_own_threshold_counts_unless_another_is_given(workspace: Workspace) -> None:
    plan = plan_with(ColourDetector(), conf_thres=0.85)
    assert detect_people(DetectOptions(workspace=workspace, quiet=True), plan).counts.people == 2
    assert detect_people(DetectOptions(workspace=workspace, quiet=True, conf_thres=0.3), plan).counts.people == 3


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


def test_another_version_does_all_anew(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run(workspace)
    monkeypatch.setattr("yolo_stage.pipeline.__version__", "9.9.9")
    assert run(workspace).counts.processed == 3


@pytest.mark.parametrize("file", ["annots/a.json", "cuts/a-1.jpg", "inspect/a.jpg"])
def test_a_missing_or_damaged_file_is_made_again(workspace: Workspace, file: str) -> None:
    run(workspace)
    wanted = workspace_bytes(workspace.root)
    (workspace.root / file).unlink()
    assert run(workspace).counts.processed == 1
    assert workspace_bytes(workspace.root) == wanted
    if file.endswith(".json"):
        (workspace.root / file).write_text("{damaged")
        assert run(workspace).counts.processed == 1
        assert workspace_bytes(workspace.root) == wanted


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
    run(workspace)
    assert set(workspace_bytes(workspace.root)) == {"images/z.JPG", "annots/z.JPG.json", "inspect/z.JPG.jpg"}
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


def test_what_a_killed_run_left_is_swept(workspace: Workspace) -> None:
    run(workspace)
    before = workspace_bytes(workspace.root)
    for folder in ("annots", "cuts", "inspect"):
        (workspace.root / folder / ".tmp-0123456789abcdef").write_bytes(b"half a file")
    run(workspace)
    assert workspace_bytes(workspace.root) == before


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
    for name in ("film.mp4", "x.heic", ".DS_Store"):
        (workspace.root / "images" / name).write_bytes(b"x")
    report = detect_people(DetectOptions(workspace=workspace), plan_with(ColourDetector()))
    assert report.ignored_files == ("film.mp4", "x.heic") and not report.failures
    assert "yolo-stage: passed over, no pictures: film.mp4, x.heic\n" in capsys.readouterr().err


def test_three_hundred_people(workspace: Workspace) -> None:
    report = run(workspace, CrowdDetector())
    assert report.counts.people == 900
    scores = [person.score for person in annot_of(workspace, "a.jpg").people]
    assert len(list((workspace.root / "cuts").glob("a-*.jpg"))) == 300
    run(workspace, CrowdDetector(), max_people=7)
    assert sorted(person.score for person in annot_of(workspace, "a.jpg").people) == sorted(scores)[-7:]
    assert len(list((workspace.root / "cuts").glob("a-*.jpg"))) == 7


def test_batches_have_a_fixed_size_and_give_the_same_bytes(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.root, other.root)
    run(workspace)
    detector = ColourDetector()
    run(other, detector, batch_size=2, n_cpu=4)
    assert detector.batch_sizes == [2, 2]
    assert workspace_bytes(workspace.root) == workspace_bytes(other.root)


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


def prepared(base: Path, root: Path) -> Workspace:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(base, root)
    return Workspace(root)


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


def test_options_are_checked() -> None:
    good = DetectOptions(workspace=Workspace(Path("w")))
    for change in (
        {"conf_thres": 0.0}, {"conf_thres": 1.5}, {"nms_thres": 0.0}, {"batch_size": 0}, {"n_cpu": -1},
        {"cut_scale": 0.5}, {"max_people": -1},
    ):  # fmt: skip
        with pytest.raises(UsageError, match="expected"):
            replace(good, **change)


def correct(workspace: Workspace, **changes: object) -> Path:
    """a.jpg's annot as a person has left it."""
    path = workspace.root / "annots/a.json"
    write_record(path, annot_of(workspace, "a.jpg").model_copy(update={"corrected": True, **changes}))
    return path


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
    assert failure.file == "images/a.jpg" and "corrected record with a mistake" in failure.reason
    assert path.read_bytes() == kept


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
