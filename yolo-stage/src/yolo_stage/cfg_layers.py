"""What each section of a Darknet cfg does to the feature map: channels, cells, parameters, as Darknet computes them.

Source: Darknet's parser and layers (https://github.com/pjreddie/darknet, AlexeyAB's fork for `groups` and
`group_id` of a route). Pure; no weights are touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pose_contract.errors import ConfigError
from yolo_stage.cfg_limits import LARGEST_KERNEL, MOST_CELLS, MOST_SECTIONS, require_at_most, require_bounded_map
from yolo_stage.cfg_sections import Section

_FIX_CFG = "correct the cfg"


@dataclass(frozen=True)
class Layer:
    """A section with what goes in and what comes out; `size` counts cells along one side of the square map."""

    section: Section
    channels_in: int
    size_in: int
    channels: int
    size: int
    parameter_count: int = 0

    @property
    def kind(self) -> str:
        """The section's kind, such as `convolutional`."""
        return self.section.kind


def trace_layers(sections: Sequence[Section], channels: int, size: int) -> tuple[Layer, ...]:
    """Layers of `sections` (without [net]) for a square input of `channels` x `size` x `size`.

    Raises ConfigError for unknown sections, missing keys, references to layers that are not there, maps that do not
    fit each other, and heads whose channels are not anchors x (5 + classes).
    """
    layers: list[Layer] = []
    require_at_most(sections[0].place if sections else "", "sections:", len(sections), MOST_SECTIONS)
    for section in sections:
        if layers and layers[-1].kind == "yolo" and section.kind != "route":
            raise ConfigError(f"{section.place}: after a [yolo] only a [route] can follow", _FIX_CFG)
        layers.append(_trace(section, layers, channels, size))
        channels, size = layers[-1].channels, layers[-1].size
        require_bounded_map(section.place, channels, size, layers[-1].parameter_count)
    return tuple(layers)


def _trace(section: Section, done: Sequence[Layer], channels: int, size: int) -> Layer:
    match section.kind:
        case "convolutional":
            return _convolution(section, channels, size)
        case "maxpool":
            cells = (size - 1) // _positive(section, "stride") + 1
            require_at_most(section.place, "a pool of size", _positive(section, "size"), LARGEST_KERNEL)
            return Layer(section, channels, size, channels, cells)
        case "upsample":
            return Layer(section, channels, size, channels, size * _positive(section, "stride"))
        case "dropout":
            return Layer(section, channels, size, channels, size)
        case "route":
            return _route(section, done)
        case "shortcut":
            return _shortcut(section, done, channels, size)
        case "yolo":
            return _head(section, channels, size)
        case _:
            known = "convolutional, maxpool, upsample, dropout, route, shortcut, yolo"
            raise ConfigError(f"{section.place}: unknown section [{section.kind}]", f"known are: net, {known}")


def _convolution(section: Section, channels: int, size: int) -> Layer:
    kernel, filters = _positive(section, "size"), _positive(section, "filters")
    stride, groups = _positive(section, "stride", 1), _positive(section, "groups", 1)
    require_at_most(section.place, "a kernel or padding of size", max(kernel, padding(section)), LARGEST_KERNEL)
    section.text("activation")  # no default: Darknet's is logistic, others take linear
    normalised = section.integer("batch_normalize", 0)
    if normalised not in (0, 1):
        raise ConfigError(f"{section.place}: batch_normalize must be 0 or 1, got {normalised}", _FIX_CFG)
    if channels % groups or filters % groups:
        reason = f"{section.place}: groups={groups} does not divide {channels} channels into {filters} filters"
        raise ConfigError(reason, _FIX_CFG)
    cells = (size + 2 * padding(section) - kernel) // stride + 1
    if cells < 1:
        raise ConfigError(f"{section.place}: a {kernel}x{kernel} kernel does not fit a map of {size} cells", _FIX_CFG)
    per_filter = (4 if normalised else 1) + channels // groups * kernel * kernel
    return Layer(section, channels, size, filters, cells, filters * per_filter)


def padding(convolution: Section) -> int:
    """Cells of zeros that Darknet adds on each side: half the kernel when `pad` is set, else `padding`."""
    if convolution.integer("pad", 0):
        return convolution.integer("size") // 2
    return convolution.integer("padding", 0)


def _route(section: Section, done: Sequence[Layer]) -> Layer:
    sources = [_referred(section, "layers", index, done) for index in section.integers("layers")]
    groups, group = _positive(section, "groups", 1), section.integer("group_id", 0)
    if len({source.size for source in sources}) != 1:
        sizes = ", ".join(str(source.size) for source in sources)
        raise ConfigError(f"{section.place}: [route] joins maps of different sizes: {sizes}", _FIX_CFG)
    if not 0 <= group < groups or any(source.channels % groups for source in sources):
        raise ConfigError(f"{section.place}: [route] cannot take part {group} of {groups}", _FIX_CFG)
    channels = sum(source.channels for source in sources)
    return Layer(section, channels, sources[0].size, channels // groups, sources[0].size)


def _shortcut(section: Section, done: Sequence[Layer], channels: int, size: int) -> Layer:
    source = _referred(section, "from", section.integer("from"), done)
    if (source.channels, source.size) != (channels, size):
        expected, got = f"{channels}x{size}x{size}", f"{source.channels}x{source.size}x{source.size}"
        raise ConfigError(f"{section.place}: [shortcut] adds {got} to {expected}", "both maps must be alike")
    return Layer(section, channels, size, channels, size)


def _head(section: Section, channels: int, size: int) -> Layer:
    mask, anchors, classes = section.integers("mask"), section.numbers("anchors"), _positive(section, "classes")
    if len(anchors) != 2 * section.integer("num", len(anchors) // 2):
        reason = f"{section.place}: num={section.text('num', '?')} needs twice as many anchors, got {len(anchors)}"
        raise ConfigError(reason, _FIX_CFG)
    if any(not 0 <= index < len(anchors) // 2 for index in mask):
        raise ConfigError(f"{section.place}: mask names an anchor that is not there", _FIX_CFG)
    if channels != len(mask) * (5 + classes):
        expected = f"{len(mask)} anchors x (5 + {classes} classes) = {len(mask) * (5 + classes)}"
        reason = f"{section.place}: [yolo] needs {expected} channels before it, got {channels}"
        raise ConfigError(reason, "filters= of the convolution before it, or classes= here, is wrong")
    return Layer(section, channels, size, channels, size)


def _referred(section: Section, key: str, index: int, done: Sequence[Layer]) -> Layer:
    absolute = index if index >= 0 else len(done) + index
    if not 0 <= absolute < len(done):
        raise ConfigError(f"{section.place}: {key}={index} is no earlier layer", _FIX_CFG)
    if done[absolute].kind == "yolo":
        raise ConfigError(f"{section.place}: {key}={index} is a [yolo], which ends a branch", _FIX_CFG)
    return done[absolute]


def _positive(section: Section, key: str, default: int | None = None) -> int:
    value = section.integer(key, default)
    if key == "stride":
        require_at_most(section.place, "stride", value, MOST_CELLS)
    if value < 1:
        raise ConfigError(f"{section.place}: {key} must be at least 1, got {value}", _FIX_CFG)
    return value
