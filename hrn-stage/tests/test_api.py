from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from fakes import COLOURS, GREY, MarkerEstimator, config_with, marked_person, plan_with
from PIL import Image

import hrn_stage
from hrn_stage.api import PACKAGED_CONFIG, DrawStyle, LoadedEstimator, draw_poses, load_estimator
from hrn_stage.cli import main
from hrn_stage.poses import Boxes, Poses
from pose_contract.errors import ConfigError, ImageError, UsageError, WeightsError
from pose_contract.records import Box, ImageAnnot, MadeBy, Person
from pose_contract.storage import read_poses, write_record
from pose_contract.workspace import Workspace
from stage_kit.pictures.cuts import cut_around, cut_out
from stage_kit.pictures.images import Picture, decode_image, encode_jpeg, read_image, write_jpeg

ENGINES = ["openvino", pytest.param("torch", marks=pytest.mark.skipif(not find_spec("torch"), reason="no torch"))]
BOXES = [(20.0, 20.0, 100.0, 180.0), (170.0, 30.0, 280.0, 190.0)]


@dataclass(frozen=True)
class Found:
    """What a detector returns."""

    boxes_xyxy: np.ndarray
    scores: np.ndarray


def estimator_of(network: MarkerEstimator, **changes: object) -> LoadedEstimator:
    return LoadedEstimator(plan_with(network, config_with(**changes)), network)


@pytest.fixture
def estimate() -> LoadedEstimator:
    return estimator_of(MarkerEstimator())


@pytest.fixture
def picture() -> Picture:
    """Grey, 300 x 200, with two people made of markers."""
    picture = np.full((200, 300, 3), GREY, np.uint8)
    for box in BOXES:
        for (x, y), colour in zip(marked_person(box).astype(int), COLOURS, strict=True):
            picture[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5] = colour
    return picture


@pytest.fixture
def photos() -> list[Path]:
    """Real ones: from the shared folder, else those that `make demo` takes."""
    repository = Path(__file__).parents[2]
    shared = Path(os.environ.get("POSE_SHARED") or repository.parent / "shared")
    found = [sorted(folder.glob("*.jpg"))[-3:] for folder in (shared / "photos", repository / "tools/demo-photos")]
    return next(filter(None, found), None) or pytest.skip("no photos: POSE_SHARED names the folder that has them")


def parts_of(path: Path) -> Found:
    """Two boxes about the middle of a photo, one of which reaches beyond it."""
    height, width = read_image(path).shape[:2]
    parts = np.array([(0.1, 0.05, 0.6, 0.95), (0.4, 0.3, 1.1, 1.05)])
    return Found(parts * [width, height, width, height], np.array([0.87654321, 1.0]))


def write_annot(workspace: Workspace, name: str, found: Found) -> None:
    """The record and the cuts that yolo-stage would leave of a photo in images/."""
    path = workspace.path(workspace.image_file(name))
    picture = read_image(path)
    height, width = picture.shape[:2]
    people = []
    for index, (edges, score) in enumerate(zip(found.boxes_xyxy, found.scores, strict=True)):
        box = Box(**dict(zip(("x1", "y1", "x2", "y2"), map(float, edges), strict=True)))
        cut = cut_around(box, (width, height), file=workspace.cut_file(name, index))
        write_jpeg(workspace.path(cut.file), cut_out(picture, cut))
        people.append(Person(index=index, score=float(score), box=box, cut=cut))
    annot = ImageAnnot(
        image=workspace.image_file(name),
        image_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        width=width,
        height=height,
        people=tuple(people),
        made_by=MadeBy(stage="yolo-stage", results=1, model="fake", weights_sha256="ab" * 32, options={}),
    )
    write_record(workspace.path(workspace.annot_file(name)), annot)


