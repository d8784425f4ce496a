"""SSD, Faster R-CNN and no detector at all."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import RED, photo, save

from pose_contract.errors import ConfigError, StageError, UsageError, WeightsError
from pose_contract.storage import read_annot
from pose_contract.workspace import Workspace
from stage_kit.networks.openvino import import_openvino, the_core
from stage_kit.pictures.boxes import iou_matrix
from stage_kit.pictures.images import read_image
from stage_kit.videos.record_files import VideoRecord
from stage_kit.videos.writer import write_movie
from yolo_stage.api import load_detector
from yolo_stage.cli import main
from yolo_stage.engines.ssd import candidates_of
from yolo_stage.model_files import plan_detector
from yolo_stage.options import ModelOptions

RETAIL = "person-detection-retail-0013"
needs_torch = pytest.mark.skipif(not (find_spec("torch") and find_spec("torchvision")), reason="no PyTorch")


def rows_of(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(1, 1, -1, 7)


def test_what_an_ssd_gives_as_candidates() -> None:
    assert candidates_of(rows_of(), (100, 50)).shape == (0, 5)
    assert candidates_of(rows_of((-1, 1, 0.9, 0, 0, 1, 1)), (100, 50)).shape == (0, 5)
    found = candidates_of(
        rows_of(
            (0, 1, 0.75, 0.1, 0.2, 0.5, 1.5),
            (0, 2, 0.99, 0, 0, 1, 1),  # no person
            (0, 1, 0.0005, 0, 0, 1, 1),  # under the floor
            (0, 1, 0.5, -0.5, 0, 2, 1),  # out of the picture
            (-1, 0, 0, 0, 0, 0, 0),
            (0, 1, 0.9, 0, 0, 1, 1),  # left from an earlier picture
        ),
        (100, 50),
    )
    np.testing.assert_allclose(found, [[10, 10, 50, 75, 0.75], [-50, 0, 200, 50, 0.5]], rtol=1e-6)


def write_ssd(path: Path, rows: np.ndarray, channels: int = 3) -> Path:
    """A network that says the same of every picture; the mean of its blue channel, over 1,000, is added to scores."""
    openvino = import_openvino()
    from openvino import opset13 as ops

    source = ops.parameter([1, channels, 320, 544], np.float32, name="data")
    blue = ops.gather(ops.reduce_mean(source, np.array([2, 3])), np.array([0]), np.array(1))
    share = ops.multiply(ops.reshape(blue, np.array([1, 1, 1, 1]), False), np.float32(0.001))
    column = np.zeros((1, 1, 1, rows.shape[-1]), np.float32)
    column[..., 2] = 1
    output = ops.add(ops.constant(rows), ops.multiply(share, ops.constant(column)))
    openvino.save_model(openvino.Model([output], [source], "ssd"), path, compress_to_fp16=False)
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A photo with much blue and a video with none."""
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(tmp_path / "w")
    save(workspace.root / "images/a.jpg", np.full((160, 240, 3), (0, 0, 200), np.uint8))
    with write_movie(workspace.root / "images/b.mp4", (240, 160), 30) as movie:
        for number in range(3):
            movie.add(photo({RED: (20, 30, 60, 120)}), number / 30)
    return workspace


def run(workspace: Workspace, *flags: str) -> int:
    return main(["--workspace", str(workspace.root), "--quiet", *flags])


def test_an_ssd_finds_people_in_photos_and_videos(place: Workspace, tmp_path: Path) -> None:
    xml = write_ssd(tmp_path / "mine.xml", rows_of((0, 1, 0.55, 0.25, 0.5, 0.5, 1), (0, 1, 0.3, 0, 0, 0.1, 0.1)))
    assert run(place, "--detector", "ssd", "--weights_path", str(xml), "--precision", "fp32") == 0
    annot = read_annot(place.path("annots/a.json"))
    assert annot is not None and annot.made_by.model == "mine" and annot.made_by.options["engine"] == "openvino"
    (person,) = annot.people
    assert person.score == pytest.approx(0.75, abs=0.01), "the network was given BGR in 0..255"
    assert person.box.xyxy == pytest.approx((60, 80, 120, 160), abs=6)
    header = VideoRecord(place.path("annots/b.mp4.jsonl"), *video_kinds()).header
    assert (header.most_people, header.frames) == (1, 3)
    other = write_ssd(tmp_path / "mine.xml", rows_of((0, 1, 0.1, 0.25, 0.5, 0.5, 1)))
    assert run(place, "--detector", "ssd", "--weights_path", str(other), "--precision", "fp32") == 0
    again = read_annot(place.path("annots/a.json"))
    assert again is not None and not again.people, "other numbers in the .bin, another network"


