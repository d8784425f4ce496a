from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from darknet_files import MODELS, random_parameters, write_weights

from pose_contract.errors import ConfigError, UsageError, WeightsError
from stage_kit.pictures.boxes import iou_matrix
from stage_kit.pictures.letterbox import boxes_to_image, letterbox
from stage_kit.pictures.nms import nms
from yolo_stage.darknet import DarknetNetwork, person_class, read_network
from yolo_stage.detector import SCORE_FLOOR, Detector, candidate_rows
from yolo_stage.engines import opencv as opencv_engine
from yolo_stage.engines.refusals import opencv_refusal, torch_refusal
from yolo_stage.loading import Loading
from yolo_torch import torch_engine

NetworkOf = Callable[[str], DarknetNetwork]
DARKNET_FILE = Path("a.weights")
ONE_HEAD = """
[net]
width=32
height=32
[convolutional]
filters=14
size=1
stride=1
activation=linear
[yolo]
mask=2,0
anchors=5,6, 10,14, 20,30
classes=2
"""


def noise(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(7).uniform(0, 1, (count, 3, size, size)).astype(np.float32)


def assert_alike(network: DarknetNetwork, by_torch: Detector, by_opencv: Detector, count: int = 2) -> None:
    """Same candidates: boxes within 0.1 px, scores within 1e-4. pytorchyolo lists them by anchor, OpenCV by cell."""
    order, offset = [], 0
    for layer in (layer for layer in network.layers if layer.kind == "yolo"):
        anchors = len(layer.section.integers("mask"))
        indices = offset + np.arange(anchors * layer.size**2).reshape(anchors, layer.size, layer.size)
        order.append(indices.transpose(1, 2, 0).ravel())
        offset += indices.size
    batch = noise(count, network.input_size)
    for expected, got in zip(by_torch.detect(batch), by_opencv.detect(batch), strict=True):
        assert len(got) == len(expected) == offset, "the random weights must keep every score above the floor"
        expected = expected[np.concatenate(order)]
        np.testing.assert_allclose(got[:, :4], expected[:, :4], rtol=0, atol=0.1)
        np.testing.assert_allclose(got[:, 4], expected[:, 4], rtol=0, atol=1e-4)
        assert np.ptp(expected[:, 4]) > 0.05, "the scores must differ for the comparison to mean anything"


def both(network: DarknetNetwork, weights: Path, person: int = 0) -> tuple[Detector, Detector]:
    loaded = [
        engine.load_detector(Loading(network, weights, person, "cpu")) for engine in (torch_engine, opencv_engine)
    ]
    return loaded[0], loaded[1]


def test_no_candidates() -> None:
    assert candidate_rows(np.empty((0, 4), np.float32), np.empty(0, np.float32)).shape == (0, 5)


def test_candidates_above_the_floor_are_kept_unclipped() -> None:
    centres = np.array([[10, 20, 40, 8], [1, 1, 1, 1]], np.float32)
    rows = candidate_rows(centres, np.array([0.5, SCORE_FLOOR], np.float32))
    np.testing.assert_array_equal(rows, np.array([[-10, 16, 30, 24, 0.5]], np.float32))


@pytest.mark.parametrize("name", ["yolov3-tiny", "yolov3"])
def test_engines_agree_on_our_networks(tmp_path: Path, name: str) -> None:
    network = read_network(MODELS / f"{name}.cfg")
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=1))
    by_torch, by_opencv = both(network, weights)
    assert (by_torch.name, by_torch.device, by_torch.precision, by_torch.input_size) == ("torch", "cpu", "fp32", 416)
    assert (by_opencv.name, by_opencv.device, by_opencv.precision, by_opencv.input_size) == (
        "opencv",
        "cpu",
        "fp32",
        416,
    )
    assert_alike(network, by_torch, by_opencv)


def test_opencv_reads_our_cfgs_as_they_are(tmp_path: Path) -> None:
    for name, heads in (("yolov3-tiny", 2), ("yolov3", 3)):
        network = read_network(MODELS / f"{name}.cfg")
        weights = write_weights(tmp_path / "a.weights", np.zeros(network.parameter_count, "<f4"))
        net = cv2.dnn.readNetFromDarknet(str(MODELS / f"{name}.cfg"), str(weights))
        assert len(net.getUnconnectedOutLayersNames()) == heads


