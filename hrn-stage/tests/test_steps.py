"""The story of the stage, with fake engines: what a run gives."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import enumerate as enumerate_threads

import numpy as np
import pytest
from fakes import (
    SCORE,
    MarkerEstimator,
    RecordingEstimator,
    SlowEstimator,
    SplitEstimator,
    config_with,
    marked_person,
    plan_with,
    write_photo,
)
from story import HEATMAP_CELL, estimated, points, poses_of, run

from hrn_stage.decode import Method, decode
from hrn_stage.intake import read_cut
from hrn_stage.options import EstimateOptions
from hrn_stage.people import prepare_person
from hrn_stage.preprocess import affine_image_to_input, center_and_scale, normalize, warp_person
from hrn_stage.steps import estimate_poses
from pose_contract.errors import UsageError
from pose_contract.records import Person
from pose_contract.skeletons import LSP14, MPII16, Skeleton
from pose_contract.storage import read_annot, write_record
from pose_contract.tables import KEYPOINT_COLUMNS
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_poses import DrawnPose, draw_poses
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.images import Picture, read_image, write_jpeg
from stage_kit.testing import workspace_bytes


def test_every_readable_image_gets_its_files(workspace: Workspace) -> None:
    report = run(workspace)
    written = {name for name in workspace_bytes(workspace.root) if name.startswith(("final", "output"))}
    assert written == {
        "final/a.jpg", "final/é/b c.jpg", "final/z.jpg",
        "output/poses/a.json", "output/poses/é/b c.json", "output/poses/z.json",
        "output/keypoints.csv", "output/keypoints.coco.json", "output/images.coco.json",
    }  # fmt: skip
    counts = report.counts
    assert (counts.images, counts.processed, counts.people, counts.nobody, counts.failed) == (3, 3, 3, 1, 0)
    assert poses_of(workspace, "z.jpg").people == ()
    stored = json.loads((workspace.root / "reports/hrn-stage.json").read_text())
    assert (stored["engine"], stored["device"], stored["model"]) == ("fake", "cpu", "fake")
    assert stored["options"]["decode"] == "quarter" and stored["counts"]["processed"] == 3


def test_keypoints_are_in_image_pixels(workspace: Workspace) -> None:
    run(workspace)
    for name, index, box in (
        ("a.jpg", 0, (20, 20, 100, 180)), ("a.jpg", 1, (170, 30, 280, 190)), ("é/b c.jpg", 0, (40, 20, 140, 150)),
    ):  # fmt: skip
        poses = poses_of(workspace, name)
        cell = HEATMAP_CELL * 1.25 * max(box[2] - box[0], box[3] - box[1]) / 128
        assert np.abs(points(poses, index) - marked_person(box)).max() <= 0.75 * cell
        assert [point.name for point in poses.people[index].keypoints] == list(MPII16.keypoints)
        assert {point.score for point in poses.people[index].keypoints} == {SCORE}
        assert poses.people[index].score == pytest.approx(0.8 * SCORE)


def test_people_who_overlap_keep_their_own_box_centres(tmp_path: Path) -> None:
    """Each network input is what the full image gives around that person's own box, whoever else is in the cut."""
    workspace = Workspace(tmp_path)
    boxes = [(40, 20, 140, 180), (90, 20, 190, 190)]
    write_photo(workspace, "a.jpg", boxes)
    estimator = RecordingEstimator()
    run(workspace, estimator)
    picture = read_image(workspace.root / "images/a.jpg")
    for box, network_input in zip(boxes, estimator.inputs[0], strict=True):
        affine = affine_image_to_input(*center_and_scale(box, (128, 128)), (128, 128))
        expected = normalize(warp_person(picture, affine, (128, 128))[None], True)[0]
        difference = np.abs(network_input - expected)
        assert difference.mean() < 0.05  # the cut is a JPEG of a JPEG


