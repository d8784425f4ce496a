"""Why an engine can't honour a cfg exactly. Imports no engine, so that choosing one costs nothing.

What is allowed is listed and everything else is refused: a key that a reader overlooks gives wrong numbers without
a word. Read in the sources of pytorchyolo 1.8.0 (models.py), of OpenCV 4.11 (dnn/src/darknet, region_layer.cpp) and
of Darknet (parser.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from yolo_stage.cfg_layers import Layer, padding
from yolo_stage.cfg_sections import Section
from yolo_stage.darknet import DarknetNetwork, is_checkpoint

_ACTIVATIONS = {"linear", "leaky", "mish", "logistic", "swish"}

# Keys that the layer tracer and both engines read, by kind of section.
_READ = {
    "convolutional": {"batch_normalize", "filters", "size", "stride", "pad", "padding", "groups", "activation"},
    "maxpool": {"size", "stride"},
    "upsample": {"stride"},
    "dropout": set[str](),
    "route": {"layers", "groups", "group_id"},
    "shortcut": {"from", "activation"},
    "yolo": {"mask", "anchors", "classes", "num", "scale_x_y", "new_coords"},
}
# Keys that only training, or Darknet's own suppression, reads.
_WITHOUT_EFFECT = {
    "convolutional": {"stopbackward", "learning_rate"},
    "dropout": {"probability"},
    "yolo": {
        *("jitter", "resize", "random", "max", "ignore_thresh", "truth_thresh", "iou_thresh", "label_smooth_eps"),
        *("iou_loss", "iou_normalizer", "obj_normalizer", "cls_normalizer", "delta_normalizer", "max_delta"),
        *("nms_kind", "beta_nms", "focal_loss", "counters_per_class", "objectness_smooth"),
    },
}
# Keys that no engine honours but that change nothing with this value.
_NEUTRAL = {
    "convolutional": {"dilation": 1, "flipped": 0, "binary": 0, "xnor": 0, "antialiasing": 0},
    "maxpool": {"maxpool_depth": 0, "antialiasing": 0},
    "upsample": {"scale": 1},
    "shortcut": {"alpha": 1},
}


def torch_refusal(network: DarknetNetwork) -> str | None:
    """Why the torch engine can't honour `network`, or None; it takes Darknet files and checkpoints alike."""
    if refusal := _first_refusal(network, _torch_objection):
        return refusal
    if any(network.input_size % layer.size for layer in network.layers if layer.kind == "yolo"):
        return f"pytorchyolo needs grids that divide the input, here {network.input_size} px"
    return None


def opencv_refusal(network: DarknetNetwork, weights: Path, device: str) -> str | None:
    """Why the opencv engine can't honour `network` with these weights on this device, or None."""
    return _refusal_of_files(weights, device) or _first_refusal(network, _opencv_objection)


def openvino_refusal(network: DarknetNetwork, weights: Path, device: str) -> str | None:
    """Why the openvino engine can't honour `network` with these weights on this device, or None."""
    return _refusal_of_files(weights, device) or _first_refusal(network, _openvino_objection)


def _refusal_of_files(weights: Path, device: str) -> str | None:
    if device == "cuda":
        return "it runs on the CPU only (drop --device cuda)"
    if is_checkpoint(weights):
        return f"it reads Darknet weights, not the PyTorch checkpoint {weights.name}"
    return None


def _first_refusal(network: DarknetNetwork, objection: Callable[[Layer], str | None]) -> str | None:
    for layer in network.layers:
        for reason in (*_common_objections(layer), objection(layer)):
            if reason:
                return f"{reason} ({layer.section.place}, [{layer.kind}])"
    return None


def _common_objections(layer: Layer) -> Iterator[str]:
    section = layer.section
    known = _READ[layer.kind] | _WITHOUT_EFFECT.get(layer.kind, set())
    neutral = _NEUTRAL.get(layer.kind, {})
    for key, value in section.options:
        if key in neutral:
            if section.number(key) != neutral[key]:
                yield f"it does not do {key}={value}"
        elif not _is_default_padding(section, key) and key not in known:
            yield f"it does not know the key '{key}'"
    if section.text("activation", "linear") not in _ACTIVATIONS:
        yield f"it does not know the activation '{section.text('activation')}'"
    if layer.kind == "shortcut" and section.text("activation", "linear") != "linear":
        yield f"it does not do activation={section.text('activation')} here"
    if layer.kind == "route" and section.integer("groups", 1) > 1 and len(section.integers("layers")) > 1:
        yield "it takes parts of several joined layers otherwise than Darknet"


def _is_default_padding(section: Section, key: str) -> bool:
    return section.kind == "maxpool" and key == "padding" and section.integer(key) == section.integer("size") - 1


def _torch_objection(layer: Layer) -> str | None:
    section = layer.section
    match layer.kind:
        case "convolutional":
            return _torch_convolution_objection(section)
        case "dropout":
            return "pytorchyolo does not know this section"
        case "yolo":
            return _torch_head_objection(section)
    return None


def _torch_convolution_objection(section: Section) -> str | None:
    kernel = section.integer("size")
    if section.integer("groups", 1) != 1:
        return f"pytorchyolo ignores groups={section.text('groups')}"
    if padding(section) != (kernel - 1) // 2:
        return (
            f"pytorchyolo pads a {kernel}x{kernel} kernel by {(kernel - 1) // 2}, the cfg asks for {padding(section)}"
        )
    return None


def _torch_head_objection(section: Section) -> str | None:
    if section.number("scale_x_y", 1) != 1:
        return f"pytorchyolo ignores scale_x_y={section.text('scale_x_y')}"
    if section.integer("new_coords", 0):
        return "pytorchyolo leaves the scores of new_coords=1 unscaled"
    if not all(anchor.is_integer() for anchor in section.numbers("anchors")):
        return "pytorchyolo reads whole anchors only"
    return None


def _openvino_objection(layer: Layer) -> str | None:
    if layer.kind == "yolo" and layer.section.integer("new_coords", 0) not in (0, 1):
        return "it knows new_coords 0 and 1 only"
    return None


def _opencv_objection(layer: Layer) -> str | None:
    if layer.kind == "yolo" and layer.section.integer("new_coords", 0) not in (0, 1):
        return "OpenCV knows new_coords 0 and 1 only"
    return None
