"""int8: calibrated on the run's own pictures, kept with what it was measured to cost."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from darknet_files import needs_nncf, random_parameters, write_weights
from fakes import ColourDetector, plan_with

from pose_contract.errors import UsageError
from pose_contract.workspace import Workspace
from stage_kit.networks.int8 import calibration_of
from stage_kit.pictures.boxes import iou_matrix
from stage_kit.weights.published import sha256_of
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.engines.openvino import _agreement, cache_key, load_detector
from yolo_stage.loading import Loading
from yolo_stage.options import DetectOptions
from yolo_stage.steps import made_by

NetworkOf = Callable[[str], DarknetNetwork]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("stage_kit.networks.int8._CALIBRATED", {})
    return tmp_path / "cache" / "openvino"


@pytest.fixture
def files(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> tuple[DarknetNetwork, Path]:
    network = network_of(small_cfg)
    return network, write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))


def inputs(count: int) -> Callable[[], Iterator[np.ndarray]]:
    rng = np.random.default_rng(7)
    return lambda: (rng.uniform(0, 1, (1, 3, 64, 64)).astype(np.float32) for _ in range(count))


@needs_nncf
def test_it_is_near_and_is_kept_with_its_cost(
    files: tuple[DarknetNetwork, Path], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, weights = files
    batch = next(inputs(1)())
    exact = load_detector(Loading(network, weights, 0, "cpu")).detect(batch)[0]
    detector = load_detector(Loading(network, weights, 0, "cpu", "int8", inputs(16)))
    assert detector.precision == "int8"
    rough = detector.detect(batch)[0]
    assert len(exact) == len(rough) and not np.array_equal(exact, rough)
    assert np.median(np.diag(iou_matrix(exact[:, :4], rough[:, :4]))) > 0.8
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("int8: calibrated on 12 inputs; on 4 others it finds ")
    assert len(list(cache.glob("*-int8"))) == 1

    def never() -> Iterator[np.ndarray]:
        raise AssertionError("it was calibrated before")

    again = load_detector(Loading(network, weights, 0, "cpu", "int8", never))
    np.testing.assert_array_equal(again.detect(batch)[0], rough)
    assert capsys.readouterr().err.strip().splitlines()[-1] == said


@needs_nncf
def test_too_few_pictures(files: tuple[DarknetNetwork, Path], cache: Path) -> None:
    network, weights = files
    with pytest.raises(UsageError, match="10 are too few"):
        load_detector(Loading(network, weights, 0, "cpu", "int8", inputs(10)))
    assert not list(cache.glob("*-int8"))


def test_without_nncf(files: tuple[DarknetNetwork, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(UsageError, match="needs NNCF") as caught:
        load_detector(Loading(*files, 0, "cpu", "int8", inputs(16)))
    assert "make setup INT8=1" in caught.value.remedy


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([], [], "it finds 0 of the 0 people that fp32 finds, and 0 more"),
        ([[0, 0, 10, 20, 0.9]], [], "it finds 0 of the 1 people that fp32 finds, and 0 more"),
        ([[0, 0, 10, 20, 0.9]], [[0, 0, 10, 19, 0.8]], "it finds 1 of the 1 people that fp32 finds, and 0 more"),
        ([[0, 0, 10, 20, 0.9]], [[0, 0, 10, 19, 0.4]], "it finds 0 of the 1 people that fp32 finds, and 0 more"),
        ([], [[0, 0, 10, 20, 0.9]], "it finds 0 of the 0 people that fp32 finds, and 1 more"),
        (
            [[0, 0, 10, 20, 0.9], [1, 0, 10, 20, 0.8]],  # one person, suppressed once
            [[0, 0, 10, 20, 0.9], [50, 50, 60, 70, 0.9]],
            "it finds 1 of the 1 people that fp32 finds, and 1 more",
        ),
    ],
)
def test_the_cost_in_words(before: list[list[float]], after: list[list[float]], said: str) -> None:
    rows = [np.array(part, np.float32).reshape(-1, 5) for part in (before, after)]
    assert _agreement([rows[0]], [rows[1]]) == said


@needs_nncf
def test_its_calibration_is_known_before_and_after(files: tuple[DarknetNetwork, Path], cache: Path) -> None:
    network, weights = files
    key = cache_key(network, sha256_of(weights))
    assert calibration_of(key) == ""
    load_detector(Loading(network, weights, 0, "cpu", "int8", inputs(16)))
    first = calibration_of(key)
    assert len(first) == 16 and (cache / f"{key}-int8/calibration.txt").read_text() == first
    shutil.rmtree(cache)
    load_detector(Loading(network, weights, 0, "cpu", "int8", inputs(17)))
    assert calibration_of(key) not in ("", first)


def test_records_of_another_calibration_are_made_anew(tmp_path: Path) -> None:
    known = [""]
    plan = plan_with(ColourDetector(), engine="openvino", precision="int8", calibration=lambda: known[0])
    options = DetectOptions(Workspace(tmp_path))
    before = made_by(options, plan)
    known[0] = "abc"
    assert before.options["calibration"] == "" and made_by(options, plan).options["calibration"] == "abc"
    assert "calibration" not in made_by(options, replace(plan, calibration=None)).options
