"""The OpenVINO engine against the other two, and the cache of converted networks."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from darknet_files import MODELS, load_torch_detector, random_parameters, write_weights

from pose_contract.errors import ConfigError, UsageError
from stage_kit.networks.openvino import cache_folders, cached_model, cached_note, keep_model
from stage_kit.networks.precision import choose_precision, has_bf16, may_have_cuda
from stage_kit.pictures.boxes import iou_matrix
from stage_kit.pictures.images import read_image
from stage_kit.pictures.letterbox import letterbox
from yolo_stage.darknet import DarknetNetwork, read_network
from yolo_stage.detector import Detector
from yolo_stage.engines import opencv as opencv_engine
from yolo_stage.engines import openvino as openvino_engine
from yolo_stage.loading import Loading

NetworkOf = Callable[[str], DarknetNetwork]
JOINED = "[route]\nlayers=-1,-2\n[route]\nlayers=-1\ngroups=2\ngroup_id=1\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


def noise(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(7).uniform(0, 1, (count, 3, size, size)).astype(np.float32)


def assert_alike(expected: Detector, got: Detector, batch: np.ndarray, pixels: float) -> None:
    """The same candidates, in whatever order. Those at the floor of the score may be on either side of it."""
    for one, other in zip(expected.detect(batch), got.detect(batch), strict=True):
        sure = one[one[:, 4] > 0.0011]
        assert len(sure), "the test needs candidates"
        distance = np.abs(sure[:, None] - other[None])
        nearest = (distance * [1, 1, 1, 1, 1000]).max(axis=2).argmin(axis=1)
        worst = distance[np.arange(len(sure)), nearest].max(axis=0)
        assert worst[:4].max() < pixels and worst[4] < 1e-4, worst
        assert (other[:, 4] > 0.0011).sum() == len(sure)


@pytest.mark.parametrize(
    "changes",
    [
        (),
        (("activation=leaky", "activation=mish"),),
        (("activation=leaky", "activation=swish"),),
        (("activation=leaky", "activation=logistic"),),
        (("batch_normalize=1\n", ""),),
        (("[shortcut]\nfrom=-2", JOINED + "[shortcut]\nfrom=-3"), ("layers=-1,3", "layers=-1,5")),
    ],
    ids=["plain", "mish", "swish", "logistic", "biases", "route of groups"],
)  # fmt: skip
def test_the_graph_is_that_of_the_other_engines(
    changes: tuple[tuple[str, str], ...], network_of: NetworkOf, small_cfg: str, tmp_path: Path
) -> None:
    for old, new in changes:
        small_cfg = small_cfg.replace(old, new)
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    got = openvino_engine.load_detector(Loading(network, weights, 1, "cpu"))
    assert (got.name, got.device, got.precision, got.input_size) == ("openvino", "cpu", "fp32", 64)
    assert_alike(load_torch_detector()(Loading(network, weights, 1, "cpu")), got, noise(3, 64), 1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        (("size=3\nstride=1\npad=1", "size=3\nstride=1\npad=1\ngroups=8"),),
        (("classes=2", "classes=2\nscale_x_y=1.05"),),
    ],
    ids=["groups", "scale_x_y"],
)
def test_what_torch_cannot_do_is_that_of_opencv(
    changes: tuple[tuple[str, str], ...], network_of: NetworkOf, small_cfg: str, tmp_path: Path
) -> None:
    for old, new in changes:
        small_cfg = small_cfg.replace(old, new)
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    got = openvino_engine.load_detector(Loading(network, weights, 1, "cpu"))
    assert_alike(opencv_engine.load_detector(Loading(network, weights, 1, "cpu")), got, noise(2, 64), 1e-3)


def test_new_coords(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    """OpenCV's reading of Darknet's newer heads: activated before, sides squared."""
    text = small_cfg.replace("activation=linear\n[yolo]", "activation=logistic\n[yolo]")
    network = network_of(text.replace("classes=2", "classes=2\nnew_coords=1\nscale_x_y=2"))
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    got = openvino_engine.load_detector(Loading(network, weights, 1, "cpu"))
    assert_alike(opencv_engine.load_detector(Loading(network, weights, 1, "cpu")), got, noise(2, 64), 1e-3)


@pytest.mark.parametrize("name", ["yolov3-tiny"])
def test_our_own_cfgs(name: str, tmp_path: Path) -> None:
    network = read_network(MODELS / f"{name}.cfg").with_input_size(160)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=4))
    got = openvino_engine.load_detector(Loading(network, weights, 0, "cpu"))
    assert_alike(load_torch_detector()(Loading(network, weights, 0, "cpu")), got, noise(1, 160), 0.02)


@pytest.mark.parametrize("name", ["yolo-fastest-1.1_body", "yolo-fastest-1.1-xl"])
def test_real_weights_on_real_photos(shared: Path, name: str) -> None:
    network = read_network(shared / "weights" / f"{name}.cfg")
    weights = shared / "weights" / f"{name}.weights"
    got = openvino_engine.load_detector(Loading(network, weights, 0, "cpu"))
    expected = opencv_engine.load_detector(Loading(network, weights, 0, "cpu"))
    for photo in sorted((shared / "photos").glob("*.jpg")):
        square, _ = letterbox(read_image(photo), network.input_size)
        assert_alike(expected, got, square[None], 0.1)


def test_rows_do_not_depend_on_the_batch(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    detector = openvino_engine.load_detector(Loading(network, weights, 0, "cpu"))
    batch = noise(7, 64)
    together = detector.detect(batch)
    for row, expected in enumerate(together):
        np.testing.assert_array_equal(detector.detect(batch[row : row + 1])[0], expected)
    assert detector.detect(batch[:0]) == []


def test_bf16_is_near(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    if not has_bf16():
        pytest.skip("this CPU has no bf16")
    exact = openvino_engine.load_detector(Loading(network, weights, 0, "cpu", "fp32")).detect(noise(1, 64))[0]
    near = openvino_engine.load_detector(Loading(network, weights, 0, "cpu", "bf16")).detect(noise(1, 64))[0]
    assert len(exact) == len(near) and not np.array_equal(exact, near), "bf16 must be what it says"
    assert np.diag(iou_matrix(exact[:, :4], near[:, :4])).min() > 0.85


def test_the_cache_holds_the_network_and_is_used(
    cache: Path, network_of: NetworkOf, small_cfg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    first = openvino_engine.load_detector(Loading(network, weights, 0, "cpu")).detect(noise(1, 64))[0]
    (entry,) = cache.iterdir()
    assert sorted(path.name for path in entry.iterdir()) == [
        "calibration.txt",
        "network.bin",
        "network.xml",
        "note.txt",
        "sha256.txt",
    ]
    with monkeypatch.context() as patch:
        patch.setattr(openvino_engine, "build_graph", None)
        again = openvino_engine.load_detector(Loading(network, weights, 0, "cpu")).detect(noise(1, 64))[0]
    np.testing.assert_array_equal(first, again)
    other = write_weights(tmp_path / "b.weights", random_parameters(network, seed=3))
    openvino_engine.load_detector(Loading(network, other, 0, "cpu"))
    openvino_engine.load_detector(Loading(network.with_input_size(96), weights, 0, "cpu"))
    openvino_engine.load_detector(Loading(network_of(small_cfg.replace("leaky", "mish")), weights, 0, "cpu"))
    assert len(list(cache.iterdir())) == 4, "other weights, sizes and cfgs are other networks"


def test_a_damaged_cache_entry_is_made_anew(cache: Path, network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    first = openvino_engine.load_detector(Loading(network, weights, 0, "cpu")).detect(noise(1, 64))[0]
    (entry,) = cache.iterdir()
    for name in ("network.xml", "network.bin"):
        (entry / name).write_bytes((entry / name).read_bytes()[:50])
        again = openvino_engine.load_detector(Loading(network, weights, 0, "cpu")).detect(noise(1, 64))[0]
        np.testing.assert_array_equal(first, again)
        assert (entry / name).stat().st_size > 50


def test_a_cache_that_cannot_be_written_costs_a_warning(
    cache: Path, network_of: NetworkOf, small_cfg: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.parent.write_text("a file where the folder should be")
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    assert len(openvino_engine.load_detector(Loading(network, weights, 0, "cpu")).detect(noise(1, 64)))
    assert capsys.readouterr().err.count("can't be kept") == 1


def test_a_cache_that_may_not_be_entered_costs_a_warning(
    cache: Path, network_of: NetworkOf, small_cfg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_args: object, **_options: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", denied)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert cached_model("any") is None and cached_note("any") == ""
    monkeypatch.setattr(Path, "mkdir", denied)
    keep_model("any", None)


def test_what_a_killed_process_left_is_swept_a_day_later(
    cache: Path, network_of: NetworkOf, small_cfg: str, tmp_path: Path
) -> None:
    for name in (".old", ".new"):
        (cache / name).mkdir(parents=True)
    os.utime(cache / ".old", (1e9, 1e9))
    network = network_of(small_cfg)
    openvino_engine.load_detector(
        Loading(network, write_weights(tmp_path / "a.weights", random_parameters(network, seed=2)), 0, "cpu")
    )
    assert [path.name for path in cache.iterdir() if path.name.startswith(".")] == [".new"]


def test_two_at_once_may_convert_the_same_network(
    cache: Path, network_of: NetworkOf, small_cfg: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    loading = Loading(network, weights, 0, "cpu")
    threads = [threading.Thread(target=openvino_engine.load_detector, args=(loading,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(cache.iterdir())) == 1
    assert capsys.readouterr().err == ""


def test_the_environments_own_cache_is_read_too(
    cache: Path, network_of: NetworkOf, small_cfg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(small_cfg)
    weights = write_weights(tmp_path / "a.weights", random_parameters(network, seed=2))
    openvino_engine.load_detector(Loading(network, weights, 0, "cpu"))
    monkeypatch.setattr("sys.prefix", str(tmp_path / "prefix"))
    (tmp_path / "prefix" / "share" / "pose-estimation").mkdir(parents=True)
    cache.rename(tmp_path / "prefix" / "share" / "pose-estimation" / "openvino")
    monkeypatch.setattr(openvino_engine, "build_graph", None)
    assert len(openvino_engine.load_detector(Loading(network, weights, 0, "cpu")).detect(noise(1, 64)))


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POSE_CACHE", "/somewhere")
    assert cache_folders()[0] == Path("/somewhere")
    monkeypatch.delenv("POSE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folders()[0] == tmp_path / "pose-estimation"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_folders()[0] == Path("/home/me/.cache/pose-estimation")
    monkeypatch.delenv("HOME")
    assert cache_folders()[0] == Path(tempfile.gettempdir(), "pose-estimation")


def test_a_gpu_is_looked_for_before_torch_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"/dev/nvidiactl"}
    monkeypatch.setattr(Path, "exists", lambda path: str(path) in there)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert may_have_cuda()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not may_have_cuda()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    there.clear()
    assert not may_have_cuda()


def test_refusals(network_of: NetworkOf, small_cfg: str) -> None:
    for weights, device, message in ((Path("a.pth"), "cpu", "checkpoint"), (Path("a.weights"), "cuda", "CPU only")):
        with pytest.raises(ConfigError, match=message):
            openvino_engine.load_detector(Loading(network_of(small_cfg), weights, 0, device))


def test_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stage_kit.networks.precision.bf16_losses", lambda: {"good": 0.05, "bad": 0.3})
    monkeypatch.setattr("stage_kit.networks.precision.has_bf16", lambda: True)
    assert choose_precision("auto", "openvino", "good") == ("bf16", "it costs 0.05 points")
    assert choose_precision("auto", "openvino", "bad")[0] == "fp32"
    assert choose_precision("auto", "openvino", "unknown")[0] == "fp32"
    assert choose_precision("auto", "torch", "good")[0] == "fp32"
    assert choose_precision("bf16", "openvino", "unknown") == ("bf16", "requested")
    assert choose_precision("fp32", "openvino", "good") == ("fp32", "requested")
    assert choose_precision("bf16", "torch", "good") == ("bf16", "requested")
    with pytest.raises(UsageError, match="the torch engine computes in fp32 and bf16 only"):
        choose_precision("int8", "torch", "good")
    with pytest.raises(UsageError, match="the opencv engine computes in fp32 only"):
        choose_precision("bf16", "opencv", "good")
    assert choose_precision("int8", "openvino", "good") == ("int8", "requested")
    monkeypatch.setattr("stage_kit.networks.precision.has_bf16", lambda: False)
    with pytest.raises(UsageError, match="no bf16 arithmetic"):
        choose_precision("bf16", "openvino", "good")
    monkeypatch.setattr("stage_kit.networks.precision.may_have_cuda", lambda: False)
    with pytest.raises(UsageError, match="no bf16 arithmetic"):
        choose_precision("bf16", "torch", "good")
    monkeypatch.setattr("stage_kit.networks.precision.may_have_cuda", lambda: True)
    assert choose_precision("bf16", "torch", "good")[0] == "bf16", "the GPU has it"
    assert choose_precision("auto", "openvino", "good") == ("fp32", "this CPU has no bf16")


def test_detecting_imports_no_torch(network_of: NetworkOf, small_cfg: str, tmp_path: Path) -> None:
    network = network_of(small_cfg)
    write_weights(tmp_path / "small.weights", random_parameters(network, seed=2))
    code = f"""
