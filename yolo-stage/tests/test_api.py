from __future__ import annotations

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
from fakes import BLUE, RED, ColourDetector, photo, plan_with, save
from PIL import Image

import yolo_stage
from pose_contract.errors import ConfigError, ImageError, UsageError, WeightsError
from pose_contract.storage import read_annot
from pose_contract.workspace import Workspace
from yolo_stage.api import LoadedDetector, People, draw_boxes, load_detector
from yolo_stage.cli import main
from yolo_stage.options import DetectOptions
from yolo_stage.people import Selection
from yolo_stage.steps import detect_people

ENGINES = [
    "openvino",
    "opencv",
    pytest.param(
        "torch", marks=pytest.mark.skipif(not (find_spec("torch") and find_spec("yolo_torch")), reason="no yolo-torch")
    ),
]
ORIENTATION = 0x0112


def detector_of(network: ColourDetector) -> LoadedDetector:
    return LoadedDetector(plan_with(network), network, Selection(0.5, 0.4))


@pytest.fixture
def detect() -> LoadedDetector:
    return detector_of(ColourDetector())


@pytest.fixture
def photos() -> list[Path]:
    """Real ones: from the shared folder, else those that `make demo` takes."""
    repository = Path(__file__).parents[2]
    shared = Path(os.environ.get("POSE_SHARED") or repository.parent / "shared")
    found = [sorted(folder.glob("*.jpg"))[-6:] for folder in (shared / "photos", repository / "tools/demo-photos")]
    return next(filter(None, found), None) or pytest.skip("no photos: POSE_SHARED names the folder that has them")


def rows(people: People) -> list[tuple[float, ...]]:
    return [(*box, score) for box, score in zip(people.boxes_xyxy.tolist(), people.scores.tolist(), strict=True)]


def recorded(workspace: Workspace, name: str) -> list[tuple[float, ...]]:
    annot = read_annot(workspace.path(workspace.annot_file(name)))
    assert annot is not None
    return [(*person.box.xyxy, person.score) for person in annot.people]


def test_it_finds_what_a_run_finds(workspace: Workspace, detect: LoadedDetector) -> None:
    detect_people(DetectOptions(workspace, quiet=True), plan_with(ColourDetector()))
    for name, people in (("a.jpg", 2), ("é/b c.png", 1), ("z.JPG", 0)):
        found = detect(workspace.path(workspace.image_file(name)))
        assert len(found) == people and rows(found) == recorded(workspace, name)
        assert found.boxes_xyxy.shape == (people, 4) and found.boxes_xyxy.dtype == np.float64
        assert found.scores.shape == (people,) and found.scores.dtype == np.float64


