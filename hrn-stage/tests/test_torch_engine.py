import argparse
import collections
import importlib.util
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make setup TORCH=1")


from hrn_stage.config import read_config
from hrn_stage.decode import decode, keypoints_to_image, merge_flipped
from hrn_stage.engines.fusion import fuse_batch_norms
from hrn_stage.engines.torch import load_estimator
from hrn_stage.network import build_network
from hrn_stage.preprocess import affine_image_to_input, center_and_scale, normalize, warp_person
from pose_contract.errors import UsageError, WeightsError
from pose_contract.skeletons import MPII16


@pytest.fixture
def parameters(tiny_model):
    generator = torch.Generator().manual_seed(0)
    return {
        key: torch.rand(value.shape, generator=generator) * 0.2 if value.is_floating_point() else torch.tensor(7)
        for key, value in build_network(tiny_model).state_dict().items()
    }


@pytest.fixture
def inputs(rng):
    return rng.standard_normal((2, 3, 96, 64)).astype(np.float32)


@pytest.fixture
def expected(tiny_model, parameters, inputs):
    network = build_network(tiny_model)
    network.load_state_dict(parameters)
    with torch.inference_mode():
        return network(torch.from_numpy(inputs)).numpy()


def saved(folder: Path, content: object, **options: object) -> Path:
    path = folder / "weights.pth"
    torch.save(content, path, **options)
    return path


def mmpose(parameters, head):
    return {(head if key.startswith("final_layer") else "backbone.") + key: v for key, v in parameters.items()}


class Foreign:
    """What another program keeps beside the weights: an object of a class that is not installed here."""

    def __init__(self):
        self.values = np.arange(3.0)
        self.method = self.mean

    def mean(self):
        return self.values.mean()


LAYOUTS = {
    "official": lambda p: p,
    "ordered": collections.OrderedDict,
    "data_parallel": lambda p: {f"module.{key}": value for key, value in p.items()},
    "training": lambda p: {
        "epoch": 3,
        "model": "pose_hrnet",
        "state_dict": {f"module.{key}": value for key, value in p.items()},
        "perf": 0.9,
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]},
    },
    "mmpose0": lambda p: {"meta": {"epoch": 210}, "state_dict": mmpose(p, "keypoint_head.")},
    "mmpose1": lambda p: {
        "meta": {"time": "x"},
        "state_dict": {
            "data_preprocessor.mean": torch.zeros(3, 1, 1),
            "data_preprocessor.std": torch.ones(3, 1, 1),
            **mmpose(p, "head."),
        },
    },
    "without_counters": lambda p: {key: v for key, v in p.items() if not key.endswith("num_batches_tracked")},
    "double": lambda p: {key: v.double() if v.is_floating_point() else v for key, v in p.items()},
    "trained_parameters": lambda p: {
        key: torch.nn.Parameter(v) if v.is_floating_point() else v for key, v in p.items()
    },
    "numpy_facts": lambda p: {"meta": {"perf": np.float64(0.9), "history": np.arange(3)}, "state_dict": p},
    "options": lambda p: {"args": argparse.Namespace(lr=1e-3), "state_dict": p},
}