def test_the_pool_of_stride_1_takes_real_cells_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = read_network(MODELS / "yolov3-tiny.cfg").with_input_size(96)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=1))
    by_torch, by_opencv = both(network, weights)
    assert_alike(network, by_torch, by_opencv)
    monkeypatch.setattr(torch_engine, "_pool_as_darknet", lambda *_: None)
    zero_padded = torch_engine.load_detector(Loading(network, weights, 0, "cpu"))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_alike(network, zero_padded, by_opencv)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("activation=leaky", "activation=mish"),
        ("activation=leaky", "activation=swish"),
        ("activation=leaky", "activation=logistic"),
        ("activation=leaky", "activation=leaky  # the usual one"),
        ("[maxpool]\nsize=2\nstride=2", "[maxpool]\nsize=3\nstride=2"),
        ("[maxpool]\nsize=2\nstride=2", "[maxpool]\nsize=4\nstride=2"),
        ("[maxpool]\nsize=2\nstride=1", "[maxpool]\nsize=5\nstride=1"),
        ("[maxpool]\nsize=2\nstride=1", "[maxpool]\nsize=2\nstride=1\npadding=1"),
        ("size=3\nstride=1\npad=1", "size=1\nstride=1\npad=0"),
        ("size=3\nstride=1\npad=1", "size=5\nstride=1\npadding=2"),
        ("size=1\nstride=1\npad=1", "size=1\nbatch_normalize=0"),
        ("classes=2\nnum=3", "classes=2\nnew_coords=0\nscale_x_y = 1.00"),
        ("[upsample]", "[route]\nlayers=3\ngroups=2\ngroup_id=1\n[route]\nlayers=-2\n[upsample]"),
        ("layers=-1,3", "layers=3,-1"),
        ("[upsample]", "[route]\nlayers=5\ngroups=2\ngroup_id=1\n[convolutional]\nfilters=8\nsize=1\n"
         "activation=leaky\n[upsample]"),
    ],
)  # fmt: skip
def test_engines_agree_on_every_kind_of_layer(
    network_of: NetworkOf, small_cfg: str, tmp_path: Path, old: str, new: str
) -> None:
    assert old in small_cfg
    network = network_of(small_cfg.replace(old, new) if old else small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    assert_alike(network, *both(network, weights, person=1), count=3)


def test_small_variances_are_normalised_as_darknet_does(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    """OpenCV's reader adds 1e-6 to a variance where Darknet adds 1e-5; the engine makes up for it."""
    network = network_of(small_cfg)
    parameters = random_parameters(network, seed=2, least_variance=2e-5)
    assert_alike(network, *both(network, write_weights(tmp_path / "a.weights", parameters)))


def test_engines_agree_at_another_input_size(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg).with_input_size(160)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    assert_alike(network, *both(network, weights))


@pytest.mark.parametrize("engine", [torch_engine, opencv_engine])
def test_a_batch_is_its_images_one_by_one(network_of: NetworkOf, small_cfg: str, tmp_path: Path, engine) -> None:
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    detector = engine.load_detector(Loading(network, weights, 0, "cpu"))
    batch = noise(3, 64)
    alone = [detector.detect(image[None])[0] for image in batch]
    for expected, got in zip(alone, detector.detect(batch), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    for first, second in zip(detector.detect(batch), detector.detect(batch), strict=True):
        np.testing.assert_array_equal(first, second)


def decoded_by_hand(parameters: np.ndarray, image: np.ndarray, scale_x_y: float, new_coords: bool) -> np.ndarray:
    """Darknet's formula for ONE_HEAD: centre, size, score of class 1 for [row, column, anchor]."""
    bias, weight = parameters[:14], parameters[14:].reshape(14, 3)
    out = np.einsum("fc,chw->hwf", weight, image) + bias[None, None]
    out = out.reshape(32, 32, 2, 7).astype(np.float64)
    value = out if new_coords else 1 / (1 + np.exp(-out))
    cells = np.stack(np.meshgrid(np.arange(32), np.arange(32)), axis=-1)[:, :, None]
    centre = cells + value[..., :2] * scale_x_y - (scale_x_y - 1) / 2  # one cell is one pixel here
    anchors = np.array([[20, 30], [5, 6]])
    size = out[..., 2:4] ** 2 * 4 * anchors if new_coords else np.exp(out[..., 2:4]) * anchors
    rows = np.concatenate([centre - size / 2, centre + size / 2, value[..., 4:5] * value[..., 6:7]], axis=-1)
    return rows.reshape(-1, 5)


@pytest.mark.parametrize(("scale_x_y", "new_coords"), [(1.0, 0), (1.2, 0), (1.0, 1), (2.0, 1)])
def test_heads_are_decoded_as_darknet_does(
    network_of: NetworkOf, tmp_path: Path, scale_x_y: float, new_coords: int
) -> None:
    network = network_of(ONE_HEAD + f"scale_x_y={scale_x_y}\nnew_coords={new_coords}\n")
    parameters = random_parameters(network, seed=4)
    if new_coords:
        parameters = np.abs(parameters)  # such a network ends in a logistic; here scores must just be positive
    weights = write_weights(tmp_path / "a.weights", parameters)
    image = noise(1, 32)
    expected = decoded_by_hand(parameters, image[0], scale_x_y, bool(new_coords))
    got = opencv_engine.load_detector(Loading(network, weights, 1, "cpu")).detect(image)[0]
    np.testing.assert_allclose(got, expected[expected[:, 4] > SCORE_FLOOR], rtol=1e-4, atol=1e-3)
    if scale_x_y == 1 and not new_coords:
        by_torch = torch_engine.load_detector(Loading(network, weights, 1, "cpu")).detect(image)[0]
        by_anchor = expected.reshape(1024, 2, 5).transpose(1, 0, 2).reshape(-1, 5)
        np.testing.assert_allclose(by_torch, by_anchor, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("engine", [torch_engine, opencv_engine])
def test_sure_background_gives_no_candidates(network_of: NetworkOf, tmp_path: Path, engine) -> None:
    network = network_of(ONE_HEAD)
    parameters = np.zeros(network.parameter_count, "<f4")
    parameters[[4, 11]] = -20  # objectness of both anchors
    detector = engine.load_detector(Loading(network, write_weights(tmp_path / "a.weights", parameters), 0, "cpu"))
    assert [rows.shape for rows in detector.detect(noise(2, 32))] == [(0, 5), (0, 5)]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.weights", struct.pack("<4i", 0, 1, 0, 0)),
        ("a.weights", struct.pack("<5i", 0, 0, 0, 0, 0)),
        ("a.weights", struct.pack("<3iq", 1, 0, 0, 7)),
        ("a.conv.2", struct.pack("<3iq", 0, 2, 0, 7)),
    ],
    ids=["16-byte header", "pytorchyolo's own header", "version 1", "name with .conv."],
)
def test_headers_and_names_make_no_difference(
    network_of: NetworkOf, small_cfg: str, tmp_path: Path, name: str, header: bytes
) -> None:
    network = network_of(small_cfg)
    parameters = random_parameters(network, seed=2)
    usual = both(network, write_weights(tmp_path / "usual.weights", parameters))
    other = both(network, write_weights(tmp_path / name, parameters, header))
    for one, two in zip(usual, other, strict=True):
        np.testing.assert_array_equal(one.detect(noise(1, 64))[0], two.detect(noise(1, 64))[0])


@pytest.mark.parametrize("engine", [torch_engine, opencv_engine])
def test_weights_of_the_wrong_size_are_refused(network_of: NetworkOf, small_cfg: str, tmp_path: Path, engine) -> None:
    network = network_of(small_cfg)
    for parameters in (np.zeros(network.parameter_count + 1, "<f4"), np.zeros(network.parameter_count - 1, "<f4")):
        with pytest.raises(WeightsError, match="expected 4424 bytes"):
            engine.load_detector(Loading(network, write_weights(tmp_path / "a.weights", parameters), 0, "cpu"))


COMMON_REFUSALS = [
    ("pad=1\n", "pad=1\ndilation=2\n", "it does not do dilation=2"),
    ("pad=1\n", "pad=1\nantialiasing=1\n", "it does not do antialiasing=1"),
    ("pad=1\n", "pad=1\nstride_x=2\n", "it does not know the key 'stride_x'"),
    ("activation=leaky", "activation=relu", "it does not know the activation 'relu'"),
    ("activation=leaky", "activation=Leaky", "it does not know the activation 'Leaky'"),
    ("from=-2\nactivation=linear", "from=-2\nactivation=leaky", "it does not do activation=leaky here"),
    ("from=-2\n", "from=-2\nweights_type=per_channel\n", "it does not know the key 'weights_type'"),
    ("from=-2\n", "from=-2\nalpha=0.5\n", "it does not do alpha=0.5"),
    ("size=2\nstride=1", "size=2\nstride=1\npadding=0", "it does not know the key 'padding'"),
    ("size=2\nstride=1", "size=2\nstride=1\nmaxpool_depth=1", "it does not do maxpool_depth=1"),
    ("[upsample]\nstride=2", "[upsample]\nstride=2\nscale=0.5", "it does not do scale=0.5"),
    ("layers=-1,3", "layers=-1,3\ngroups=2", "it takes parts of several joined layers otherwise than Darknet"),
    ("mask=0", "mask=0\nmap=9k.map", "it does not know the key 'map'"),
]
TORCH_REFUSALS = [
    ("size=3\nstride=1\npad=1", "size=3\nstride=1\npad=1\ngroups=8", "pytorchyolo ignores groups=8"),
    ("size=3\nstride=4\npad=1", "size=4\nstride=4\npad=0", "pytorchyolo pads a 4x4 kernel by 1, the cfg asks for 0"),
    ("size=3\nstride=4\npad=1", "size=3\nstride=4\npad=0", "pytorchyolo pads a 3x3 kernel by 1, the cfg asks for 0"),
    ("[upsample]", "[dropout]\nprobability=.1\n[upsample]", "pytorchyolo does not know this section"),
    ("classes=2\nnum=3", "classes=2\nscale_x_y=1.05", "pytorchyolo ignores scale_x_y=1.05"),
    ("classes=2\nnum=3", "classes=2\nnew_coords=1", "pytorchyolo leaves the scores of new_coords=1 unscaled"),
    ("anchors=5,6, ", "anchors=5.5,6, ", "pytorchyolo reads whole anchors only"),
]


@pytest.mark.parametrize(("old", "new", "reason"), COMMON_REFUSALS + TORCH_REFUSALS)
def test_torch_refuses_what_it_would_get_wrong(
    network_of: NetworkOf, small_cfg: str, old: str, new: str, reason: str
) -> None:
    assert old in small_cfg
    network = network_of(small_cfg.replace(old, new, 1))
    refusal = torch_refusal(network)
    assert refusal is not None and refusal.startswith(reason) and "small.cfg:" in refusal
    with pytest.raises(ConfigError, match=r"the torch engine can't run small\.cfg exactly"):
        torch_engine.load_detector(Loading(network, DARKNET_FILE, 0, "cpu"))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [*COMMON_REFUSALS, ("classes=2\nnum=3", "classes=2\nnew_coords=2", "OpenCV knows new_coords 0 and 1 only")],
)
def test_opencv_refuses_what_it_would_get_wrong(
    network_of: NetworkOf, small_cfg: str, old: str, new: str, reason: str
) -> None:
    assert old in small_cfg
    network = network_of(small_cfg.replace(old, new, 1))
    refusal = opencv_refusal(network, DARKNET_FILE, "cpu")
    assert refusal is not None and refusal.startswith(reason) and "small.cfg:" in refusal
    with pytest.raises(ConfigError, match=r"the opencv engine can't run small\.cfg exactly"):
        opencv_engine.load_detector(Loading(network, DARKNET_FILE, 0, "cpu"))


def test_torch_refuses_a_grid_that_does_not_divide_the_input(network_of: NetworkOf) -> None:
    network = network_of(ONE_HEAD.replace("stride=1", "stride=3"))
    assert torch_refusal(network) == "pytorchyolo needs grids that divide the input, here 32 px"
    assert opencv_refusal(network, DARKNET_FILE, "cpu") is None


def test_opencv_does_what_torch_refuses(network_of: NetworkOf, small_cfg: str) -> None:
    for old, new, _ in TORCH_REFUSALS:
        assert opencv_refusal(network_of(small_cfg.replace(old, new, 1)), DARKNET_FILE, "cpu") is None


def test_opencv_refuses_checkpoints_and_cuda(network_of: NetworkOf, small_cfg: str) -> None:
    network = network_of(small_cfg)
    assert opencv_refusal(network, Path("a.pth"), "cpu") == "it reads Darknet weights, not the PyTorch checkpoint a.pth"
    assert opencv_refusal(network, DARKNET_FILE, "cuda") == "it runs on the CPU only (drop --device cuda)"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_is_not_there_is_refused(network_of: NetworkOf, small_cfg: str) -> None:
    with pytest.raises(UsageError, match="PyTorch sees no CUDA GPU"):
        torch_engine.load_detector(Loading(network_of(small_cfg), DARKNET_FILE, 0, "cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu(tmp_path: Path) -> None:
    network = read_network(MODELS / "yolov3.cfg")
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=1))
    detector = torch_engine.load_detector(Loading(network, weights, 0, "auto"))
    assert detector.device == "cuda"
    assert_alike(network, detector, opencv_engine.load_detector(Loading(network, weights, 0, "cpu")))


def checkpoint_of(network: DarknetNetwork, folder: Path) -> tuple[Detector, dict[str, torch.Tensor]]:
    weights = write_weights(folder / "a.weights", random_parameters(network, seed=2))
    detector = torch_engine.load_detector(Loading(network, weights, 0, "cpu"))
    model = torch_engine.build_model(network)
    torch_engine.load_weights(model, network, weights)
    return detector, dict(model.state_dict())


def test_checkpoint_gives_what_the_darknet_file_gives(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg)
    detector, state = checkpoint_of(network, tmp_path)
    torch.save(state, tmp_path / "a.pth")
    again = torch_engine.load_detector(Loading(network, tmp_path / "a.pth", 0, "cpu"))
    np.testing.assert_array_equal(again.detect(noise(1, 64))[0], detector.detect(noise(1, 64))[0])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("module_list.0.conv_0.weight", None, r"expected module_list\.0\.conv_0\.weight, which is missing"),
        ("module_list.0.conv_0.weight", torch.zeros(8, 3, 5, 5), r"expected \(8, 3, 3, 3\), got \(8, 3, 5, 5\)"),
        ("module_list.7.yolo_7.anchors", torch.ones(2, 2), "expected the anchors of the cfg, got others"),
        ("module_list.99.weight", torch.ones(2), r"got module_list\.99\.weight, which the cfg does not have"),
        ("module_list.0.conv_0.weight", torch.full((8, 3, 3, 3), torch.nan), "holds NaN or infinity"),
        ("epoch", 3, "epoch is no plain tensor"),
        ("path", Path("a"), "path is no plain tensor"),
    ],
)
def test_checkpoint_that_does_not_fit_is_refused(
    network_of: NetworkOf, small_cfg: str, tmp_path: Path, name: str, value: object, message: str
) -> None:
    network = network_of(small_cfg)
    _, state = checkpoint_of(network, tmp_path)
    changed: dict[str, object] = {**state, name: value}
    torch.save({key: kept for key, kept in changed.items() if kept is not None}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=message):
        torch_engine.load_detector(Loading(network, tmp_path / "a.pth", 0, "cpu"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "are not there"),
        (b"", "is empty"),
        (b"<html>", "is an HTML page"),
        (b"\x80\x02rest", "or no checkpoint"),
    ],
)
def test_file_that_is_no_checkpoint_is_refused(
    network_of: NetworkOf, small_cfg: str, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "a.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        torch_engine.load_detector(Loading(network_of(small_cfg), path, 0, "cpu"))


def test_loading_prints_nothing(
    network_of: NetworkOf, small_cfg: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    for detector in both(network, weights):
        detector.detect(noise(1, 64))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["yolo-fastest-1.1_body", "yolo-fastest-1.1-xl"])
def test_real_weights_find_the_tennis_player(shared: Path, name: str) -> None:
    network = read_network(shared / "weights" / f"{name}.cfg")
    weights = shared / "weights" / f"{name}.weights"
    detector = opencv_engine.load_detector(Loading(network, weights, person_class(network, None), "auto"))
    for photo, expected in (("tennis-00.jpg", [157, 49, 368, 404]), ("tennis-01.jpg", [64, 60, 327, 545])):
        picture = cv2.cvtColor(cv2.imread(str(shared / "photos" / photo)), cv2.COLOR_BGR2RGB)
        square, mapping = letterbox(picture, network.input_size)
        rows = detector.detect(square[None])[0]
        sure = rows[rows[:, 4] >= 0.5]
        people = boxes_to_image(sure[nms(sure[:, :4], sure[:, 4], 0.4), :4], mapping)
        assert iou_matrix(people, [expected]).max() > 0.75
