"""Person detection by pytorchyolo's Darknet model, on the CPU or a CUDA device."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pose_contract.errors import ConfigError, WeightsError
from stage_kit.networks.checkpoint import read_state_dict
from stage_kit.networks.device import torch_device
from stage_kit.networks.torch_exact import exact_inference, to_device
from yolo_stage.cfg_sections import Section, render_sections
from yolo_stage.darknet import DarknetNetwork, check_weights_file, is_checkpoint, read_parameters
from yolo_stage.detector import Detector, candidate_rows
from yolo_stage.engines.refusals import torch_refusal
from yolo_stage.loading import Loading
from yolo_torch.imgaug_stand_in import imgaug_stood_in

# pytorchyolo insists on these keys of [net], which only training uses.
_TRAINING_KEYS = {
    "batch": "1",
    "subdivisions": "1",
    "channels": "3",
    "momentum": "0.9",
    "decay": "0",
    "learning_rate": "0",
    "burn_in": "0",
    "max_batches": "0",
    "policy": "constant",
    "steps": "0",
    "scales": "1",
}
_AT_ONCE_ON_A_GPU = 8
_FIVE_INTEGERS = np.array([0, 2, 0, 0, 0], "<i4").tobytes()
_OTHER_CFG = "give the cfg that the checkpoint was trained with by --model_def"


@dataclass(frozen=True)
class TorchDetector:
    """pytorchyolo's Darknet in eval mode on `device`."""

    model: torch.nn.Module
    person_class: int
    input_size: int
    device: str
    name: str = "torch"
    fixed_batch: bool = True
    precision: str = "fp32"
    rectangular: bool = False

    @property
    def at_once(self) -> tuple[int, int]:
        """See `Detector.at_once`."""
        images = _AT_ONCE_ON_A_GPU if self.device == "cuda" else 1
        return images, images

    def detect(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `Detector.detect`. Raises UsageError where the batch does not fit into the GPU's memory."""
        with exact_inference(self.device, self.precision, len(batch)):
            rows = self.model(to_device(batch, self.device))
            scores = (rows[..., 4] * rows[..., 5 + self.person_class]).cpu().numpy()
            boxes = rows[..., :4].cpu().numpy()
        return [candidate_rows(*image) for image in zip(boxes, scores, strict=True)]


def load_detector(loading: Loading) -> Detector:
    """Detector by pytorchyolo, on the CPU or a CUDA GPU; the entry point of `yolo_stage.engines`.

    Raises ConfigError if pytorchyolo can't honour the cfg exactly, WeightsError if the file does not fit it, and
    UsageError if cuda is asked for and not there.
    """
    network = loading.network
    if refusal := torch_refusal(network):
        raise ConfigError(f"the torch engine can't run {network.name} exactly: {refusal}", "use --engine opencv")
    device = torch_device(loading.device)
    model = build_model(network)
    load_weights(model, network, loading.weights)
    _fuse_batch_norms(model.eval())
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):  # what the CPU's and the GPU's convolutions work in
            layer.to(memory_format=torch.channels_last)
    for layer in model.yolo_layers:
        layer.register_forward_pre_hook(_in_full)
    model, precision, rectangular = model.to(device), loading.precision, network.rectangular
    return TorchDetector(
        model, loading.person_class, network.input_size, device, precision=precision, rectangular=rectangular
    )


def _fuse_batch_norms(model: Any) -> None:
    """Folds each layer's batch norm into its convolution; the numbers change by rounding only."""
    for layer in model.module_list:
        parts = dict(layer.named_children())
        for name, norm in parts.items():
            if isinstance(norm, torch.nn.BatchNorm2d):
                convolution = name.replace("batch_norm", "conv")
                setattr(layer, convolution, fuse_conv_bn_eval(parts[convolution], norm))
                setattr(layer, name, torch.nn.Identity())