def video_kinds() -> tuple[type, type]:
    from pose_contract.video_records import FrameAnnot, VideoAnnot

    return VideoAnnot, FrameAnnot


def test_without_a_detector_every_picture_is_one_persons(place: Workspace) -> None:
    assert run(place, "--detector", "none") == 0
    annot = read_annot(place.path("annots/a.json"))
    assert annot is not None and annot.made_by.model == "whole-frame"
    (person,) = annot.people
    assert person.box.xyxy == (0, 0, 240, 160) and person.score == 1
    assert person.cut is not None
    assert read_image(place.path(person.cut.file)).shape == (160, 240, 3)
    record = VideoRecord(place.path("annots/b.mp4.jsonl"), *video_kinds())
    assert [line.people[0].box.xyxy for line in record.frames()] == 3 * [(0, 0, 240, 160)]
    assert run(place, "--detector", "none") == 0
    assert record.path.read_bytes() == place.path("annots/b.mp4.jsonl").read_bytes()


REFUSED = [
    (["none", "--weights_path", "a.pth"], 2, "--weights_path says nothing to --detector none"),
    (["none", "--img_size", "64"], 2, "--img_size says nothing"),
    (["none", "--engine", "opencv"], 2, "--engine says nothing"),
    (["ssd", "--model_def", "a.cfg"], 2, "--model_def says nothing to --detector ssd"),
    (["ssd", "--class_path", "a.names"], 2, "--class_path says nothing"),
    (["ssd", "--weights", "lite"], 2, "--weights lite is the embedded network"),
    (["ssd", "--engine", "torch"], 2, "--detector ssd runs by openvino"),
    (["ssd"], 4, f"The weights {RETAIL}.xml are missing"),
    (["ssd", "--weights_path", "gone.xml"], 4, "no weights file gone.xml"),
    (["fastercnn"], 2, "fasterrcnn"),
]