@pytest.mark.parametrize("engine", ENGINES)
def test_it_gives_the_commands_numbers_and_picture(engine: str, photos: list[Path], tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    (workspace.root / "images").mkdir(parents=True)
    for path in photos:
        shutil.copy(path, workspace.root / "images")
        write_annot(workspace, path.name, parts_of(path))
    shutil.copy(PACKAGED_CONFIG, workspace.root)
    flags = ["--weights", "lite", "--engine", engine, "--device", "cpu", "--quiet"]
    assert main(["--workspace", str(workspace.root), *flags, "TEST.BATCH_SIZE_PER_GPU", "2"]) == 0
    overrides = {"TEST.BATCH_SIZE_PER_GPU": 2}
    estimate = load_estimator(weights="lite", engine=engine, device="cpu", overrides=overrides)  # type: ignore[arg-type]
    found = estimate(photos, [parts_of(path) for path in photos])
    for path, poses in zip(photos, found, strict=True):
        record = read_poses(workspace.path(workspace.poses_file(path.name)))
        assert record is not None and record.skeleton == poses.skeleton.name == estimate.skeleton.name
        assert poses.records() == record.people
        expected = [[(point.x, point.y) for point in person.keypoints] for person in record.people]
        np.testing.assert_array_equal(poses.keypoints_xy, expected)
        np.testing.assert_array_equal(poses.person_scores, [person.score for person in record.people])
        final = read_image(workspace.path(workspace.final_file(path.name)))
        np.testing.assert_array_equal(decode_image(encode_jpeg(draw_poses(path, poses))), final)


def test_the_markers_are_found(estimate: LoadedEstimator, picture: Picture) -> None:
    poses = estimate(picture, BOXES)
    assert poses.keypoints_xy.shape == (2, 16, 2) and poses.keypoints_xy.dtype == np.float64
    assert poses.scores.shape == (2, 16) and poses.person_scores.shape == (2,) and len(poses) == 2
    np.testing.assert_array_equal(poses.boxes_xyxy, BOXES)
    np.testing.assert_allclose(poses.scores, 0.75)
    np.testing.assert_allclose(poses.person_scores, 0.75)
    for keypoints, box in zip(poses.keypoints_xy, BOXES, strict=True):
        assert np.abs(keypoints - marked_person(box)).max() < 8  # a cell of the heatmap is about 7 px here


def test_a_detectors_scores_count_and_its_order_stays(estimate: LoadedEstimator, picture: Picture) -> None:
    poses = estimate(picture, Found(np.array(BOXES[::-1]), np.array([0.5, 0.25])))
    np.testing.assert_allclose(poses.person_scores, [0.375, 0.1875], atol=1e-4)
    np.testing.assert_array_equal(poses.boxes_xyxy, BOXES[::-1])


@pytest.mark.parametrize(
    "nobody", [[], np.zeros((0, 4)), Found(np.zeros((0, 4)), np.zeros(0))], ids=["list", "array", "found"]
)
def test_nobody_is_nobody(estimate: LoadedEstimator, picture: Picture, nobody: Boxes) -> None:
    poses = estimate(picture, nobody)
    assert len(poses) == 0 and poses.keypoints_xy.shape == (0, 16, 2) and poses.boxes_xyxy.shape == (0, 4)
    assert repr(poses) == "Poses(mpii16, 0)"
    np.testing.assert_array_equal(draw_poses(picture, poses), picture)


def test_every_kind_of_picture_gives_the_same(estimate: LoadedEstimator, picture: Picture, tmp_path: Path) -> None:
    Image.fromarray(picture).save(tmp_path / "a.png")
    expected = estimate(picture, BOXES).records()
    for given in (
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        Image.open(tmp_path / "a.png"),
        Image.fromarray(picture),
    ):
        assert estimate(given, np.array(BOXES)).records() == expected


@pytest.mark.parametrize(("fixed", "sizes"), [(True, [3, 3, 3]), (False, [4, 3])])
def test_people_of_several_pictures_share_batches(picture: Picture, fixed: bool, sizes: list[int]) -> None:
    network = MarkerEstimator(fixed_batch=fixed, at_once=(1, 4))
    estimate = estimator_of(network, TEST={"BATCH_SIZE_PER_GPU": 3, "FLIP_TEST": False})
    people: list[Boxes] = [BOXES, [], BOXES, BOXES[:1], BOXES]
    found = estimate([picture] * 5, people)
    assert network.batch_sizes == sizes
    assert [len(poses) for poses in found] == [2, 0, 2, 1, 2]
    one = estimate(picture, BOXES)
    for poses in found:
        assert poses.records() == one.records()[: len(poses)]
    assert estimate([], []) == []


def test_a_picture_without_people_is_read_all_the_same(estimate: LoadedEstimator, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no picture .*gone\.jpg"):
        estimate(tmp_path / "gone.jpg", [])


@pytest.mark.parametrize(
    ("boxes", "says"),
    [
        ([1, 2, 3, 4], r"expected boxes \[N, 4\], got \[4\]"),
        (np.zeros((2, 5)), r"expected boxes \[N, 4\], got \[2, 5\]"),
        ([[0, 0, np.nan, 10]], "expected finite edges of boxes, got NaN or infinity"),
        ("people", r"expected people or boxes \[N, 4\], got str"),
        ([[0, 0, 10, 10], [10, 10, 10, 20]], r"box 1, .*, has no area inside the picture of 300 x 200"),
        ([[300, 0, 400, 10]], "box 0, .*, has no area inside"),
        (Found(np.array(BOXES), np.array([0.5])), r"expected 2 scores from 0 to 1, got \[1\]"),
        (Found(np.array(BOXES), np.array([0.5, 1.5])), r"expected 2 scores from 0 to 1"),
    ],
)
def test_what_are_no_boxes_is_refused(estimate: LoadedEstimator, picture: Picture, boxes: Boxes, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        estimate(picture, boxes)


def test_lists_of_two_lengths_are_refused(estimate: LoadedEstimator, picture: Picture) -> None:
    with pytest.raises(UsageError, match="expected people for each of 2 pictures, got 1"):
        estimate([picture, picture], [BOXES])


def test_the_arrays_are_frozen_and_the_text_is_short(estimate: LoadedEstimator, picture: Picture) -> None:
    poses = estimate(picture, BOXES)
    for array in (poses.keypoints_xy, poses.scores, poses.boxes_xyxy, poses.person_scores):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert repr(poses) == "Poses(mpii16, 2:\n  0.75 at 20 20 100 180\n  0.75 at 170 30 280 190)"
    assert repr(estimate) == "LoadedEstimator(fake, fake fp32 on cpu)"


def test_drawing_gives_a_new_picture_in_the_style_asked_for(estimate: LoadedEstimator, picture: Picture) -> None:
    poses, before = estimate(picture, BOXES), picture.copy()
    drawn, with_names = draw_poses(picture, poses), draw_poses(picture, poses, DrawStyle(label=True))
    np.testing.assert_array_equal(picture, before)
    assert drawn.shape == picture.shape and drawn.dtype == np.uint8
    assert (drawn != picture).any() and (with_names != drawn).any()
    made_up = Poses.of(poses.records(), poses.skeleton)
    np.testing.assert_array_equal(draw_poses(picture, made_up), drawn)


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_may_share_it(engine: str, photos: list[Path]) -> None:
    estimate = load_estimator(weights="lite", engine=engine, overrides={"TEST.BATCH_SIZE_PER_GPU": 2})  # type: ignore[arg-type]
    boxes = [parts_of(path) for path in photos]
    expected = [estimate(path, people).records() for path, people in zip(photos, boxes, strict=True)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(estimate, photos * 2, boxes * 2))
    assert [poses.records() for poses in found] == expected * 2


def test_the_packaged_yaml_is_what_new_workspaces_get() -> None:
    template = Path(__file__).parents[2] / "workspace-template" / PACKAGED_CONFIG.name
    assert PACKAGED_CONFIG.read_bytes() == template.read_bytes()


def test_keys_of_the_yaml_can_be_overridden(picture: Picture) -> None:
    overrides = {"TEST.FLIP_TEST": False, "TEST.DECODE": "dark", "WORKERS": 3, "TEST.MODEL_FILE": ""}
    estimate = load_estimator(weights="lite", overrides=overrides)
    config = estimate.plan.config
    assert (config.TEST.FLIP_TEST, config.TEST.DECODE, config.WORKERS) == (False, "dark", 3)
    assert len(estimate(picture, BOXES)) == 2


@dataclass(frozen=True)
class Bad:
    keywords: dict[str, object]
    error: type[Exception]
    says: str


BAD = [
    Bad({"engine": "opencv"}, UsageError, "engine: expected auto, openvino or torch, got 'opencv'"),
    Bad({"weights": "best"}, UsageError, "weights: expected auto, published or lite"),
    Bad({"precision": "fp16"}, UsageError, "precision: expected auto, fp32, bf16 or int8"),
    Bad({"device": "gpu"}, UsageError, "device: expected auto, cpu or cuda"),
    Bad({"cfg": "no.yaml"}, ConfigError, r"no\.yaml: no such configuration file"),
    Bad({"overrides": {"TEST.FLIP": False}}, ConfigError, r"unknown key TEST\.FLIP"),
    Bad({"overrides": {"TEST.FLIP_TEST": None}}, ConfigError, r"TEST\.FLIP_TEST: expected true or false, got nothing"),
    Bad({"overrides": {"TEST.MODEL_FILE": "no.pth"}}, WeightsError, r"no weights file TEST\.MODEL_FILE no\.pth"),
    Bad(
        {"overrides": {"TEST.BATCH_SIZE_PER_GPU": 5000}, "weights": "lite"}, UsageError, "expected 1 to 1024, got 5000"
    ),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.says)
def test_what_makes_no_sense_is_refused(bad: Bad) -> None:
    with pytest.raises(bad.error, match=bad.says):
        load_estimator(**bad.keywords)  # type: ignore[arg-type]


def test_int8_is_taken_as_a_run_has_calibrated_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="int8 is calibrated on a run's pictures"):
        load_estimator(weights="lite", engine="openvino", precision="int8")


def test_the_package_offers_it_and_imports_nothing_for_it() -> None:
    assert {"load_estimator", "draw_poses", "DrawStyle", "Poses", "LoadedEstimator"} <= set(dir(hrn_stage))
    assert hrn_stage.load_estimator is load_estimator and hrn_stage.DrawStyle is DrawStyle
    script = "import sys, hrn_stage; print(sorted({'numpy', 'cv2', 'PIL', 'pydantic', 'openvino'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"


def test_another_file_under_a_published_name_is_refused_unless_it_is_trusted(tmp_path: Path) -> None:
    mine = tmp_path / "hrnet_w32_mpii_256x256-6c4f923f_20200812.pth"
    mine.write_bytes(b"no checkpoint")
    for trust in (False, True):
        with pytest.raises(WeightsError) as caught:
            load_estimator(overrides={"TEST.MODEL_FILE": str(mine)}, trust=trust)
        assert ("has the name of published weights" in caught.value.reason) is not trust