@pytest.mark.parametrize("engine", ENGINES)
def test_the_embedded_network_gives_the_commands_numbers(engine: str, photos: list[Path], tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    (workspace.root / "images").mkdir(parents=True)
    for path in photos:
        shutil.copy(path, workspace.root / "images")
    flags = ["--weights", "lite", "--engine", engine, "--device", "cpu", "--max_people", "3", "--conf_thres", "0.3"]
    assert main(["--workspace", str(workspace.root), "--quiet", *flags]) == 0
    detect = load_detector(weights="lite", engine=engine, device="cpu", max_people=3, conf_thres=0.3)  # type: ignore[arg-type]
    found = detect(photos)
    assert [rows(people) for people in found] == [recorded(workspace, path.name) for path in photos]
    assert sum(map(len, found)) >= len(photos)
    assert (detect.engine, detect.device) == (engine, "cpu") and detect.model in repr(detect)


def test_every_kind_of_picture_gives_the_same(detect: LoadedDetector, tmp_path: Path) -> None:
    picture = photo({RED: (150, 40, 200, 140), BLUE: (20, 30, 60, 120)})
    path = save(tmp_path / "a.png", picture)
    expected = rows(detect(picture))
    assert len(expected) == 2
    for given in (path, str(path), Image.open(path), Image.fromarray(picture)):
        assert rows(detect(given)) == expected


def test_boxes_are_in_pixels_of_the_upright_picture(detect: LoadedDetector, tmp_path: Path) -> None:
    upright = photo({RED: (150, 40, 200, 140)})
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(np.rot90(upright)).save(tmp_path / "a.png", exif=exif)
    assert rows(detect(tmp_path / "a.png")) == rows(detect(Image.open(tmp_path / "a.png"))) == rows(detect(upright))


def test_several_pictures_go_through_in_batches_of_the_engine() -> None:
    pictures = [photo({RED: (10 * number, 40, 10 * number + 30, 140)}) for number in range(5)]
    one, padded = ColourDetector(), ColourDetector(at_once=(2, 4))
    free = ColourDetector(at_once=(2, 4), fixed_batch=False)
    single = [rows(detector_of(one)(picture)) for picture in pictures]
    for network, sizes in ((padded, [2, 2, 2]), (free, [4, 1])):
        assert [rows(people) for people in detector_of(network)(pictures)] == single
        assert network.batch_sizes == sizes
    assert detector_of(one)([]) == [] and len(detector_of(one)(tuple(pictures))) == 5


def test_of_a_list_only_a_batch_is_in_memory(tmp_path: Path) -> None:
    """The second picture is bad, and the first has gone through before anyone looks at it."""
    network = ColourDetector()
    with pytest.raises(ImageError, match=r"no picture .*gone\.jpg"):
        detector_of(network)([photo({}), tmp_path / "gone.jpg"])
    assert network.batch_sizes == [1]


def test_the_arrays_are_frozen_and_the_text_is_short(detect: LoadedDetector) -> None:
    people = detect(photo({RED: (150, 40, 200, 140), BLUE: (20, 30, 60, 120)}))
    with pytest.raises(ValueError, match="read-only"):
        people.boxes_xyxy[0] = 0
    assert repr(people) == "People(2:\n  0.80 at 20 30 60 120\n  0.90 at 150 40 200 141)"
    assert repr(detect(photo({}))) == "People(0)"


def test_boxes_are_drawn_as_the_command_draws_them(workspace: Workspace, detect: LoadedDetector) -> None:
    detect_people(DetectOptions(workspace, quiet=True), plan_with(ColourDetector()))
    path = workspace.path("images/a.jpg")
    before = path.read_bytes()
    drawn = draw_boxes(path, detect(path))
    inspected = np.asarray(Image.open(workspace.path("inspect/a.jpg")))
    assert drawn.dtype == np.uint8 and drawn.shape == inspected.shape
    assert np.abs(drawn.astype(int) - inspected).mean() < 2  # that one has been a JPEG
    picture = photo({})
    draw_boxes(picture, People(np.array([[1.0, 2, 30, 40]]), np.array([0.5])))
    np.testing.assert_array_equal(picture, photo({}))
    assert path.read_bytes() == before


@pytest.mark.parametrize("engine", ["openvino", "opencv"])
def test_threads_may_share_it(engine: str) -> None:
    detect = load_detector(weights="lite", engine=engine, conf_thres=0.05)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    pictures = [photo({RED: (20 * number, 10, 20 * number + 40, 150)}) for number in range(8)]
    pictures = [
        np.clip(picture + rng.integers(-30, 30, picture.shape), 0, 255).astype(np.uint8) for picture in pictures
    ]
    expected = [rows(detect(picture)) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        assert [rows(people) for people in pool.map(detect, pictures * 3)] == expected * 3


@dataclass(frozen=True)
class Bad:
    keywords: dict[str, object]
    error: type[Exception]
    says: str


BAD = [
    Bad({"engine": "open-vino"}, UsageError, "engine: expected auto, openvino, torch or opencv, got 'open-vino'"),
    Bad({"weights": "best"}, UsageError, "weights: expected auto, published or lite"),
    Bad({"precision": "fp16"}, UsageError, "precision: expected auto, fp32, bf16 or int8"),
    Bad({"device": "gpu"}, UsageError, "device: expected auto, cpu or cuda"),
    Bad({"conf_thres": 2}, UsageError, "conf_thres: expected over 0, up to 1, got 2"),
    Bad({"nms_thres": 0}, UsageError, "nms_thres: expected over 0, up to 1, got 0"),
    Bad({"max_people": -1}, UsageError, "max_people"),
    Bad({"img_size": 100}, UsageError, "img_size: expected a multiple of 32"),
    Bad({"model_def": "no.cfg"}, ConfigError, r"no network definition no\.cfg"),
    Bad({"weights_path": Path("no.weights")}, WeightsError, r"no weights file no\.weights"),
    Bad({"engine": "opencv", "precision": "bf16", "weights": "lite"}, UsageError, "opencv engine computes in fp32"),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.says)
def test_what_makes_no_sense_is_refused(bad: Bad) -> None:
    with pytest.raises(bad.error, match=bad.says):
        load_detector(**bad.keywords)  # type: ignore[arg-type]


def test_int8_is_taken_as_a_run_has_calibrated_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="int8 is calibrated on a run's pictures"):
        load_detector(weights="lite", engine="openvino", precision="int8")


def test_a_smaller_input_is_taken() -> None:
    assert load_detector(weights="lite", img_size=160, engine="openvino").network.input_size == 160


def test_the_package_offers_it_and_imports_nothing_for_it() -> None:
    assert {"load_detector", "draw_boxes", "People", "LoadedDetector"} <= set(dir(yolo_stage))
    assert yolo_stage.load_detector is load_detector
    script = "import sys, yolo_stage; print(sorted({'numpy', 'cv2', 'PIL', 'pydantic', 'openvino'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"
    with pytest.raises(AttributeError, match="module 'yolo_stage' has no attribute 'load_detectors'"):
        yolo_stage.load_detectors  # noqa: B018