def _in_full(_layer: torch.nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The heads decode in fp32: in bf16 a coordinate would be rounded to whole pixels."""
    return arguments[0].float(), *arguments[1:]


def load_weights(model: Any, network: DarknetNetwork, weights: Path) -> None:
    """Loads a Darknet file or a checkpoint into the model. Raises WeightsError where it does not fit."""
    if is_checkpoint(weights):
        _load_checkpoint(model, network, weights)
    else:
        _load_darknet_file(model, network, weights)


def build_model(network: DarknetNetwork) -> Any:
    """pytorchyolo's Darknet of a checked cfg, with the random parameters that PyTorch gives it."""
    with imgaug_stood_in(), contextlib.redirect_stdout(None):
        from pytorchyolo.models import Darknet  # type: ignore[import-untyped]  # takes seconds to import
    net, *rest = network.sections
    missing = {key: value for key, value in _TRAINING_KEYS.items() if not net.has(key)}
    sections = [net.with_options(missing)]
    for section in rest:
        # It takes the *text* "0" of these two for true; without the key they are off.
        for key in ("batch_normalize", "new_coords"):
            section = section if section.integer(key, 0) else section.without(key)
        sections.append(section.with_options({"stride": "1"}) if _lacks_stride(section) else section)
    with tempfile.TemporaryDirectory(prefix="yolo-stage-") as folder:
        cfg = Path(folder, "network.cfg")
        cfg.write_text(render_sections(sections), encoding="utf-8")
        model = Darknet(str(cfg))
    for layer, module in zip(network.layers, model.module_list, strict=True):
        if layer.kind == "maxpool":
            _pool_as_darknet(module, layer.section.integer("size"), layer.section.integer("stride"))
    return model


def _lacks_stride(section: Section) -> bool:
    return section.kind == "convolutional" and not section.has("stride")


def _pool_as_darknet(module: torch.nn.Sequential, size: int, stride: int) -> None:
    """Make a max pool take real cells only, size - 1 cells of padding in all, the odd one right and below.

    pytorchyolo pads an even kernel with zeros, or not at all: after a leaky activation zero beats real cells.
    """
    before, after = (size - 1) // 2, size // 2
    for name in [name for name, _ in module.named_children()]:
        delattr(module, name)
    module.add_module("rim", torch.nn.ConstantPad2d((before, after, before, after), -torch.inf))
    module.add_module("maxpool", torch.nn.MaxPool2d(size, stride))


def _load_darknet_file(model: Any, network: DarknetNetwork, weights: Path) -> None:
    """Load through pytorchyolo, which takes five int32 for the header and loads less if a name has '.conv.'."""
    parameters = read_parameters(network, weights)
    if weights.stat().st_size - parameters.nbytes == len(_FIVE_INTEGERS) and ".conv." not in weights.name:
        model.load_darknet_weights(os.fspath(weights))
        return
    with tempfile.TemporaryDirectory(prefix="yolo-stage-") as folder:
        copy = Path(folder, "network.weights")
        copy.write_bytes(_FIVE_INTEGERS + parameters.tobytes())
        model.load_darknet_weights(os.fspath(copy))


def _load_checkpoint(model: Any, network: DarknetNetwork, weights: Path) -> None:
    check_weights_file(network, weights)
    # PyTorch's own reader would take all the memory that a tensor says it needs, a view of one number included.
    state = {name: torch.from_numpy(values) for name, values in read_state_dict(weights).items()}
    if difference := _first_difference(model.state_dict(), state):
        raise WeightsError(f"{weights.name} does not fit {network.name}: {difference}", _OTHER_CFG)
    model.load_state_dict(state, strict=True)


def _first_difference(expected: dict[str, torch.Tensor], got: dict[str, torch.Tensor]) -> str | None:
    for name, tensor in expected.items():
        if name not in got:
            return f"expected {name}, which is missing"
        if tensor.shape != got[name].shape:
            return f"{name}: expected {tuple(tensor.shape)}, got {tuple(got[name].shape)}"
        # pytorchyolo keeps a cfg's anchors in the state and would replace them unasked.
        if name.endswith((".anchors", ".anchor_grid")) and not torch.equal(tensor, got[name].to(tensor.dtype)):
            return f"{name}: expected the anchors of the cfg, got others"
    extra = [name for name in got if name not in expected]
    return f"got {extra[0]}, which the cfg does not have" if extra else None
