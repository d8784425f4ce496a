"""A Darknet network as data: the cfg, the weights file that fits it, and which of its classes is a person.

Reads cfg and class names and looks at weights files; runs nothing. Every user's mistake is a StageError here, so
that the engines may trust what they are given.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import ConfigError, WeightsError
from stage_kit.regular_files import open_regular, read_text
from stage_kit.weights.published import how_to_replace
from yolo_stage.cfg_layers import Layer, trace_layers
from yolo_stage.cfg_limits import MOST_BYTES, MOST_CELLS, require_at_most
from yolo_stage.cfg_sections import Section, parse_sections
from yolo_stage.rectangles import STRIDE, sides_of

_COCO_CLASSES = 80


@dataclass(frozen=True)
class DarknetNetwork:
    """A checked cfg. `text` is the file as it was read; `input_size` may differ from it (`with_input_size`)."""

    name: str
    text: str
    sections: tuple[Section, ...]
    layers: tuple[Layer, ...]
    input_size: int
    classes: int
    conf_thres: float | None
    rectangular: bool = False

    @property
    def parameter_count(self) -> int:
        """float32 values in a weights file of this network; a batch-normalised filter has 4, a plain one 1 bias."""
        return sum(layer.parameter_count for layer in self.layers)

    def with_input_size(self, input_size: int) -> DarknetNetwork:
        """The same network for a square input of `input_size` px; ConfigError unless a positive multiple of 32.

        Where it takes rectangles, they have about as many pixels as that square.
        """
        if input_size < STRIDE or input_size % STRIDE:
            reason = f"{self.name}: an input of {input_size} px; expected a positive multiple of {STRIDE}"
            raise ConfigError(reason, f"take {max(STRIDE, round(input_size / STRIDE) * STRIDE)}")
        net = self.sections[0].with_options({"width": str(input_size), "height": str(input_size)})
        layers = trace_layers(self.sections[1:], 3, input_size)
        if self.rectangular:
            _require_whole_grids(net, self.sections[1:], layers, input_size)
        return replace(self, sections=(net, *self.sections[1:]), layers=layers, input_size=input_size)


def read_network(path: Path) -> DarknetNetwork:
    """Read and check the cfg at `path`.

    Beyond Darknet's keys, [net] may say `conf_thres=`: the score threshold that suits this model, and
    `rectangular=1`: pictures are given in rectangles of their own shape, with about as many pixels as the square.
    Raises ConfigError, with file and line, for whatever is wrong with it.
    """
    text = _read_text(path, "--model_def")
    sections = parse_sections(text, path.name)
    kinds = [section.kind for section in sections]
    if not kinds or kinds[0] != "net" or kinds.count("net") > 1:
        raise ConfigError(f"{path.name}: a cfg begins with one [net]", "give a Darknet cfg with --model_def")
    if "yolo" not in kinds:
        raise ConfigError(f"{path.name}: there is no [yolo] section", "only YOLO detectors can be used here")
    if kinds[-1] != "yolo":
        raise ConfigError(f"{sections[-1].place}: [{kinds[-1]}] comes after the last [yolo]", "remove what follows it")
    size = _input_size(sections[0])
    classes = sorted({section.integer("classes") for section in sections if section.kind == "yolo"})
    if len(classes) > 1:
        raise ConfigError(f"{path.name}: the [yolo] sections disagree on classes: {classes}", "make them agree")
    layers = trace_layers(sections[1:], 3, size)
    net = sections[0]
    return DarknetNetwork(
        path.name, text, sections, layers, size, classes[0], _own_threshold(net), _rectangular(sections, layers, size)
    )


def _input_size(net: Section) -> int:
    width, height = net.integer("width"), net.integer("height")
    require_at_most(net.place, "an input with a side of", max(width, height), MOST_CELLS)
    if width != height or width < STRIDE or width % STRIDE:
        reason = f"{net.place}: input {width}x{height}; expected a square whose side is a multiple of {STRIDE}"
        raise ConfigError(reason, "set width and height of [net] to the same multiple, such as 416")
    if net.integer("channels", 3) != 3:
        raise ConfigError(f"{net.place}: channels={net.integer('channels')}; expected 3 (RGB)", "only RGB can be used")
    return width


def _own_threshold(net: Section) -> float | None:
    if not net.has("conf_thres"):
        return None
    threshold = net.number("conf_thres")
    if not 0 < threshold < 1:
        raise ConfigError(f"{net.place}: conf_thres={threshold:g}; expected between 0 and 1", "correct the cfg")
    return threshold


def _rectangular(sections: tuple[Section, ...], layers: tuple[Layer, ...], size: int) -> bool:
    net = sections[0]
    asked = net.integer("rectangular", 0)
    if asked not in (0, 1):
        raise ConfigError(f"{net.place}: rectangular={asked}; expected 0 or 1", "correct the cfg")
    if asked:
        _require_whole_grids(net, sections[1:], layers, size)
    return asked == 1


def _require_whole_grids(net: Section, sections: tuple[Section, ...], layers: tuple[Layer, ...], size: int) -> None:
    """Raise ConfigError unless a cell of each [yolo] has as many pixels on every side that a rectangle may have."""
    require_at_most(net.place, "rectangles with a side of", max(sides_of(size)), MOST_CELLS)
    strides = [size / layer.size for layer in layers if layer.kind == "yolo"]
    for side in sides_of(size):
        try:
            traced = trace_layers(sections, 3, side)
        except ConfigError as error:
            reason = f"{net.place}: rectangular=1, but a side of {side} px does not go: {error.reason}"
            raise ConfigError(reason, "drop rectangular=1") from None
        if [side / layer.size for layer in traced if layer.kind == "yolo"] != strides:
            reason = f"{net.place}: rectangular=1 needs grids that divide every multiple of {STRIDE}, such as {side} px"
            raise ConfigError(reason, "drop rectangular=1")


def person_class(network: DarknetNetwork, class_path: Path | None) -> int:
    """Index of the class 'person': from the names in `class_path`, else 0 for one class or COCO's 80.

    Raises ConfigError if the names are not as many as the cfg's classes, have no 'person', or are needed.
    """
    if class_path is None:
        if network.classes in (1, _COCO_CLASSES):
            return 0
        reason = f"{network.name} has {network.classes} classes, and which one is 'person' is not known"
        raise ConfigError(reason, "name the classes, one per line, in a file and give it with --class_path")
    names = [line.strip() for line in _read_text(class_path, "--class_path").splitlines() if line.strip()]
    if len(names) != network.classes:
        reason = f"{class_path.name} has {len(names)} names, {network.name} has {network.classes} classes"
        raise ConfigError(reason, "give the class file that belongs to the cfg with --class_path")
    if "person" not in names:
        raise ConfigError(f"{class_path.name} has no class 'person'", "a network that knows persons is needed")
    return names.index("person")


def _read_text(path: Path, flag: str) -> str:
    try:
        return read_text(path, MOST_BYTES)
    except FileNotFoundError:
        raise ConfigError(f"{path} is not there", f"check the path given with {flag}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", f"check the path given with {flag}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a text file", f"check the path given with {flag}") from None


def is_checkpoint(weights: Path) -> bool:
    """Whether `weights` is named as a PyTorch checkpoint (.pth, .pt) and not as a Darknet file."""
    return weights.suffix.lower() in {".pth", ".pt"}


def check_weights_file(network: DarknetNetwork, path: Path) -> None:
    """Raise WeightsError unless `path` can be the weights of `network`.

    A Darknet file must be header + parameters to the byte. Of a checkpoint only the kind of file is looked at; its
    names and shapes are compared when it is loaded.
    """
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            head = file.read(512)
        got = path.stat().st_size
    except FileNotFoundError:
        raise WeightsError(f"weights {path} are not there", "check the path, or fetch them: `make weights`") from None
    except OSError as error:
        raise WeightsError(f"weights {path} cannot be read: {error.strerror}", "check the path") from None
    _check_kind_of_file(path, head)
    if not is_checkpoint(path) and got not in (sizes := expected_file_sizes(network, head)):
        expected = " or ".join(str(size) for size in sizes)
        reason = f"{path.name}: expected {expected} bytes for {network.name}, got {got}"
        raise WeightsError(reason + _why_other_size(network, got, sizes), _other_file_or_cfg(path))


def _other_file_or_cfg(path: Path) -> str:
    return f"{how_to_replace(path)}; or give the cfg that belongs to it with --model_def"


def _check_kind_of_file(path: Path, head: bytes) -> None:
    if not head:
        raise WeightsError(f"{path.name} is empty", _other_file_or_cfg(path))
    if head.lstrip()[:1] == b"<":
        raise WeightsError(f"{path.name} is an HTML page, not weights", _other_file_or_cfg(path))
    if all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in head):
        raise WeightsError(f"{path.name} is a text file, not weights", _other_file_or_cfg(path))
    if not is_checkpoint(path) and head.startswith(b"PK\x03\x04"):
        raise WeightsError(f"{path.name} is a PyTorch checkpoint, not a Darknet file", "name it .pth")


def expected_file_sizes(network: DarknetNetwork, head: bytes) -> tuple[int, ...]:
    """Sizes in bytes that a Darknet file beginning with `head` may have.

    The header is three int32 (major, minor, revision) and `seen`: int64 from version 0.2 on, int32 before.
    pytorchyolo writes version 0.0 with five int32; only the size tells such a file from a Darknet one.
    """
    parameters = 4 * network.parameter_count
    major, minor, _ = struct.unpack("<3i", head[:12].ljust(12, b"\0"))
    return (20 + parameters,) if major * 10 + minor >= 2 else (16 + parameters, 20 + parameters)


def _why_other_size(network: DarknetNetwork, got: int, sizes: tuple[int, ...]) -> str:
    per_class = 4 * sum(
        len(head.section.integers("mask")) * before.parameter_count // before.channels
        for before, head in pairwise(network.layers)
        if head.kind == "yolo"
    )
    for expected in sizes:
        more, rest = divmod(got - expected, per_class)
        if rest == 0 and network.classes + more >= 1:
            return f"; it would fit the same network with {network.classes + more} classes"
    return "; it is truncated or belongs to another cfg" if got < min(sizes) else "; it belongs to another cfg"


def read_parameters(network: DarknetNetwork, path: Path) -> NDArray[np.float32]:
    """Parameters [parameter_count] of a Darknet weights file, whatever its header.

    Raises WeightsError if the file does not fit, or holds numbers that are not finite: they would turn every score
    into NaN and every image into one with nobody there.
    """
    check_weights_file(network, path)
    header = path.stat().st_size - 4 * network.parameter_count
    parameters = np.fromfile(path, dtype="<f4", offset=header)
    if not np.isfinite(parameters).all():
        raise WeightsError(f"{path.name} holds numbers that are not finite", _other_file_or_cfg(path))
    return parameters