@pytest.mark.parametrize(("flags", "code", "message"), REFUSED, ids=[message for _, _, message in REFUSED])
def test_what_makes_no_sense_is_refused(
    place: Workspace, flags: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = run(place, "--detector", *flags)
    except SystemExit as exit_:
        ended = int(str(exit_.code))
    assert ended == code and message in capsys.readouterr().err


def test_a_precision_that_is_not_there(tmp_path: Path) -> None:
    xml = write_ssd(tmp_path / "mine.xml", rows_of((0, 1, 0.55, 0.25, 0.5, 0.5, 1)))
    with pytest.raises(UsageError, match="does not compute in it"):
        plan_detector(ModelOptions(detector="ssd", weights_path=xml, precision="int8"))


def test_bad_files_are_told(tmp_path: Path) -> None:
    def loading(xml: Path) -> None:
        plan_detector(ModelOptions(detector="ssd", weights_path=xml, precision="fp32")).load(tuple)

    good = write_ssd(tmp_path / "good.xml", rows_of((0, 1, 0.55, 0.25, 0.5, 0.5, 1)))
    loading(good)
    six = write_ssd(tmp_path / "six.xml", np.zeros((1, 1, 2, 6), np.float32))
    with pytest.raises(ConfigError, match=r"one output \[1, 1, N, 7\], got"):
        loading(six)
    with pytest.raises(ConfigError, match="one input"):
        loading(write_ssd(tmp_path / "grey.xml", rows_of((0, 1, 0.5, 0, 0, 1, 1)), channels=1))
    good.with_suffix(".bin").unlink()
    with pytest.raises(WeightsError, match=r"good\.bin are missing"):
        loading(good)
    for data in (b"", b"<html></html>", good.read_bytes()[:300], b"\0" * 500):
        broken = tmp_path / "broken.xml"
        broken.write_bytes(data)
        broken.with_suffix(".bin").write_bytes(b"\0" * 100)
        with pytest.raises(StageError, match="damaged"):
            loading(broken)


def test_a_wrong_name_is_refused_in_python_too() -> None:
    with pytest.raises(UsageError, match="did you mean 'ssd'"):
        load_detector(detector="sssd")  # type: ignore[arg-type]


def test_the_real_one_finds_whom_it_finds_by_the_zoos_own_recipe(shared: Path, tmp_path: Path) -> None:
    """Its own recipe stretches a picture to 544 x 320: of one of 16:9 that is nearly what is done here."""
    for suffix in (".xml", ".bin"):
        shutil.copy(shared / f"weights/{RETAIL}{suffix}", tmp_path / f"retail{suffix}")
    detect = load_detector(detector="ssd", weights_path=tmp_path / "retail.xml", precision="fp32")
    compiled = the_core().compile_model(str(tmp_path / "retail.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for name in ("004645041.jpg", "005808361.jpg", "051423444.jpg"):
        picture = read_image(shared / "photos" / name)
        height, width = picture.shape[:2]
        bgr = cv2.resize(picture, (544, 320), interpolation=cv2.INTER_AREA)[..., ::-1].astype(np.float32)
        rows = compiled({0: bgr.transpose(2, 0, 1)[None]})[0][0, 0]
        expected = rows[rows[:, 2] >= 0.5, 3:] * [width, height, width, height]
        people = detect(picture)
        assert len(people) >= len(expected) >= 1
        assert iou_matrix(people.boxes_xyxy, expected).max(axis=0).min() > 0.9, name
    with pytest.raises(WeightsError, match="another file: sha384"):
        load_detector(detector="ssd", weights_path=shared / f"weights/{RETAIL}.xml")


@needs_torch
def test_faster_rcnn_gives_what_torchvision_gives(tmp_path: Path) -> None:
    import torch
    from torchvision.models.detection import fasterrcnn_resnet50_fpn
    from torchvision.ops import FrozenBatchNorm2d

    from yolo_stage.engines.faster_rcnn import build_model

    torch.manual_seed(3)
    model = build_model()
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.bias[1] = 4.0  # everything is a person
        for module in model.modules():
            if isinstance(module, FrozenBatchNorm2d):
                module.weight.fill_(0.4)  # random convolutions, left alone, give numbers without end
    path = tmp_path / "mine.pth"
    torch.save(model.state_dict(), path)
    reference = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, min_size=96, max_size=160)
    freeze(reference, FrozenBatchNorm2d)
    reference.load_state_dict(model.state_dict(), strict=False)
    picture = np.random.default_rng(0).integers(0, 256, (96, 160, 3), dtype=np.uint8)
    with torch.inference_mode():
        (expected,) = reference.eval()([torch.from_numpy(picture.transpose(2, 0, 1).copy()).float() / 255])
    people = load_detector(
        detector="fasterrcnn", weights_path=path, img_size=128, device="cpu", conf_thres=0.05, nms_thres=1
    )(picture)
    boxes = expected["boxes"][expected["labels"] == 1].numpy()
    assert len(people) == len(boxes) > 5
    assert iou_matrix(people.boxes_xyxy, boxes.astype(np.float64)).max(axis=1).min() > 0.99
    np.testing.assert_allclose(np.sort(people.scores), np.sort(expected["scores"].numpy()), atol=1e-3)


def freeze(module: object, frozen: type) -> None:
    """Batch norms as the published weights have them."""
    import torch

    for name, child in module.named_children():  # type: ignore[attr-defined]
        if isinstance(child, torch.nn.BatchNorm2d):
            setattr(module, name, frozen(child.num_features, eps=0.0))
        else:
            freeze(child, frozen)


@needs_torch
def test_faster_rcnn_refuses_other_checkpoints(tmp_path: Path) -> None:
    import torch

    for state in ({"rpn.head.conv.0.0.weight": torch.zeros(3)}, {}):
        path = tmp_path / "other.pth"
        torch.save(state, path)
        with pytest.raises(WeightsError):
            load_detector(detector="fasterrcnn", weights_path=path)
    with pytest.raises(UsageError, match="bf16"):
        load_detector(detector="fasterrcnn", weights_path=path, precision="bf16")


def test_faster_rcnn_without_pytorch_says_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolo_stage.other_detectors.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match="needs PyTorch") as caught:
        plan_detector(ModelOptions(detector="fasterrcnn", weights_path=tmp_path))
    assert "TORCH=1" in caught.value.remedy
