"""The story of the stage, with fake engines: what a run gives."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    RED,
    ColourDetector,
    SlowDetector,
    photo,
    plan_with,
)
from numpy.typing import NDArray
from story import annot_of, run

from pose_contract.errors import UsageError
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_boxes import draw_boxes
from stage_kit.pictures.images import Picture, decode_image, read_image
from stage_kit.runs.workers import AHEAD
from stage_kit.testing import workspace_bytes
from yolo_stage.options import DetectOptions
from yolo_stage.steps import detect_people


def test_every_image_gets_its_files(workspace: Workspace) -> None:
    report = run(workspace)
    written = set(workspace_bytes(workspace.root)) - {"images/a.jpg", "images/é/b c.png", "images/z.JPG"}
    assert written == {
        "annots/a.json", "annots/é/b c.png.json", "annots/z.json",
        "cuts/a-0.jpg", "cuts/a-1.jpg", "cuts/é/b c.png-0.jpg",
        "inspect/a.jpg", "inspect/é/b c.png.jpg", "inspect/z.jpg",
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


def test_the_network_is_loaded_once_and_only_when_it_is_needed(workspace: Workspace) -> None:
    loaded: list[ColourDetector] = []

    def load(_samples: object) -> ColourDetector:
        loaded.append(ColourDetector())
        return loaded[-1]

    options = DetectOptions(workspace=workspace, quiet=True)
    for _ in range(2):
        detect_people(options, plan_with(ColourDetector(), load=load))
    assert [detector.batch_sizes for detector in loaded] == [[1, 1, 1]]


def test_few_images_are_decoded_ahead(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays flat however many images there are."""
    for number in range(20):
        shutil.copy(workspace.root / "images/a.jpg", workspace.root / f"images/n{number}.jpg")
    decoded: list[int] = []

    def counted(data: bytes) -> Picture:
        decoded.append(1)
        return decode_image(data)

    monkeypatch.setattr("yolo_stage.steps.decode_image", counted)
    detector = SlowDetector(watched=lambda: len(decoded))
    run(workspace, detector, n_cpu=2, batch_size=2)
    assert len(detector.noted) == 12
    this_batch, next_batch, ahead = 2, 2, AHEAD * 2
    assert all(noted - 2 * before <= this_batch + next_batch + ahead for before, noted in enumerate(detector.noted))


def test_a_picture_whose_drawing_does_not_fit_into_memory_stops_no_other(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(picture: Picture, boxes: NDArray[np.float64], scores: NDArray[np.float64]) -> Picture:
        if len(boxes) == 2:
            raise MemoryError
        return draw_boxes(picture, boxes, scores)

    with monkeypatch.context() as patch:
        patch.setattr("yolo_stage.results.draw_boxes", draw)
        report = run(workspace)
    assert [(failure.file, failure.reason) for failure in report.failures] == [
        ("images/a.jpg", "does not fit into memory")
    ]
    assert report.counts.processed == 2 and not (workspace.root / "annots/a.json").exists()
    assert run(workspace).counts.processed == 1, "the next run tries it again"


def test_the_models_own_threshold_counts_unless_another_is_given(workspace: Workspace) -> None:
    plan = plan_with(ColourDetector(), conf_thres=0.85)
    assert detect_people(DetectOptions(workspace=workspace, quiet=True), plan).counts.people == 2
    assert detect_people(DetectOptions(workspace=workspace, quiet=True, conf_thres=0.3), plan).counts.people == 3


def test_batches_have_a_fixed_size_and_give_the_same_bytes(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.root, other.root)
    run(workspace)
    detector = ColourDetector()
    run(other, detector, batch_size=2, n_cpu=4)
    assert detector.batch_sizes == [2, 2]
    assert workspace_bytes(workspace.root) == workspace_bytes(other.root)


def test_options_are_checked() -> None:
    good = DetectOptions(workspace=Workspace(Path("w")))
    for change in (
        {"conf_thres": 0.0}, {"conf_thres": 1.5}, {"nms_thres": 0.0}, {"batch_size": 0}, {"n_cpu": -1},
        {"cut_scale": 0.5}, {"max_people": -1},
    ):  # fmt: skip
        with pytest.raises(UsageError, match="expected"):
            replace(good, **change)


def test_an_engine_that_asks_for_many_images_gets_them_without_padding(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.root, other.root)
    run(workspace)
    detector = ColourDetector(fixed_batch=False, at_once=(2, 2))
    detect_people(DetectOptions(workspace=other, quiet=True), plan_with(detector))
    assert detector.batch_sizes == [2, 1]
    asked = ColourDetector(fixed_batch=False, at_once=(2, 2))
    again = DetectOptions(workspace=other, quiet=True, batch_size=1, overwrite=True)
    detect_people(again, plan_with(asked))
    assert asked.batch_sizes == [1, 1, 1], "who gives a batch size gets it"
    assert workspace_bytes(workspace.root) == workspace_bytes(other.root)


def test_large_pictures_do_not_wait_for_each_other_in_memory(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stage_kit.runs.batch_flow.PIXELS_AT_ONCE", 240 * 160)
    options = DetectOptions(workspace=workspace, quiet=True, overwrite=True)
    for fixed_batch, sizes in ((False, [1, 1, 1]), (True, [3])):  # a GPU's batches must not change their shape
        detector = ColourDetector(fixed_batch=fixed_batch, at_once=(3, 3))
        detect_people(options, plan_with(detector))
        assert detector.batch_sizes == sizes


def test_two_batches_under_way_give_the_same_bytes_and_an_error_ends_the_run(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.root, other.root)
    run(workspace)
    detector = SlowDetector(fixed_batch=False)
    detect_people(DetectOptions(workspace=other, quiet=True), plan_with(detector, batches_at_once=2))
    assert detector.batch_sizes == [1, 1, 1]
    assert workspace_bytes(workspace.root) == workspace_bytes(other.root)

    def fail(_batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        raise RuntimeError("the device is gone")

    monkeypatch.setattr(detector, "detect", fail)
    again = DetectOptions(workspace=other, quiet=True, overwrite=True)
    with pytest.raises(RuntimeError, match="the device is gone"):
        detect_people(again, plan_with(detector, batches_at_once=2))
