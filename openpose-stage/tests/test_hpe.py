"""human-pose-estimation-0001 on real photos: people, links, shapes; and IRs that are none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from openpose_stage import Poses, load_openpose
from openpose_stage.api import LoadedOpenpose
from openpose_stage.decode import decode
from openpose_stage.engines.openvino import read_ir
from openpose_stage.layouts import COCO, MPI
from openpose_stage.links import along_the_line
from openpose_stage.model_files import plan_network
from openpose_stage.options import ModelOptions
from pose_contract.errors import ConfigError, StageError, UsageError, WeightsError
from stage_kit.networks.openvino import import_openvino
from stage_kit.pictures.images import read_image

HPE = "human-pose-estimation-0001.xml"
# How many people are seen at least from the hip up, in photos of shared/photos.
PEOPLE = {
    "000000000785.jpg": 1, "000000040083.jpg": 2, "COCO_val2014_000000000192.jpg": 4,
    "COCO_val2014_000000000241.jpg": 3, "COCO_val2014_000000000328.jpg": 3, "COCO_val2014_000000000474.jpg": 1,
    "004645041.jpg": 1, "051423444.jpg": 1, "005808361.jpg": 2, "golf.jpg": 1, "tennis-00.jpg": 1, "tennis-01.jpg": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def find(shared: Path) -> LoadedOpenpose:
    return load_openpose(weights_path=shared / "weights" / HPE)


@pytest.fixture(scope="module")
def found(find: LoadedOpenpose, shared: Path) -> dict[str, Poses]:
    photos = [shared / "photos" / name for name in PEOPLE]
    return dict(zip(PEOPLE, find(photos), strict=True))


@pytest.mark.parametrize("name", PEOPLE)
def test_just_the_people_of_a_photo_are_found(found: dict[str, Poses], name: str) -> None:
    """Acceptance 5."""
    assert len(found[name]) == PEOPLE[name]
    assert ((found[name].scores > 0).sum(axis=1) >= 5).all()


def test_it_says_what_it_is(find: LoadedOpenpose) -> None:
    assert repr(find) == "LoadedOpenpose(human-pose-estimation-0001, openvino int8 on cpu)"
    assert find.skeleton.name == "coco18" and find.plan.stride == 8


def test_keypoints_lie_where_people_labelled_them(found: dict[str, Poses], shared: Path) -> None:
    """COCO's own labels of these photos: half of the joints within a tenth of the person's height."""
    labels = json.loads((shared / "photos/coco-sample.json").read_text())
    names = {image["id"]: image["file_name"] for image in labels["images"]}
    order = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]  # COCO's 17 in COCO-18
    distances = []
    for label in labels["annotations"]:
        poses = found.get(names.get(label["image_id"], ""))
        true = np.array(label.get("keypoints", []), float).reshape(-1, 3)
        if poses is None or not len(poses) or (true[:, 2] > 0).sum() < 8:
            continue
        each = np.linalg.norm(poses.keypoints_xy[:, order] - true[:, :2], axis=2)
        each[(poses.scores[:, order] == 0) | (true[:, 2] == 0)] = np.nan
        distances += (each[np.nanmedian(each, axis=1).argmin()] / label["bbox"][3]).tolist()
    known = np.array(distances)[np.isfinite(distances)]
    assert len(known) >= 40 and np.median(known) < 0.03 and (known < 0.1).mean() > 0.85


def test_ears_go_with_the_shoulder_of_their_side(find: LoadedOpenpose, shared: Path) -> None:
    """Acceptance 4: the fields of the last two links point from a shoulder to the ear of its side, not to the other."""
    right, wrong = [], []
    for name in PEOPLE:
        network_input, _ = find._fitted(read_image(shared / "photos" / name))
        (maps,) = find._maps([network_input])
        for places, sure in zip(*decode(maps, COCO, find.reading.rules).poses(), strict=True):
            for link, ear, other in ((17, 16, 17), (18, 17, 16)):
                ends = COCO.links[link]
                for end, into in ((ear, right), (other, wrong)):
                    if sure[ends.a] > 0 and sure[end] > 0:
                        way = places[end] - places[ends.a]
                        line = (places[ends.a] + np.linspace(0, 1, 10)[:, None] * way)[None]
                        x, y = (along_the_line(maps.fields, np.array([[ends.field + k]]), line) for k in (0, 1))
                        into.append(float((np.stack([x[0], y[0]], 1) @ (way / np.linalg.norm(way))).mean()))
    assert len(right) >= 12 and len(wrong) >= 8
    assert np.mean(right) >= 3 * abs(np.mean(wrong)), (np.mean(right), np.mean(wrong))


def test_an_upright_photo_is_not_squashed(find: LoadedOpenpose, shared: Path) -> None:
    """Acceptance 6: squashed to 456 x 256 the child has at least three joints less."""
    photo = read_image(shared / "photos/COCO_val2014_000000000474.jpg")
    fitting = find(photo)
    squashed = find(cv2.resize(photo, (456, 256), interpolation=cv2.INTER_AREA))
    joints = [(poses.scores > 0).sum(axis=1).max(initial=0) for poses in (fitting, squashed)]
    assert joints[0] >= joints[1] + 3, joints


def test_several_scales_and_other_rules_find_the_same_people(shared: Path) -> None:
    photo = shared / "photos/COCO_val2014_000000000192.jpg"
    for flags in ({"scales": (1.0, 1.5), "pairing": "hungarian"}, {"upsample": 1, "height": 368}):
        find = load_openpose(weights_path=shared / "weights" / HPE, **flags)
        assert len(find(photo)) == 4, flags


def test_a_list_gives_what_each_photo_alone_gives(find: LoadedOpenpose, found: dict[str, Poses], shared: Path) -> None:
    for name in ("golf.jpg", "COCO_val2014_000000000192.jpg"):
        assert (find(shared / "photos" / name).keypoints_xy == found[name].keypoints_xy).all()


def small_ir(path: Path, channels: tuple[int, ...], open_sides: bool = False, stride: int = 8) -> Path:
    """An IR of one convolution for each output."""
    openvino = import_openvino()
    from openvino import opset13 as ops

    sides = [-1, -1] if open_sides else [256, 456]
    picture = ops.parameter([1, 3, *sides], np.float32, name="data")
    outputs = []
    for number in channels:
        kernel = np.full((number, 3, stride, stride), 1e-7, np.float32)
        outputs.append(ops.convolution(picture, kernel, [stride] * 2, [0, 0], [0, 0], [1, 1]))
    openvino.save_model(openvino.Model(outputs, [picture], "small"), path, compress_to_fp16=False)
    return path


@pytest.mark.parametrize("open_sides", [False, True])
@pytest.mark.parametrize("channels", [(38, 19), (19, 38)])
def test_any_ir_with_these_outputs_does_in_any_order(
    tmp_path: Path, channels: tuple[int, int], open_sides: bool
) -> None:
    path = small_ir(tmp_path / "small.xml", channels, open_sides, 4)
    read = read_ir(path, COCO)
    assert (read.stride, read.heatmaps, read.fields) == (4, channels.index(19), channels.index(38))
    assert not read.quantised
    find = load_openpose(weights_path=path, precision="fp32")
    assert len(find(np.zeros((100, 200, 3), np.uint8))) == 0 and find.precision == "fp32"
    explained = find.explain(np.zeros((100, 200, 3), np.uint8))
    assert explained.output.shape == (1, 57, 64, 128)
    with pytest.raises(WeightsError, match="expected 16 heatmaps and 28 fields, got outputs of"):
        read_ir(path, MPI)


def spoil(folder: Path, how: str) -> Path:
    path = folder / "net.xml"
    if how == "no bin":
        path.with_suffix(".bin").unlink()
    elif how == "cut bin":
        data = path.with_suffix(".bin").read_bytes()
        path.with_suffix(".bin").write_bytes(data[: len(data) // 2])
    elif how == "html":
        path.write_text("<!DOCTYPE html><html>not found</html>")
    elif how == "html bin":
        path.with_suffix(".bin").write_text("<html>not found</html>")
    elif how == "text":
        path.write_text("weights")
    elif how == "photo":
        path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)))
    elif how == "cut xml":
        path.write_text(path.read_text()[:700])
    else:
        path.unlink()
    return path


@pytest.mark.parametrize("how", ["no bin", "cut bin", "html", "html bin", "text", "photo", "cut xml", "nothing"])
def test_spoilt_irs_are_refused(tmp_path: Path, how: str, capfd: pytest.CaptureFixture[str]) -> None:
    small_ir(tmp_path / "net.xml", (19, 38))
    path = spoil(tmp_path, how)
    with pytest.raises(WeightsError) as error:
        load_openpose(weights_path=path)
    assert error.value.remedy and "net" in error.value.reason
    if how in ("text", "photo"):
        assert capfd.readouterr().err == "", "OpenVINO's readers of other formats print what they think of it"


def test_files_of_a_published_name_must_be_the_published_ones(tmp_path: Path, shared: Path) -> None:
    for suffix in (".xml", ".bin"):
        shutil.copy((shared / "weights" / HPE).with_suffix(suffix), tmp_path)
    plan_network(ModelOptions(weights_path=tmp_path / HPE))
    with (tmp_path / HPE).with_suffix(".bin").open("r+b") as file:
        file.seek(1000)
        file.write(b"\0\0\0\0")
    with pytest.raises(WeightsError, match="has the name of published weights, and is another file"):
        plan_network(ModelOptions(weights_path=tmp_path / HPE))


@pytest.mark.parametrize(
    ("options", "kind", "reason"),
    [
        ({"model": "coco"}, WeightsError, "pose_iter_440000.caffemodel are missing"),
        ({"model": "mpi-fast"}, WeightsError, "pose_iter_160000.caffemodel are missing"),
        ({"model": "hpe-0001"}, WeightsError, f"{HPE} are missing"),
        ({"weights_path": Path("none.caffemodel")}, UsageError, "needs its --model"),
        ({"model": "body25", "weights_path": Path("none.caffemodel")}, WeightsError, "no weights file"),
        ({"weights_path": Path("none.xml")}, WeightsError, "no weights file none.xml"),
        ({"model": "mpi", "weights_path": Path("my.xml")}, UsageError, "--model mpi: my.xml is an IR of OpenVINO"),
        ({"model": "lite", "weights_path": Path("my.xml")}, UsageError, "--model lite: my.xml is an IR of OpenVINO"),
        ({"model": "hpe-0001", "weights_path": Path("my.pth")}, UsageError, "my.pth is a checkpoint"),
        ({"model": "lite", "weights_path": Path("my.caffemodel")}, UsageError, "my.caffemodel is a network of Caffe"),
    ],
)
def test_what_is_not_there_says_what_helps(
    options: dict[str, object], kind: type[StageError], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path))
    with pytest.raises(kind, match=reason) as error:
        plan_network(ModelOptions(**options))  # type: ignore[arg-type]
    assert error.value.remedy


def test_a_precision_that_the_file_is_not_of_is_refused(tmp_path: Path, shared: Path) -> None:
    hpe, small = shared / "weights" / HPE, small_ir(tmp_path / "small.xml", (19, 38))
    for path, precision in ((hpe, "fp32"), (small, "int8")):
        with pytest.raises(UsageError, match=f"--precision {precision}"):
            plan_network(ModelOptions(weights_path=path, precision=precision))
    assert plan_network(ModelOptions(weights_path=hpe)).precision == "int8"
    assert plan_network(ModelOptions(weights_path=small)).precision == "fp32"


def test_without_any_network_the_command_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("openpose_stage.model_files.LITE", tmp_path / "none.pth")
    with pytest.raises(WeightsError, match=f"{HPE} are missing"):
        plan_network(ModelOptions())
    with pytest.raises(ConfigError, match="carries no embedded network") as error:
        plan_network(ModelOptions(model="lite"))
    assert "make weights NAME=" in error.value.remedy
