"""The structure of HRNet as data: which convolutions there are, how they are named, what follows what.

The names are those of the published checkpoints, as in network.py, which is the same structure in PyTorch's terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hrn_stage.config_keys import ModelConfig, StageConfig

_STEM_CHANNELS = 64
_COLOURS = 3
_EXPANSION = {"BASIC": 1, "BOTTLENECK": 4}


@dataclass(frozen=True)
class Convolution:
    """A convolution with padding that keeps the size (at stride 1), and its batch norm if `norm` names one.

    Without one it has a bias of its own.
    """

    name: str
    norm: str
    channels_in: int
    channels_out: int
    kernel: int
    stride: int = 1
    relu: bool = True

    def shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Its parameters' names and shapes, in the order of the published state dicts."""
        yield f"{self.name}.weight", (self.channels_out, self.channels_in, self.kernel, self.kernel)
        if not self.norm:
            yield f"{self.name}.bias", (self.channels_out,)
            return
        for parameter in ("weight", "bias", "running_mean", "running_var"):
            yield f"{self.norm}.{parameter}", (self.channels_out,)
        yield f"{self.norm}.num_batches_tracked", ()


@dataclass(frozen=True)
class Path:
    """Convolutions in a row, then an enlargement by whole pixels; no convolutions: what comes in goes out."""

    convolutions: tuple[Convolution, ...] = ()
    enlarge: int = 1


@dataclass(frozen=True)
class Block:
    """The sum of a row of convolutions and a shortcut, both from the same input."""

    row: Path
    shortcut: Path


@dataclass(frozen=True)
class Module:
    """Blocks on each branch; then target t is the sum over the branches b of `fusions[t][b]` of it."""

    branches: tuple[tuple[Block, ...], ...]
    fusions: tuple[tuple[Path, ...], ...]


@dataclass(frozen=True)
class Stage:
    """What makes the branches of the one before into its own (the last also into a new one), and its modules."""

    transition: tuple[Path, ...]
    modules: tuple[Module, ...]


@dataclass(frozen=True)
class Layout:
    """All of HRNet."""

    stem: Path
    layer1: tuple[Block, ...]
    stages: tuple[Stage, ...]
    final: Convolution

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The state dict: every parameter's name and shape, in the order of the published ones."""
        return {name: shape for convolution in self._convolutions() for name, shape in convolution.shapes()}

    def _convolutions(self) -> Iterator[Convolution]:
        yield from self.stem.convolutions
        yield from _of_blocks(self.layer1)
        for stage in self.stages:
            yield from _of_paths(stage.transition)
            for module in stage.modules:
                for blocks in module.branches:
                    yield from _of_blocks(blocks)
                for fusion in module.fusions:
                    yield from _of_paths(fusion)
        yield self.final


def _of_paths(paths: Sequence[Path]) -> Iterator[Convolution]:
    for path in paths:
        yield from path.convolutions


def _of_blocks(blocks: Sequence[Block]) -> Iterator[Convolution]:
    for block in blocks:
        yield from _of_paths((block.row, block.shortcut))


def layout_of(model: ModelConfig) -> Layout:
    """The structure of the network of `config.MODEL`."""
    extra = model.EXTRA
    stem = Path(
        (
            Convolution("conv1", "bn1", _COLOURS, _STEM_CHANNELS, 3, stride=2),
            Convolution("conv2", "bn2", _STEM_CHANNELS, _STEM_CHANNELS, 3, stride=2),
        )
    )
    channels = _channels(extra.STAGE1)
    layer1 = _blocks("layer1", extra.STAGE1, 0, _STEM_CHANNELS)
    stages = []
    for number, config in enumerate((extra.STAGE2, extra.STAGE3, extra.STAGE4), start=2):
        # The network gives the finest branch alone; the others are not computed at its end.
        rows = 1 if number == 4 else config.NUM_BRANCHES
        stages.append(_stage(number, config, channels, rows))
        channels = _channels(config)
    final = Convolution("final_layer", "", channels[0], model.NUM_JOINTS, extra.FINAL_CONV_KERNEL, relu=False)
    return Layout(stem, layer1, tuple(stages), final)


def _channels(config: StageConfig) -> list[int]:
    return [channels * _EXPANSION[config.BLOCK] for channels in config.NUM_CHANNELS]


def _stage(number: int, config: StageConfig, before: Sequence[int], rows_at_the_end: int) -> Stage:
    after = _channels(config)
    transition = _transition(f"transition{number - 1}", before, after)
    modules = []
    for index in range(config.NUM_MODULES):
        name = f"stage{number}.{index}"
        branches = (_blocks(f"{name}.branches.{branch}", config, branch, after[branch]) for branch in range(len(after)))
        rows = rows_at_the_end if index == config.NUM_MODULES - 1 else len(after)
        fusions = (
            tuple(_fusion(f"{name}.fuse_layers.{target}.{source}", after, source, target) for source in range(number))
            for target in range(rows)
        )
        modules.append(Module(tuple(branches), tuple(fusions)))
    return Stage(transition, tuple(modules))


def _transition(name: str, before: Sequence[int], after: Sequence[int]) -> tuple[Path, ...]:
    paths = []
    for branch, channels in enumerate(after):
        if branch == len(before):
            place = f"{name}.{branch}.0"
            step = Convolution(f"{place}.0", f"{place}.1", before[-1], channels, 3, stride=2)
            paths.append(Path((step,)))
        elif before[branch] == channels:
            paths.append(Path())
        else:
            place = f"{name}.{branch}"
            paths.append(Path((Convolution(f"{place}.0", f"{place}.1", before[branch], channels, 3),)))
    return tuple(paths)


def _blocks(name: str, config: StageConfig, branch: int, channels_in: int) -> tuple[Block, ...]:
    planes, channels_out = config.NUM_CHANNELS[branch], _channels(config)[branch]
    return tuple(
        _block(f"{name}.{number}", config.BLOCK, channels_out if number else channels_in, planes)
        for number in range(config.NUM_BLOCKS[branch])
    )


def _block(name: str, kind: str, channels_in: int, planes: int) -> Block:
    channels_out = planes * _EXPANSION[kind]
    # Kernel and channels of each convolution; the last one's ReLU comes after the sum.
    steps = [(3, planes), (3, planes)] if kind == "BASIC" else [(1, planes), (3, planes), (1, channels_out)]
    row: list[Convolution] = []
    for number, (kernel, channels) in enumerate(steps, start=1):
        source = row[-1].channels_out if row else channels_in
        relu = number < len(steps)
        row.append(Convolution(f"{name}.conv{number}", f"{name}.bn{number}", source, channels, kernel, relu=relu))
    if channels_in == channels_out:
        return Block(Path(tuple(row)), Path())
    place = f"{name}.downsample"
    shortcut = Convolution(f"{place}.0", f"{place}.1", channels_in, channels_out, 1, relu=False)
    return Block(Path(tuple(row)), Path((shortcut,)))


def _fusion(name: str, channels: Sequence[int], source: int, target: int) -> Path:
    """1x1 and an enlargement to a finer branch, strided 3x3s to a coarser one."""
    if source == target:
        return Path()
    if source > target:
        step = Convolution(f"{name}.0", f"{name}.1", channels[source], channels[target], 1, relu=False)
        return Path((step,), enlarge=2 ** (source - target))
    steps = []
    for number in range(target - source):
        last = number == target - source - 1
        channels_out = channels[target] if last else channels[source]
        place = f"{name}.{number}"
        steps.append(
            Convolution(f"{place}.0", f"{place}.1", channels[source], channels_out, 3, stride=2, relu=not last)
        )
    return Path(tuple(steps))