def test_final_has_the_size_of_the_original_and_the_skeleton_on_it(workspace: Workspace) -> None:
    run(workspace)
    for name in ("a.jpg", "é/b c.jpg", "z.jpg"):
        original, final = (read_image(workspace.root / folder / name).astype(int) for folder in ("images", "final"))
        assert final.shape == original.shape
        drawn = np.abs(final - original).max(axis=2) > 60
        assert drawn.any() == (name != "z.jpg")


def test_a_picture_whose_drawing_does_not_fit_into_memory_stops_no_other(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(picture: Picture, poses: Sequence[DrawnPose], skeleton: Skeleton, style: DrawStyle) -> Picture:
        if len(poses) == 2:
            raise MemoryError
        return draw_poses(picture, poses, skeleton, style)

    with monkeypatch.context() as patch:
        patch.setattr("stage_kit.pictures.posed_pictures.draw_poses", draw)
        report = run(workspace)
        assert [(failure.file, failure.reason) for failure in report.failures] == [
            ("images/a.jpg", "does not fit into memory")
        ]
        assert report.counts.processed == 2 and not (workspace.root / "output/poses/a.json").exists()
    assert run(workspace).counts.processed == 1, "the next run tries it again"
    (workspace.root / "final/a.jpg").unlink()
    monkeypatch.setattr("stage_kit.pictures.posed_pictures.draw_poses", draw)
    assert [failure.file for failure in run(workspace).failures] == ["images/a.jpg"], "so it is when it is drawn anew"


def test_no_annots_means_run_yolo_first(tmp_path: Path) -> None:
    for make in (False, True):
        if make:
            (tmp_path / "annots").mkdir()
        with pytest.raises(UsageError, match="make yolo"):
            run(Workspace(tmp_path))


def test_the_network_is_loaded_once_and_only_when_it_is_needed(workspace: Workspace) -> None:
    loaded: list[MarkerEstimator] = []

    def load(_samples: object) -> MarkerEstimator:
        loaded.append(MarkerEstimator())
        return loaded[-1]

    config = config_with()
    for _ in range(2):
        options = EstimateOptions(workspace, config, quiet=True, batch_size=1)
        estimate_poses(options, plan_with(MarkerEstimator(), config, load=load))
    assert [estimator.batch_sizes for estimator in loaded] == [[1, 1, 1]]


def test_no_more_threads_than_the_yaml_allows(workspace: Workspace) -> None:
    for number in range(20):
        write_photo(workspace, f"n{number}.jpg", [(20, 20, 100, 180)])
    estimator = SlowEstimator(watched=lambda: sum(thread.name.startswith("worker") for thread in enumerate_threads()))
    for most, allowed in ((1, 1), (len(os.sched_getaffinity(0)), 1000)):
        run(workspace, estimator, config_with().model_copy(update={"WORKERS": allowed}), overwrite=True)
        assert max(estimator.noted) <= most


def test_few_cuts_are_read_ahead(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays flat however many people there are."""
    for number in range(20):
        write_photo(workspace, f"n{number}.jpg", [(20, 20, 100, 180)])
    cuts: list[int] = []

    def counted(workspace: Workspace, person: Person) -> Picture:
        cuts.append(1)
        return read_cut(workspace, person)

    monkeypatch.setattr("hrn_stage.intake.read_cut", counted)
    estimator = SlowEstimator(watched=lambda: len(cuts))
    run(workspace, estimator, config_with().model_copy(update={"WORKERS": 1}), batch_size=2)
    assert len(estimator.noted) == 12
    # One worker and a batch ahead, the batch itself, one being read, and two people in one of the photos.
    assert all(noted - 2 * before <= 1 + 2 + 2 + 1 + 1 for before, noted in enumerate(estimator.noted))


@pytest.mark.parametrize(
    ("test", "method", "kernel"),
    [
        ({"POST_PROCESS": False, "DECODE": "dark"}, "argmax", 11),
        ({"POST_PROCESS": True}, "quarter", 11),
        ({"POST_PROCESS": True, "DECODE": "dark"}, "dark", 11),
        ({"POST_PROCESS": True, "DECODE": "dark", "BLUR_KERNEL": 7}, "dark", 7),
    ],
)
def test_the_yaml_says_how_a_maximum_is_refined(
    workspace: Workspace, test: dict[str, object], method: Method, kernel: int
) -> None:
    """Read back from image pixels: the network input of b c.jpg is 162.5 px wide, centred on x = 90."""
    estimator = SplitEstimator()
    run(workspace, estimator, config_with(TEST=test))
    x = points(poses_of(workspace, "é/b c.jpg"), 0)[3, 0]
    cells, _ = decode(estimator.heatmaps(np.zeros((1, 3, 128, 128), np.float32)), method, kernel)
    assert (x - 90) * 32 / 162.5 + 16 == pytest.approx(cells[0, 3, 0], abs=1e-3)


@pytest.mark.parametrize(("shift", "cells"), [(False, (10, 21)), (True, (10, 22))])
def test_the_flip_test_swaps_sides_and_shifts_by_one_as_the_yaml_says(
    workspace: Workspace, shift: bool, cells: tuple[int, int]
) -> None:
    config = config_with(
        TEST={"FLIP_TEST": True, "SHIFT_HEATMAP": shift}, DEBUG={"DEBUG": True, "SAVE_BATCH_IMAGES_PRED": False}
    )
    heatmaps = estimated(workspace, SplitEstimator(), config)[1][0].heatmaps
    ankle, other = MPII16.keypoints.index("right_ankle"), MPII16.keypoints.index("left_ankle")
    maxima = {(int(y), int(x)) for y, x in np.argwhere(heatmaps[ankle] > 0.4)}
    assert maxima == {(5 + ankle, cells[0]), (5 + other, cells[1])}


def test_the_flip_tests_second_half_is_the_mirrored_input(workspace: Workspace) -> None:
    estimator = RecordingEstimator()
    estimated(workspace, estimator, config_with(TEST={"FLIP_TEST": True}))
    (batch,) = estimator.inputs
    straight, mirrored = np.split(batch, 2)
    np.testing.assert_array_equal(mirrored, straight[..., ::-1])


@pytest.mark.parametrize("color_rgb", [True, False])
def test_the_network_sees_the_colours_in_the_order_of_the_yaml(workspace: Workspace, color_rgb: bool) -> None:
    estimator = RecordingEstimator()
    estimated(workspace, estimator, config_with(DATASET={"COLOR_RGB": color_rgb}))
    annot = read_annot(workspace.root / "annots/a.json")
    assert annot is not None
    first = prepare_person(annot.people[0], read_cut(workspace, annot.people[0]), (128, 128)).network_input
    np.testing.assert_array_equal(estimator.inputs[0][0], normalize(first[None], color_rgb)[0])
    assert not estimator.inputs[0][2:].any() or len({part.tobytes() for part in estimator.inputs[0][2:]}) == 1


def test_bad_inputs_are_reported_and_the_rest_is_done(workspace: Workspace) -> None:
    for name in ("changed", "gone", "nocut", "badcut", "othercut", "damaged", "moved"):
        write_photo(workspace, f"{name}.jpg", [(20, 20, 100, 180)])
    root = workspace.root
    (root / "images/changed.jpg").write_bytes(b"another picture")
    (root / "images/gone.jpg").unlink()
    (root / "cuts/nocut-0.jpg").unlink()
    (root / "cuts/badcut-0.jpg").write_bytes(b"")
    write_jpeg(root / "cuts/othercut-0.jpg", np.zeros((10, 10, 3), np.uint8))
    (root / "annots/damaged.json").write_text("{")
    (root / "annots/moved.json").rename(root / "annots/elsewhere.json")
    report = run(workspace)
    reasons = {failure.file: f"{failure.reason} -> {failure.remedy}" for failure in report.failures}
    for name, expected in {
        "changed.jpg": "has changed since yolo-stage saw it",
        "gone.jpg": "is gone",
        "nocut.jpg": "cuts/nocut-0.jpg is gone",
        "badcut.jpg": "cuts/badcut-0.jpg is empty",
        "othercut.jpg": "cuts/othercut-0.jpg is 10 x 10",
        "damaged.jpg": "annots/damaged.json, line 1, column 1",
        "elsewhere.jpg": "belongs elsewhere",
    }.items():
        assert expected in reasons.pop(f"images/{name}"), name
    assert not reasons
    assert report.counts.processed == 3
    assert "yolo-stage" in str(report.failures)


def test_an_annot_that_cannot_be_read_fails_alone(workspace: Workspace) -> None:
    (workspace.root / "annots/broken.json").symlink_to("nowhere")
    report = run(workspace)
    (failure,) = report.failures
    assert failure.file == "images/broken.jpg" and "annot that cannot be read: No such file" in failure.reason
    assert report.counts.processed == 3


def test_an_old_skeleton_stands_in_the_csv_only(workspace: Workspace) -> None:
    """A corrected record of an earlier run; a COCO file has one skeleton."""
    run(workspace)
    poses = poses_of(workspace, "é/b c.jpg")
    known = [point for point in poses.people[0].keypoints if point.name in LSP14.keypoints]
    person = poses.people[0].model_copy(update={"keypoints": tuple(known)})
    poses = poses.model_copy(update={"corrected": True, "skeleton": "lsp14", "people": (person,)})
    write_record(workspace.root / "output/poses/é/b c.json", poses)
    run(workspace)
    assert len(json.loads((workspace.root / "output/keypoints.coco.json").read_text())) == 2
    assert "b c.jpg,0," in (workspace.root / "output/keypoints.csv").read_text()


def test_names_with_commas_and_quotes_are_one_field(workspace: Workspace) -> None:
    write_photo(workspace, 'x, "y".jpg', [(20, 20, 100, 180)])
    run(workspace)
    rows = list(csv.reader((workspace.root / "output/keypoints.csv").open(encoding="utf-8", newline="")))
    assert {len(row) for row in rows} == {8} and rows[0] == list(KEYPOINT_COLUMNS)
    assert 'x, "y".jpg' in {row[0] for row in rows}


def test_debug_writes_sheets_and_cuts_and_their_loss_is_noticed(workspace: Workspace) -> None:
    debug = config_with(DEBUG={"DEBUG": True})
    run(workspace, config=debug)
    for folder in ("output/debug", "output/inspect"):
        files = sorted(
            path.relative_to(workspace.root / folder).as_posix() for path in (workspace.root / folder).rglob("*.jpg")
        )
        assert files == ["a-0.jpg", "a-1.jpg", "é/b c-0.jpg"]
    cut = read_image(workspace.root / "cuts/a-1.jpg")
    assert read_image(workspace.root / "output/inspect/a-1.jpg").shape == cut.shape
    for folder in ("debug", "inspect"):
        (workspace.root / f"output/{folder}/a-1.jpg").unlink()
        assert run(workspace, config=debug).counts.processed == 1
        assert (workspace.root / f"output/{folder}/a-1.jpg").exists()
    assert run(workspace, config=config_with()).counts.processed == 0


def test_debug_off_writes_nothing_whatever_its_switches_say(workspace: Workspace) -> None:
    run(workspace)
    assert not (workspace.root / "output/debug").exists() and not (workspace.root / "output/inspect").exists()


def test_batches_cross_images_have_a_fixed_size_and_give_the_same_bytes(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.root, other.root)
    run(workspace)
    estimator = MarkerEstimator()
    run(other, estimator, batch_size=5)
    assert estimator.batch_sizes == [5]
    assert workspace_bytes(workspace.root) == workspace_bytes(other.root)


def test_the_flip_test_mirrors_swaps_and_merges(workspace: Workspace) -> None:
    """Markers do not change sides in a mirror, so only keypoints that are their own partners stay whole."""
    run(workspace, config=config_with(TEST={"FLIP_TEST": True, "SHIFT_HEATMAP": False}))
    scores = {point.name: point.score for point in poses_of(workspace, "a.jpg").people[0].keypoints}
    assert scores["pelvis"] >= SCORE / 2 and scores["right_ankle"] == SCORE / 2


def test_the_tables_are_rebuilt_from_the_records(workspace: Workspace) -> None:
    for name in ("000000000785.jpg", "COCO_val2014_000000000192.jpg"):
        write_photo(workspace, name, [(20, 20, 100, 180)])
    run(workspace)
    rows = list(csv.DictReader((workspace.root / "output/keypoints.csv").open(encoding="utf-8")))
    assert len(rows) == 5 * 16
    first = poses_of(workspace, "a.jpg").people[0].keypoints[0]
    assert {
        "image": "a.jpg",
        "person": "0",
        "keypoint": "right_ankle",
        "x": str(first.x),
        "y": str(first.y),
        "score": "0.75",
        "frame": "",
        "t_seconds": "",
    } in rows
    images = json.loads((workspace.root / "output/images.coco.json").read_text())
    ids = {row["file_name"]: row["id"] for row in images["images"]}
    assert ids["000000000785.jpg"] == 785 and ids["COCO_val2014_000000000192.jpg"] == 192
    assert images["categories"][0]["keypoints"] == list(MPII16.keypoints)
    results = json.loads((workspace.root / "output/keypoints.coco.json").read_text())
    assert len(results) == 5 and {row["image_id"] for row in results} < set(ids.values())
    assert all(len(row["keypoints"]) == 48 and row["score"] == pytest.approx(0.6) for row in results)


def test_colliding_coco_ids_are_refused_and_all_else_is_written(workspace: Workspace) -> None:
    run(workspace)
    for name in ("one/0001.jpg", "two/0001.jpg"):
        write_photo(workspace, name, [])
    report = run(workspace)
    (failure,) = report.failures
    assert "one/0001.jpg and two/0001.jpg" in failure.reason and "id 1 " in failure.reason
    assert report.counts.failed == 0 and report.counts.processed == 2
    assert not (workspace.root / "output/keypoints.coco.json").exists()
    assert (workspace.root / "final/two/0001.jpg").exists()


def test_debug_without_a_picture_to_write_says_so(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    config = config_with(DEBUG={"DEBUG": True, "SAVE_HEATMAPS_PRED": False, "SAVE_BATCH_IMAGES_PRED": False})
    estimate_poses(EstimateOptions(workspace, config), plan_with(MarkerEstimator(), config))
    assert "DEBUG.DEBUG is true, but no DEBUG.SAVE_HEATMAPS_PRED" in capsys.readouterr().err


def test_an_engine_that_asks_for_many_people_gets_them_without_padding(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.root, other.root)
    config = config_with()
    run(workspace, config=config)
    estimator = MarkerEstimator(fixed_batch=False, at_once=(3, 3))
    options = EstimateOptions(other, config, quiet=True)
    estimate_poses(options, plan_with(estimator, config))
    assert estimator.batch_sizes == [3]
    asked = MarkerEstimator(fixed_batch=False, at_once=(3, 3))
    again = EstimateOptions(other, config, quiet=True, batch_size=2, overwrite=True)
    estimate_poses(again, plan_with(asked, config))
    assert asked.batch_sizes == [2, 1], "who gives a batch size gets it"
    assert workspace_bytes(workspace.root) == workspace_bytes(other.root)


def test_two_batches_under_way_give_the_same_bytes(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.root, other.root)
    config = config_with()
    run(workspace, config=config)
    estimator = MarkerEstimator(fixed_batch=False)
    plan = plan_with(estimator, config, batches_at_once=2)
    estimate_poses(EstimateOptions(other, config, quiet=True, batch_size=1), plan)
    assert estimator.batch_sizes == [1, 1, 1]
    assert workspace_bytes(workspace.root) == workspace_bytes(other.root)
