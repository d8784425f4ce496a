"""OpenPose's own networks by cv2.dnn: graphs, files, values; with weights written by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from caffe_files import caffemodel, flat_weights

from openpose_stage.engines.caffe import blob_of, load_caffe, require_caffe
from openpose_stage.engines.caffe_file import read_sizes, require_weights
from openpose_stage.engines.caffe_graph import INPUT, OUTPUT, CaffeGraph
from openpose_stage.layouts import COCO
from openpose_stage.model_files import CAFFE
from pose_contract.errors import ConfigError, WeightsError


def tiny_graph() -> CaffeGraph:
    """Three poolings, then 1 x 1 convolutions to COCO's maps."""
    graph = CaffeGraph(channels={INPUT: 3})
    blob = INPUT
    for number in (1, 2, 3):
        blob = graph.halved(blob, f"pool{number}")
    heatmaps = graph.convolution("heat", blob, 19, 1)
    fields = graph.convolution("paf", blob, 38, 1)
    graph.joined(OUTPUT, [heatmaps, fields])
    return graph


def tiny_weights(path: Path, seed: int = 0) -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    weights = {
        name: [rng.normal(0, 1, (out, 3, 1, 1)).astype(np.float32), rng.normal(0, 1, out).astype(np.float32)]
        for name, out in (("heat", 19), ("paf", 38))
    }
    path.write_bytes(caffemodel(weights))
    return weights


@pytest.mark.parametrize("norm", ["openpose", "seed"])
def test_a_small_network_computes_what_numpy_does(tmp_path: Path, norm: str) -> None:
    """Acceptance 7: order of colours, values, channels. Acceptance 3: an input of 551 x 368 gives maps of 69 x 46."""
    path = tmp_path / "tiny.caffemodel"
    weights = tiny_weights(path)
    assert path.stat().st_size < 1100
    network = load_caffe(tiny_graph(), COCO, path, norm)  # type: ignore[arg-type]
    picture = np.random.default_rng(1).integers(0, 256, (368, 551, 3), dtype=np.uint8)
    (maps,) = network.maps(picture[None])
    assert (len(maps.heatmaps), len(maps.fields), maps.size_wh) == (18, 38, (69, 46))
    bgr = picture[..., ::-1].astype(np.float64)
    values = bgr / 256 - 0.5 if norm == "openpose" else bgr / 255
    padded = np.full((368, 552, 3), -np.inf)
    padded[:, :551] = values
    pooled = padded.reshape(46, 8, 69, 8, 3).max(axis=(1, 3))
    for name, found, rows in (("heat", maps.heatmaps, slice(0, 18)), ("paf", maps.fields, slice(0, 38))):
        kernel, bias = weights[name]
        expected = np.einsum("hwc,oc->ohw", pooled, kernel[:, :, 0, 0].astype(np.float64)) + bias[:, None, None]
        assert np.abs(found - expected[rows]).max() <= 1e-5


def test_a_batch_is_its_pictures_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "tiny.caffemodel"
    tiny_weights(path)
    network = load_caffe(tiny_graph(), COCO, path, "openpose")
    pictures = np.random.default_rng(1).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    alone = [network.maps(picture[None])[0] for picture in pictures]
    for one, other in zip(network.maps(pictures), alone, strict=True):
        assert np.abs(one.heatmaps - other.heatmaps).max() < 1e-6 and np.abs(one.fields - other.fields).max() < 1e-6


def test_the_norms() -> None:
    picture = np.array([[[255, 128, 0]]], np.uint8)[None]
    assert blob_of(picture, "openpose").ravel() == pytest.approx([-0.5, 0, 255 / 256 - 0.5])
    assert blob_of(picture, "seed").ravel() == pytest.approx([0, 128 / 255, 1])


# The published files' sizes (weights.toml) are four bytes a number, and some for names and shapes; MPI's is not known.
SIZES = {"coco": 209_274_056, "mpi": None, "mpi-fast": None, "body25": 104_715_850}


@pytest.mark.parametrize(
    ("name", "convolutions", "parameters"),
    [("coco", 92, 52_311_446), ("mpi", 92, 51_481_032), ("mpi-fast", 64, 34_240_880), ("body25", 114, 26_166_084)],
)
def test_the_generated_graphs_are_the_published_networks(name: str, convolutions: int, parameters: int) -> None:
    graph, size = CAFFE[name].graph(), SIZES[name]
    assert len(re.findall(r'type: "Convolution"', graph.prototxt)) == convolutions
    assert graph.channels[OUTPUT] == CAFFE[name].layout.heatmaps + CAFFE[name].layout.fields
    assert sum(math.prod(shape) for shapes in graph.parameters.values() for shape in shapes) == parameters
    assert size is None or 0 < size - 4 * parameters < 100_000


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("coco", ["Mconv7_stage6_L2", "Mconv7_stage6_L1"]),
        ("mpi-fast", ["Mconv7_stage4_L2", "Mconv7_stage4_L1"]),
        ("body25", ["Mconv7_stage1_L1", "Mconv7_stage3_L2"]),
    ],
)
def test_heatmaps_come_before_fields(name: str, ends: list[str]) -> None:
    graph, layout = CAFFE[name].graph(), CAFFE[name].layout
    assert re.findall(r'bottom: "(\w+)"', graph.text[-1]) == ends
    assert [graph.channels[end] for end in ends] == [layout.heatmaps, layout.fields]


