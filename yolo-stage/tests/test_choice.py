from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from darknet_files import needs_yolo_torch

from pose_contract.errors import ConfigError
from yolo_stage.darknet import DarknetNetwork, read_network
from yolo_stage.engines.choice import choose_engine

NetworkOf = Callable[[str], DarknetNetwork]
DARKNET_FILE = Path("a.weights")
PLAIN, GROUPED = "size=3\nstride=1\npad=1", "size=3\nstride=1\npad=1\ngroups=8"


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stage_kit.networks.device.may_have_cuda", lambda: False)


@pytest.fixture
def network(network_of: NetworkOf, small_cfg: str) -> DarknetNetwork:
    return network_of(small_cfg)


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    monkeypatch.setattr("yolo_stage.engines.choice.find_spec", lambda name: None if name in packages else name)


def test_auto_on_a_cpu(network: DarknetNetwork) -> None:
    assert choose_engine("auto", network, DARKNET_FILE, "auto") == ("openvino", "the fastest on a CPU")
    assert choose_engine("opencv", network, DARKNET_FILE, "cpu") == ("opencv", "requested")


def test_auto_on_a_gpu(network: DarknetNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("stage_kit.networks.device.may_have_cuda", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_engine("auto", network, DARKNET_FILE, "auto")[0] == "openvino", "a driver is no GPU"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert choose_engine("auto", network, DARKNET_FILE, "auto") == ("torch", "on the GPU")
    assert choose_engine("auto", network, DARKNET_FILE, "cpu")[0] == "openvino"
    assert choose_engine("auto", network, Path("a.pth"), "cuda")[0] == "torch"


@needs_yolo_torch
def test_auto_goes_on_to_the_next_engine(network: DarknetNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, why = choose_engine("auto", network, Path("a.pth"), "auto")
    assert engine == "torch"
    assert why.startswith("the openvino engine can't: it reads Darknet weights, not the PyTorch checkpoint a.pth; the ")
    without(monkeypatch, "openvino")
    assert choose_engine("auto", network, DARKNET_FILE, "auto") == (
        "opencv",
        "the openvino engine can't: openvino is not installed",
    )


@needs_yolo_torch
def test_what_torch_cannot_do_exactly(network_of: NetworkOf, small_cfg: str, monkeypatch: pytest.MonkeyPatch) -> None:
    grouped = network_of(small_cfg.replace(PLAIN, GROUPED))
    assert choose_engine("auto", grouped, DARKNET_FILE, "auto")[0] == "openvino"
    with pytest.raises(ConfigError, match="pytorchyolo ignores groups=8") as caught:
        choose_engine("torch", grouped, DARKNET_FILE, "auto")
    assert caught.value.remedy == "use --engine auto, or --engine openvino"
    message = r"no engine can run small\.cfg exactly: openvino: it runs .*; torch: .*; opencv: it runs on the CPU"
    with pytest.raises(ConfigError, match=message):
        choose_engine("auto", grouped, DARKNET_FILE, "cuda")
    with pytest.raises(ConfigError, match="not the PyTorch checkpoint") as caught:
        choose_engine("opencv", grouped, Path("a.pth"), "cpu")
    assert caught.value.remedy == "give another cfg with --model_def"


def test_engines_that_are_not_installed(network: DarknetNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolo_stage.engines.choice.plug_in", lambda _engine: None)
    monkeypatch.setenv("POSE_FLAVOUR", "cpu")
    with pytest.raises(ConfigError, match="yolo-torch is not installed in this image of FLAVOUR=cpu") as refused:
        choose_engine("torch", network, DARKNET_FILE, "auto")
    assert refused.value.remedy.endswith("an image with all engines: make build FLAVOUR=cuda")
    without(monkeypatch, "openvino", "cv2")
    with pytest.raises(ConfigError, match="openvino is not installed") as refused:
        choose_engine("openvino", network, DARKNET_FILE, "auto")
    assert "another cfg" in refused.value.remedy


def test_engines_without_torch_do_not_import_it() -> None:
    heavy = "{'torch', 'pytorchyolo'} & set(sys.modules)"
    code = "import sys, yolo_stage.engines.choice; "
    code += f"assert not {{'cv2', 'openvino'}} & set(sys.modules) and not {heavy}; "
    code += f"import yolo_stage.engines.opencv, yolo_stage.engines.openvino; assert not {heavy}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("engine", ["openvino", "opencv", pytest.param("torch", marks=needs_yolo_torch)])
@pytest.mark.parametrize("name", ["yolov3", "yolov3-tiny"])
def test_our_own_cfgs_run_on_every_engine(name: str, engine: str) -> None:
    network = read_network(Path(__file__).parents[1] / "src" / "yolo_stage" / "models" / f"{name}.cfg")
    assert choose_engine(engine, network, DARKNET_FILE, "cpu") == (engine, "requested")


@needs_yolo_torch
def test_the_real_small_networks_have_grouped_convolutions(shared: Path) -> None:
    for name in ("yolo-fastest-1.1_body", "yolo-fastest-1.1-xl"):
        weights = shared / "weights" / f"{name}.weights"
        network = read_network(weights.with_suffix(".cfg"))
        assert choose_engine("auto", network, weights, "auto")[0] == "openvino"
        with pytest.raises(ConfigError, match="groups"):
            choose_engine("torch", network, weights, "cpu")