@pytest.mark.parametrize("old_format", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, tiny_model, parameters, inputs, expected, layout, old_format):
    path = saved(tmp_path, LAYOUTS[layout](parameters), _use_new_zipfile_serialization=not old_format)
    estimator = load_estimator(tiny_model, path, "cpu")
    np.testing.assert_allclose(estimator.heatmaps(inputs), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_batch_norms_are_folded(tmp_path, tiny_model, parameters, inputs, expected):
    estimator = load_estimator(tiny_model, saved(tmp_path, parameters), "cpu")
    assert not [module for module in estimator.network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    np.testing.assert_allclose(estimator.heatmaps(inputs), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_a_batch_norm_that_follows_no_convolution_stays():
    block = torch.nn.Module()
    block.conv1, block.relu, block.bn1 = torch.nn.Conv2d(2, 2, 1), torch.nn.ReLU(), torch.nn.BatchNorm2d(2)
    block.row = torch.nn.Sequential(torch.nn.BatchNorm2d(2), torch.nn.Conv2d(2, 2, 1), torch.nn.BatchNorm2d(2))
    assert fuse_batch_norms(block.eval()) == 2
    assert isinstance(block.bn1, torch.nn.BatchNorm2d) and isinstance(block.row[0], torch.nn.BatchNorm2d)
    assert isinstance(block.row[2], torch.nn.Identity)


def test_bf16_is_near_and_says_so(tmp_path, tiny_model, parameters, inputs, expected):
    estimator = load_estimator(tiny_model, saved(tmp_path, parameters), "cpu", "bf16")
    result = estimator.heatmaps(inputs)
    assert estimator.precision == "bf16" and result.dtype == np.float32
    assert 0 < np.abs(result - expected).max() < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize("old_format", [False, True], ids=["zip", "legacy"])
def test_a_class_that_is_not_here_becomes_inert(tmp_path, tiny_model, parameters, inputs, expected, old_format):
    module = sys.modules["elsewhere"] = type(sys)("elsewhere")
    Foreign.__module__, Foreign.__qualname__ = "elsewhere", "Foreign"
    module.Foreign = Foreign
    try:
        content = {"message_hub": {"loss": Foreign()}, "state_dict": parameters}
        path = saved(tmp_path, content, _use_new_zipfile_serialization=not old_format)
    finally:
        del sys.modules["elsewhere"]
    result = load_estimator(tiny_model, path, "cpu").heatmaps(inputs)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


class Trap:
    """Runs a function when unpickled, if the reader lets it."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("old_format", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("function", ["system", "open", "exec"])
def test_nothing_in_a_file_is_executed(tmp_path, tiny_model, parameters, function, old_format):
    proof = tmp_path / "proof"
    trap = {
        "system": Trap(os.system, f"touch {proof}"),
        "open": Trap(open, str(proof), "w"),
        "exec": Trap(exec, f"open({str(proof)!r}, 'w')"),
    }[function]
    content = {"meta": trap, "state_dict": parameters}
    path = saved(tmp_path, content, _use_new_zipfile_serialization=not old_format)
    load_estimator(tiny_model, path, "cpu")
    assert not proof.exists()


def test_half_precision_becomes_single(tmp_path, tiny_model, parameters, inputs, expected):
    path = saved(tmp_path, {key: v.half() if v.is_floating_point() else v for key, v in parameters.items()})
    estimator = load_estimator(tiny_model, path, "cpu")
    assert estimator.heatmaps(inputs).dtype == np.float32
    np.testing.assert_allclose(estimator.heatmaps(inputs), expected, atol=1e-2 * np.abs(expected).max())


def without(key):
    return lambda p: {name: value for name, value in p.items() if name != key}


MISFITS = {
    "missing": (without("conv1.weight"), ["missing conv1.weight"]),
    "counter_is_no_excuse": (without("bn1.running_var"), ["missing bn1.running_var"]),
    "many": (
        lambda p: {key: v for key, v in p.items() if not key.startswith("stage4")},
        ["missing stage4.0", "and ", " more"],
    ),
    "unexpected": (lambda p: {**p, "stage5.weight": torch.zeros(1)}, ["unexpected stage5.weight"]),
    "shape": (
        lambda p: {**p, "conv2.weight": torch.zeros(64, 64, 1, 1)},
        ["shape of conv2.weight [64, 64, 1, 1] instead of [64, 64, 3, 3]"],
    ),
    "keypoints": (
        lambda p: {**p, "final_layer.weight": torch.zeros(17, 4, 1, 1), "final_layer.bias": torch.zeros(17)},
        ["final_layer.weight", "17 keypoints", "NUM_JOINTS"],
    ),
    "imagenet": (
        lambda p: {**{k: v for k, v in p.items() if "final_layer" not in k}, "classifier.weight": torch.zeros(2, 2)},
        ["missing final_layer.weight", "unexpected classifier.weight", "ImageNet"],
    ),
    "twice": (lambda p: {**p, "module.conv1.weight": p["conv1.weight"]}, ["two parameters", "conv1.weight"]),
    "no_tensor": (lambda p: {**p, "bn1.bias": [1.0]}, ["bn1.bias", "no plain tensor", "list"]),
    "nan": (lambda p: {**p, "bn1.bias": torch.full((64,), torch.nan)}, ["bn1.bias", "NaN"]),
    "infinity": (lambda p: {**p, "bn1.bias": torch.full((64,), torch.inf)}, ["bn1.bias", "infinity"]),
    "empty": (lambda _: {}, ["no state dict"]),
    "list": (lambda p: list(p.values()), ["no state dict", "list"]),
    "tensor": (lambda _: torch.zeros(3), ["no state dict", "Tensor"]),
    "whole_module": (lambda _: torch.nn.Linear(2, 2), ["weights.pth"]),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_a_checkpoint_that_does_not_fit(tmp_path, tiny_model, parameters, misfit):
    change, words = MISFITS[misfit]
    with pytest.raises(WeightsError) as caught:
        load_estimator(tiny_model, saved(tmp_path, change(parameters)), "cpu")
    assert caught.value.remedy
    for word in ["weights.pth", *words]:
        assert word in str(caught.value)


def damage(data: bytes, how: str) -> bytes:
    return {
        "empty": b"",
        "spaces": b"\n  \n",
        "html": b"\n<!DOCTYPE html><html>Sign in</html>",
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "text": b"not found\n",
        "noise": bytes(range(256)) * 40,
        "half": data[: len(data) // 2],
        "last_byte": data[:-1],
        "header": data[:100],
        "flipped": data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :],
        "pickle": pickle.dumps({"a": 1}, protocol=4),
    }[how]


# What a download that went wrong is told to be; the others are just damaged.
DAMAGE = {"empty": "is empty", "spaces": "is empty", "html": "is a web page", "lfs": "is a Git LFS pointer"}


@pytest.mark.parametrize("old_format", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "how", ["empty", "spaces", "html", "lfs", "text", "noise", "half", "last_byte", "header", "flipped", "pickle"]
)
def test_a_damaged_file(tmp_path, tiny_model, parameters, how, old_format):
    if old_format and how == "flipped":
        pytest.skip("the old format has no check sums; the fetcher's sha256 is what guards it")
    path = saved(tmp_path, parameters, _use_new_zipfile_serialization=not old_format)
    path.write_bytes(damage(path.read_bytes(), how))
    with pytest.raises(WeightsError) as caught:
        load_estimator(tiny_model, path, "cpu")
    assert str(path) in caught.value.reason
    assert DAMAGE.get(how, "damaged") in caught.value.reason
    assert caught.value.remedy


def test_a_zip_that_is_no_checkpoint(tmp_path, tiny_model):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", b"x")
    with pytest.raises(WeightsError, match=r"photos\.zip"):
        load_estimator(tiny_model, path, "cpu")


@pytest.mark.parametrize("name", ["nowhere.pth", ""])
def test_no_file(tmp_path, tiny_model, name):
    with pytest.raises(WeightsError):
        load_estimator(tiny_model, tmp_path / name, "cpu")


def test_nobody_in_the_batch(tmp_path, tiny_model, parameters):
    estimator = load_estimator(tiny_model, saved(tmp_path, parameters), "cpu")
    assert estimator.heatmaps(np.zeros((0, 3, 96, 64), np.float32)).shape == (0, 16, 24, 16)


def test_the_same_batch_gives_the_same_bytes(tmp_path, tiny_model, parameters, inputs):
    path = saved(tmp_path, parameters)
    first = load_estimator(tiny_model, path, "cpu")
    again = load_estimator(tiny_model, path, "cpu")
    assert (first.name, first.device, first.precision) == ("torch", "cpu", "fp32")
    assert first.heatmaps(inputs).tobytes() == first.heatmaps(inputs).tobytes() == again.heatmaps(inputs).tobytes()


def test_heatmaps_that_are_not_finite(tmp_path, tiny_model, parameters, inputs):
    # Every parameter is finite, and yet their products overflow.
    parameters["final_layer.weight"] = torch.full_like(parameters["final_layer.weight"], 3e38)
    estimator = load_estimator(tiny_model, saved(tmp_path, parameters), "cpu")
    with pytest.raises(WeightsError, match="NaN or infinity"):
        estimator.heatmaps(inputs * 1e6)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_no_gpu(tmp_path, tiny_model, parameters):
    path = saved(tmp_path, parameters)
    with pytest.raises(UsageError, match="CUDA"):
        load_estimator(tiny_model, path, "cuda")
    assert load_estimator(tiny_model, path, "auto").device == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_the_gpu_gives_the_same_heatmaps(tmp_path, tiny_model, parameters, inputs, expected):
    estimator = load_estimator(tiny_model, saved(tmp_path, parameters), "auto")
    assert estimator.device == "cuda"
    result = estimator.heatmaps(inputs)
    assert np.abs(result - expected).max() <= 1e-4 * np.abs(expected).max()
    assert result.tobytes() == estimator.heatmaps(inputs).tobytes()


def test_w32_gives_the_published_numbers(shared, tmp_path):
    reference = shared / "reference"
    spec = importlib.util.spec_from_file_location("fill", reference / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    keys = json.loads((reference / "hrnet_w32_mpii_256x256_keys.json").read_text())["parameters"]
    filled = {key: torch.from_numpy(np.asarray(value)) for key, value in module.fill(keys).items()}
    model = read_config(shared / "seed/w32_256x256_adam_lr1e-3.yaml").MODEL
    estimator = load_estimator(model, saved(tmp_path, filled), "cpu")
    inputs = np.random.default_rng(0).standard_normal((2, 3, 256, 256)).astype(np.float32)
    published = np.load(reference / "hrnet_w32_mpii_256x256.npz")

    straight = estimator.heatmaps(inputs)
    mirrored = estimator.heatmaps(np.ascontiguousarray(inputs[..., ::-1]))
    merged = merge_flipped(straight, mirrored, MPII16.mirror_index, shift=True)
    for ours, name in ((straight, "heatmaps"), (merged, "heatmaps_flip_shift")):
        assert np.abs(ours - published[name]).max() <= 1e-4 * np.abs(published[name]).max(), name
    for heatmaps, flip in ((straight, "noflip"), (merged, "flip")):
        for method, post in (("argmax", "raw"), ("quarter", "post")):
            in_heatmap, scores = decode(heatmaps, method)
            keypoints = keypoints_to_image(in_heatmap, published["center"], published["scale"], (64, 64))
            assert np.abs(keypoints - published[f"preds_{flip}_{post}"]).max() <= 0.01
            peak = np.abs(published[f"maxvals_{flip}"]).max()
            assert np.abs(scores - published[f"maxvals_{flip}"][..., 0]).max() <= 1e-4 * peak


def test_lite_photos(shared):
    config = read_config(shared / "weights/hrnet_lite_mpii16_128x128.yaml")
    estimator = load_estimator(config.MODEL, shared / "weights" / config.MODEL.PRETRAINED, "cpu")
    rows = json.loads((shared / "reference/lite_photos.json").read_text())
    assert rows
    for row in rows:
        picture = cv2.cvtColor(cv2.imread(str(shared / "photos" / row["image"])), cv2.COLOR_BGR2RGB)
        x, y, width, height = row["box_xywh"]
        center, scale = center_and_scale((x, y, x + width, y + height), config.MODEL.IMAGE_SIZE)
        affine = affine_image_to_input(center, scale, config.MODEL.IMAGE_SIZE)
        inputs = normalize(warp_person(picture, affine, config.MODEL.IMAGE_SIZE)[None], config.DATASET.COLOR_RGB)
        mirrored = estimator.heatmaps(np.ascontiguousarray(inputs[..., ::-1]))
        heatmaps = merge_flipped(estimator.heatmaps(inputs), mirrored, MPII16.mirror_index, config.TEST.SHIFT_HEATMAP)
        in_heatmap, scores = decode(heatmaps, config.TEST.DECODE)
        keypoints = keypoints_to_image(in_heatmap, center[None], scale[None], config.MODEL.HEATMAP_SIZE)
        assert np.abs(keypoints[0] - row["keypoints_xy"]).max() <= 0.01, row["image"]
        assert np.abs(scores[0] - row["scores"]).max() <= 1e-3, row["image"]


def test_a_wider_network_does_not_fit(shared):
    w48 = read_config(shared / "reference/published-yaml/mpii_w48_256x256_adam_lr1e-3.yaml").MODEL
    with pytest.raises(WeightsError, match=r"transition1\.0\.0\.weight|missing"):
        load_estimator(w48, shared / "weights/hrnet_lite_mpii16_128x128.pth", "cpu")