@pytest.mark.parametrize("name", ["mpi-fast", "body25"])
def test_opencv_runs_a_generated_graph(name: str, tmp_path: Path) -> None:
    """The whole network, on a small picture: all names, shapes and channels fit."""
    model, path = CAFFE[name], tmp_path / "flat.caffemodel"
    path.write_bytes(caffemodel(flat_weights(model.graph().parameters)))
    network = load_caffe(model.graph(), model.layout, path, "openpose")
    (maps,) = network.maps(np.zeros((1, 64, 88, 3), np.uint8))
    assert maps.heatmaps.shape == (model.layout.parts, 8, 11) and maps.fields.shape == (model.layout.fields, 8, 11)


HEAT = ((19, 3, 1, 1), (19,))
PAF = ((38, 3, 1, 1), (38,))


def spoilt(path: Path, how: str) -> None:
    good = path.read_bytes()
    data = {
        "html": b"<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>",
        "html later": b"\n\n  <html>not found</html>",
        "empty": b"",
        "garbage": np.random.default_rng(0).bytes(5000),
        "text": b"404: not found, try another mirror",
        "cut off": good[:-7],
        "half": good[: len(good) // 2],
        "zeros": bytes(5000),
        "foreign": caffemodel(flat_weights({"fc6": ((100,), (10,)), "conv9": ((20,),)})),
        "one layer": caffemodel(flat_weights({"heat": HEAT})),
        "other sizes": caffemodel(flat_weights({"heat": HEAT, "paf": ((38, 3, 1, 1), (37,))})),
        "no blobs": caffemodel({"heat": [], "paf": []}),
    }[how]
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("html", "is a web page"),
        ("html later", "is a web page"),
        ("empty", "is empty"),
        ("garbage", "damaged or no caffemodel"),
        ("text", "damaged or no caffemodel"),
        ("cut off", "damaged or no caffemodel"),
        ("half", "damaged or no caffemodel|have no weights"),
        ("zeros", "damaged or no caffemodel"),
        ("foreign", "2 of 2 layers have no weights in it: heat, paf"),
        ("one layer", "1 of 2 layers have no weights in it: paf"),
        ("other sizes", r"layer paf has \[114, 37\] weights instead of \[114, 38\]"),
        ("no blobs", "2 of 2 layers have no weights"),
    ],
)
def test_files_that_are_no_weights_of_the_network_are_refused(tmp_path: Path, how: str, reason: str) -> None:
    path = tmp_path / "tiny.caffemodel"
    tiny_weights(path)
    require_weights(path, tiny_graph().parameters)
    spoilt(path, how)
    with pytest.raises(WeightsError, match=reason) as error:
        load_caffe(tiny_graph(), COCO, path, "openpose")
    assert error.value.remedy


def test_a_file_that_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.caffemodel", tmp_path):
        with pytest.raises(WeightsError, match=r"no such weights file|cannot be read"):
            read_sizes(path)


def test_both_formats_of_caffe_are_read(tmp_path: Path) -> None:
    weights = flat_weights({"heat": HEAT, "paf": PAF})
    for old in (False, True):
        path = tmp_path / f"{old}.caffemodel"
        path.write_bytes(caffemodel(weights, old))
        assert read_sizes(path) == {"heat": (57, 19), "paf": (114, 38)}


def test_weights_in_the_right_number_and_the_wrong_shape_are_refused_when_they_compute(tmp_path: Path) -> None:
    path = tmp_path / "flat.caffemodel"
    path.write_bytes(caffemodel(flat_weights({"heat": ((57,), (19,)), "paf": PAF})))
    network = load_caffe(tiny_graph(), COCO, path, "openpose")
    with pytest.raises(WeightsError, match="OpenCV can't run the network"):
        network.maps(np.zeros((1, 64, 64, 3), np.uint8))


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.caffemodel"
    tiny_weights(path)
    good = path.read_bytes()
    for length in range(0, len(good), 13):
        path.write_bytes(good[:length])
        with pytest.raises(WeightsError):
            require_weights(path, tiny_graph().parameters)


@pytest.mark.parametrize(
    ("version", "reads"), [("4.11.0", True), ("4.99", True), ("5.0.0", False), ("6.1.0-dev", False)]
)
def test_opencv_5_reads_no_caffe_networks(version: str, reads: bool) -> None:
    if reads:
        require_caffe(version)
    else:
        with pytest.raises(ConfigError, match=f"OpenCV {version} no longer reads Caffe"):
            require_caffe(version)
