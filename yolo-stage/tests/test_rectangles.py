"""Inputs of the picture's shape: their sizes, and that every engine sees in them what the others see."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from darknet_files import load_torch_detector, needs_nncf, random_parameters, write_weights
from fakes import BLUE, RED, ColourDetector, photo, plan_with, save
from numpy.typing import NDArray
from test_openvino import assert_alike

from pose_contract.errors import ConfigError
from pose_contract.storage import read_annot
from pose_contract.workspace import Workspace
from yolo_stage.api import LoadedDetector
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.engines import opencv as opencv_engine
from yolo_stage.engines import openvino as openvino_engine
from yolo_stage.evaluation import EVERYTHING, detect_in, sample_inputs
from yolo_stage.fitting import fitted
from yolo_stage.labels import LabelledPicture
from yolo_stage.loading import Loading
from yolo_stage.options import DetectOptions
from yolo_stage.people import Selection
from yolo_stage.rectangles import MOST_ASPECT, RULE, input_wh, sides_of
from yolo_stage.steps import detect_people, made_by

NetworkOf = Callable[[str], DarknetNetwork]
SHAPES = ((96, 64), (64, 64), (32, 128), (160, 32), (64, 96))  # width, height


@dataclass(frozen=True)
class Shape:
    """All that must be known of a network for a picture to be fitted to it."""

    input_size: int
    rectangular: bool = True


@dataclass
class ShapedDetector(ColourDetector):
    """Takes rectangles, and notes the shape of every batch."""

    rectangular: bool = True
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def detect(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        self.shapes.append(batch.shape)
        return super().detect(batch)


@pytest.fixture
def rectangular_cfg(small_cfg: str) -> str:
    return small_cfg.replace("[net]", "[net]\nrectangular=1", 1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("stage_kit.networks.int8._CALIBRATED", {})


@pytest.mark.parametrize(
    ("picture_wh", "expected"),
    [
        ((1, 1), (384, 384)),
        ((640, 640), (384, 384)),
        ((1280, 720), (512, 288)),
        ((720, 1280), (288, 512)),
        ((640, 480), (448, 320)),
        ((600, 400), (480, 320)),
        ((1500, 500), (672, 224)),
        ((5000, 100), (672, 224)),
        ((3, 4000), (224, 672)),
    ],
)
def test_a_rectangle_has_the_picture_s_shape_and_the_square_s_pixels(
    picture_wh: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert input_wh(Shape(384), picture_wh) == expected
    assert input_wh(Shape(384, rectangular=False), picture_wh) == (384, 384)


@pytest.mark.parametrize("size", [32, 64, 256, 384, 416, 608])
def test_the_rectangles_are_few_and_near_the_square_s_size(size: int) -> None:
    aspects = [math.exp(step / 100) for step in range(-160, 161)]
    found = {input_wh(Shape(size), (round(1000 * aspect), 1000)) for aspect in aspects}
    assert len(found) <= 51 and {side for wh in found for side in wh} <= set(sides_of(size))
    if size >= 256:
        assert all(0.85 < width * height / size**2 < 1.15 for width, height in found)
        assert max(width / height for width, height in found) < 1.1 * MOST_ASPECT


def test_a_cfg_asks_for_them(network_of: NetworkOf, small_cfg: str, rectangular_cfg: str) -> None:
    assert not network_of(small_cfg).rectangular
    assert not network_of(rectangular_cfg.replace("rectangular=1", "rectangular=0")).rectangular
    assert network_of(rectangular_cfg).rectangular and network_of(rectangular_cfg).with_input_size(96).rectangular


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rectangular=1", "rectangular=2", "rectangular=2; expected 0 or 1"),
        # A stride of 8 instead of 4: grids of 2 cells for 64 px, of 1 for 32, and of 2 again for 96.
        ("size=3\nstride=4", "size=3\nstride=16", "does not go|divide"),
        ("width=64\nheight=64", "width=4096\nheight=4096", "a side of 7"),
    ],
)
def test_a_cfg_that_cannot_have_them_is_refused(
    network_of: NetworkOf, rectangular_cfg: str, old: str, new: str, message: str
) -> None:
    assert old in rectangular_cfg
    with pytest.raises(ConfigError, match=message):
        network_of(rectangular_cfg.replace(old, new))


def noise(width: int, height: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(4).uniform(0, 1, (count, 3, height, width)).astype(np.float32)


def test_engines_agree_on_rectangles(network_of: NetworkOf, rectangular_cfg: str, tmp_path: Path) -> None:
    """As near as on squares: boxes within 0.001 px, scores within 0.0001."""
    network = network_of(rectangular_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    loading = Loading(network, weights, 1, "cpu")
    expected, got = opencv_engine.load_detector(loading), openvino_engine.load_detector(loading)
    assert expected.rectangular and got.rectangular
    for width, height in (*SHAPES, SHAPES[0]):
        assert_alike(expected, got, noise(width, height, 2), 1e-3)


def test_pytorch_agrees_on_rectangles(network_of: NetworkOf, rectangular_cfg: str, tmp_path: Path) -> None:
    network = network_of(rectangular_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    loading = Loading(network, weights, 1, "cpu")
    expected, got = load_torch_detector()(loading), openvino_engine.load_detector(loading)
    assert expected.rectangular
    for width, height in (*SHAPES, SHAPES[0]):
        assert_alike(expected, got, noise(width, height), 1e-3)


def test_a_square_is_a_rectangle_like_others(
    network_of: NetworkOf, small_cfg: str, rectangular_cfg: str, tmp_path: Path
) -> None:
    """To the bit what the network of fixed sides gives, whatever shapes came before."""
    found = []
    for text in (small_cfg, rectangular_cfg):
        network = network_of(text)
        weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
        detector = openvino_engine.load_detector(Loading(network, weights, 1, "cpu"))
        if network.rectangular:
            detector.detect(noise(96, 32, 3))
        found.append(detector.detect(noise(64, 64))[0])
    np.testing.assert_array_equal(*found)


@needs_nncf
def test_int8_is_calibrated_on_rectangles(network_of: NetworkOf, rectangular_cfg: str, tmp_path: Path) -> None:
    network = network_of(rectangular_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))

    def samples() -> Iterator[np.ndarray]:
        for number in range(16):
            yield noise(*SHAPES[number % 3])

    exact = openvino_engine.load_detector(Loading(network, weights, 0, "cpu"))
    rough = openvino_engine.load_detector(Loading(network, weights, 0, "cpu", "int8", samples))
    for width, height in SHAPES:
        one, other = (detector.detect(noise(width, height))[0] for detector in (exact, rough))
        assert len(one) == len(other) and not np.array_equal(one, other)
        assert np.abs(one[:, :4] - other[:, :4]).mean() < 3


@pytest.fixture
def shapes(tmp_path: Path) -> Workspace:
    """Three wide pictures, two tall ones, a square; each with a red person where it can be told from the others."""
    workspace = Workspace(tmp_path / "shapes")
    for number, wh in enumerate([(240, 80), (80, 240), (240, 80), (160, 160), (80, 240), (240, 80)]):
        people = {RED: (10 + number, 20, 40 + number, 70), BLUE: (50, 10, 70, 60)}
        save(workspace.root / f"images/{number}.png", photo(people, wh))
    return workspace


@pytest.mark.parametrize("fixed", [False, True])
def test_a_run_gives_each_picture_its_people_and_shapes_their_own_batches(shapes: Workspace, fixed: bool) -> None:
    detector = ShapedDetector(fixed_batch=fixed, at_once=(2, 2))
    options = DetectOptions(shapes, quiet=True)
    report = detect_people(options, plan_with(detector))
    assert (report.counts.processed, report.counts.people) == (6, 12)
    for number in range(6):
        annot = read_annot(shapes.root / f"annots/{number}.png.json")
        assert annot is not None and annot.made_by.options["input_rule"] == RULE
        np.testing.assert_allclose(annot.people[0].box.xyxy, [10 + number, 20, 40 + number, 70], atol=1.5)
    wide, tall, square = (3, 96, 288), (3, 288, 96), (3, 160, 160)
    assert {shape[1:] for shape in detector.shapes} == {wide, tall, square}
    sizes = sorted(shape[0] for shape in detector.shapes)
    assert sizes == ([2, 2, 2, 2] if fixed else [1, 1, 2, 2]), "wide 2 + 1, tall 2, square 1; padded where fixed"
    assert detect_people(options, plan_with(detector)).counts.skipped == 6


def test_a_program_gets_what_the_run_gets(shapes: Workspace) -> None:
    pictures = [shapes.root / f"images/{number}.png" for number in range(6)]
    found = {}
    for fixed in (False, True):
        detector = ShapedDetector(fixed_batch=fixed, at_once=(4, 4))
        detect = LoadedDetector(plan_with(detector), detector, Selection(0.5, 0.4))
        found[fixed] = [people.boxes_xyxy for people in detect(pictures)]
        assert not fixed or {shape[0] for shape in detector.shapes} == {4}
    for number, (one, other) in enumerate(zip(found[False], found[True], strict=True)):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one[0], [10 + number, 20, 40 + number, 70], atol=1.5)


def test_they_are_evaluated_as_they_are_run(shapes: Workspace) -> None:
    rows = [
        LabelledPicture(shapes.root / f"images/{number}.png", wh, np.zeros((0, 4)), np.zeros(0, bool))
        for number, wh in enumerate([(240, 80), (80, 240), (240, 80)])
    ]
    detector = ShapedDetector()
    for number, (boxes, _) in enumerate(detect_in(rows, detector, EVERYTHING)):
        np.testing.assert_allclose(boxes[0], [10 + number, 20, 40 + number, 70], atol=1.5)
    assert [sample.shape[1:] for sample in sample_inputs(rows, detector)] == [(3, 96, 288), (3, 288, 96), (3, 96, 288)]


def test_records_name_the_rule_and_squares_are_as_they_were(tmp_path: Path) -> None:
    options = DetectOptions(Workspace(tmp_path))
    square = made_by(options, plan_with(ColourDetector())).options
    rectangles = made_by(options, plan_with(ShapedDetector())).options
    assert "input_rule" not in square
    assert rectangles == {**square, "input_rule": RULE}
    assert "32" in RULE and f"{MOST_ASPECT}:1" in RULE


def test_a_picture_is_fitted() -> None:
    network_input, mapping = fitted(Shape(64), np.full((90, 160, 3), 255, np.uint8))
    assert network_input.shape == (3, 64, 96) and (mapping.width, mapping.height) == (160, 90)
