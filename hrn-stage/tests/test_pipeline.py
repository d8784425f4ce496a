"""The story of the stage, with fake estimators."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    SCORE,
    CrashingEstimator,
    MarkerEstimator,
    RecordingEstimator,
    config_with,
    marked_person,
    plan_with,
    workspace_in,
    write_photo,
)

from hrn_stage.config import HrnConfig
from hrn_stage.draw import DrawStyle
from hrn_stage.options import EstimateOptions
from hrn_stage.pipeline import estimate_poses
from hrn_stage.preprocess import affine_image_to_input, center_and_scale, normalize, warp_person
from hrn_stage.skeletons import MPII16
from pose_contract.errors import UsageError
from pose_contract.images import read_image, write_jpeg
from pose_contract.records import ImagePoses, RunReport
from pose_contract.storage import read_annot, read_poses, write_record
from pose_contract.testing import dies_at_write, workspace_bytes
from pose_contract.workspace import Workspace

HEATMAP_CELL = 4.0


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return workspace_in(tmp_path / "workspace")


def run(
    workspace: Workspace,
    estimator: MarkerEstimator | None = None,
    config: HrnConfig | None = None,
    style: DrawStyle | None = None,
    **options: object,
) -> RunReport:
    config = config or config_with()
    chosen = EstimateOptions(workspace, config, style or DrawStyle(), quiet=True, **options)  # type: ignore[arg-type]
    return estimate_poses(chosen, plan_with(estimator or MarkerEstimator(), config))


def poses_of(workspace: Workspace, name: str) -> ImagePoses:
    poses = read_poses(workspace.path(workspace.poses_file(name)))
    assert poses is not None
    return poses


def points(poses: ImagePoses, person: int) -> np.ndarray:
    return np.array([(point.x, point.y) for point in poses.people[person].keypoints])


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


def test_no_annots_means_run_yolo_first(tmp_path: Path) -> None:
    for make in (False, True):
        if make:
            (tmp_path / "annots").mkdir()
        with pytest.raises(UsageError, match="make yolo"):
            run(Workspace(tmp_path))


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


@pytest.mark.parametrize("file", ["output/poses/a.json", "final/a.jpg"])
def test_a_missing_or_damaged_file_is_made_again(workspace: Workspace, file: str) -> None:
    run(workspace)
    wanted = workspace_bytes(workspace.root)
    (workspace.root / file).unlink()
    report = run(workspace)
    assert (report.counts.processed, report.counts.redrawn) == ((0, 1) if "final" in file else (1, 0))
    assert workspace_bytes(workspace.root) == wanted
    (workspace.root / file).write_bytes(b"damaged")
    run(workspace)
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
        "damaged": "damaged",
        "elsewhere": "belongs elsewhere",
    }.items():
        assert expected in reasons.pop(f"images/{name}"), name
    assert not reasons
    assert report.counts.processed == 3
    assert "yolo-stage" in str(report.failures)


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
    (workspace.root / "output/debug/a-1.jpg").unlink()
    assert run(workspace, config=debug).counts.processed == 1
    assert (workspace.root / "output/debug/a-1.jpg").exists()
    assert run(workspace, config=config_with()).counts.processed == 0


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


def test_a_crash_keeps_what_is_done(workspace: Workspace) -> None:
    with pytest.raises(RuntimeError):
        run(workspace, CrashingEstimator())
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