import sys
from pathlib import Path
import numpy as np
from yolo_stage.model_files import plan_detector
from yolo_stage.options import ModelOptions
from yolo_stage.loading import Loading
names = Path({str(tmp_path)!r}, "names"); names.write_text("person\\ncar")
weights = Path({str(tmp_path)!r}, "small.weights")
plan = plan_detector(ModelOptions(weights_path=weights, class_path=names, device="cpu"))
plan.load(tuple).detect(np.zeros((1, 3, 64, 64), np.float32))
assert plan.engine == "openvino" and "torch" not in sys.modules, plan.engine
"""
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "HOME": str(home)})
    assert list(home.iterdir()) == [], "OpenVINO's telemetry must not have run"


TWO_NETWORKS_GO_IN_THE_ORDER_OF_THEIR_COMING = """
import gc, os, signal
import numpy as np
from stage_kit.networks.openvino import compile_network, import_openvino
openvino = import_openvino()
from openvino import opset13 as ops
def network():
    source = ops.parameter([1, 4], np.float32)
    return compile_network(openvino.Model([ops.relu(source)], [source], "tiny"), "fp32")
signal.signal(signal.SIGUSR1, lambda *_: print("alive"))
first, second = network(), network()
del first; gc.collect()
del second; gc.collect()
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_a_signal_after_networks_have_gone_kills_nobody() -> None:
    command = [sys.executable, "-c", TWO_NETWORKS_GO_IN_THE_ORDER_OF_THEIR_COMING]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "alive\n"


FIRST_ARRAYS_FROM_EIGHT_THREADS = """
import os, sys, threading
import numpy as np
from stage_kit.networks.openvino import compile_network, import_openvino
openvino = import_openvino()
from openvino import opset13 as ops
source = ops.parameter([1, 4], np.float32)
network = compile_network(openvino.Model([ops.relu(source)], [source], "tiny"), "fp32")
def spin():
    while True:
        pass
def infer():
    barrier.wait()
    network.infer(np.ones((3, 4), np.float32))
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
for job in 8 * [spin]:
    threading.Thread(target=job, daemon=True).start()
threads = [threading.Thread(target=infer, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
os._exit(0)
"""


def test_threads_that_are_the_first_to_hand_over_arrays_do_not_wait_for_each_other_for_ever() -> None:
    for _ in range(5):  # each of them hung one time in four
        subprocess.run([sys.executable, "-c", FIRST_ARRAYS_FROM_EIGHT_THREADS], check=True, timeout=60)
