"""OpenPose's Caffe networks as text that OpenCV reads: generated from what the papers and the weights tell.

OpenPose's own prototxt files may not be handed on. What they describe is no secret: ten layers of VGG-19 and two more,
then stages, each a row of convolutions for the heatmaps (L2) and one for the fields (L1) on all that the stage before
gave; BODY_25 has dense blocks of three 3 x 3 convolutions, PReLU, and fields before heatmaps, with L1 and L2 the other
way round. A layer's name must be that of its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from openpose_stage.layouts import Layout

INPUT, OUTPUT = "image", "net_output"
_VGG = ((1, (64, 64)), (2, (128, 128)), (3, (256, 256, 256, 256)), (4, (512, 512)))
_AFTER_VGG = (("conv4_3_CPM", 256), ("conv4_4_CPM", 128))
_FEATURES = _AFTER_VGG[-1][0]


@dataclass
class CaffeGraph:
    """A network while it is written down.

    Attributes:
        text: its layers.
        channels: of every blob.
        parameters: per layer that has weights, the shape of each of its blobs.
    """

    text: list[str] = field(default_factory=list)
    channels: dict[str, int] = field(default_factory=dict)
    parameters: dict[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)

    @property
    def prototxt(self) -> str:
        """The whole network. The input's size is that of whatever comes."""
        shape = "".join(f"input_dim: {size}\n" for size in (1, 3, 16, 16))
        return f'name: "openpose"\ninput: "{INPUT}"\n{shape}' + "".join(self.text)

    def convolution(self, name: str, bottom: str, filters: int, kernel: int) -> str:
        """Adds one that keeps the size; returns its blob."""
        self.parameters[name] = ((filters, self.channels[bottom], kernel, kernel), (filters,))
        what = f"num_output: {filters} pad: {kernel // 2} kernel_size: {kernel}"
        return self._layer("Convolution", name, [bottom], filters, f"convolution_param {{ {what} }}")

    def activated(self, blob: str, name: str, kind: str) -> None:
        """Adds a ReLU or PReLU, in place."""
        if kind == "PReLU":
            self.parameters[name] = ((self.channels[blob],),)
        self.text.append(f'layer {{ name: "{name}" type: "{kind}" bottom: "{blob}" top: "{blob}" }}\n')

    def halved(self, bottom: str, name: str) -> str:
        """Adds a pooling by two; an odd side is rounded up, as Caffe does."""
        return self._layer(
            "Pooling", name, [bottom], self.channels[bottom], "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"
        )

    def joined(self, name: str, bottoms: Sequence[str]) -> str:
        """Adds a concatenation of channels."""
        total = sum(self.channels[bottom] for bottom in bottoms)
        return self._layer("Concat", name, bottoms, total, "concat_param { axis: 1 }")

    def _layer(self, kind: str, name: str, bottoms: Sequence[str], channels: int, settings: str) -> str:
        self.channels[name] = channels
        below = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
        self.text.append(f'layer {{ name: "{name}" type: "{kind}" {below} top: "{name}" {settings} }}\n')
        return name


def two_branches(layout: Layout, stages: int) -> CaffeGraph:
    """COCO's and MPI's network, of that many stages."""
    graph, features = _features("ReLU")
    ends = {1: layout.fields, 2: layout.heatmaps}
    blobs = dict.fromkeys(ends, features)
    for branch, channels in ends.items():
        layers = (*((f"{step}_CPM_L{branch}", 128, 3) for step in (1, 2, 3)), (f"4_CPM_L{branch}", 512, 1))
        for name, filters, kernel in layers:
            blobs[branch] = graph.convolution(f"conv5_{name}", blobs[branch], filters, kernel)
            graph.activated(blobs[branch], f"relu5_{name}", "ReLU")
        blobs[branch] = graph.convolution(f"conv5_5_CPM_L{branch}", blobs[branch], channels, 1)
    for stage in range(2, stages + 1):
        start = graph.joined(f"concat_stage{stage}", [blobs[1], blobs[2], features])
        for branch, channels in ends.items():
            blobs[branch] = start
            for step in range(1, 7):
                name = f"{step}_stage{stage}_L{branch}"
                blobs[branch] = graph.convolution(f"Mconv{name}", blobs[branch], 128, 7 if step < 6 else 1)
                graph.activated(blobs[branch], f"Mrelu{name}", "ReLU")
            blobs[branch] = graph.convolution(f"Mconv7_stage{stage}_L{branch}", blobs[branch], channels, 1)
    graph.joined(OUTPUT, [blobs[2], blobs[1]])
    return graph


def dense_blocks(layout: Layout) -> CaffeGraph:
    """BODY_25's network: four stages of fields (L2), then two of heatmaps (L1)."""
    graph, features = _features("PReLU")
    fields = _dense_stage(graph, features, "stage0_L2", (96, 256, layout.fields))
    for stage in (1, 2, 3):
        start = graph.joined(f"concat_stage{stage}_L2", [features, fields])
        fields = _dense_stage(graph, start, f"stage{stage}_L2", (128, 512, layout.fields))
    start = graph.joined("concat_stage0_L1", [features, fields])
    heatmaps = _dense_stage(graph, start, "stage0_L1", (96, 256, layout.heatmaps))
    start = graph.joined("concat_stage1_L1", [features, heatmaps, fields])
    heatmaps = _dense_stage(graph, start, "stage1_L1", (128, 512, layout.heatmaps))
    graph.joined(OUTPUT, [heatmaps, fields])
    return graph


def _features(last_activations: str) -> tuple[CaffeGraph, str]:
    """The twelve convolutions at the beginning; the last three have the stages' kind of activation."""
    graph = CaffeGraph(channels={INPUT: 3})
    blob = INPUT
    for group, widths in _VGG:
        for number, filters in enumerate(widths, 1):
            blob = graph.convolution(f"conv{group}_{number}", blob, filters, 3)
            kind = last_activations if (group, number) == (4, 2) else "ReLU"
            graph.activated(blob, f"{kind.lower()}{group}_{number}", kind)
        if group < 4:
            blob = graph.halved(blob, f"pool{group}_stage1")
    for name, filters in _AFTER_VGG:
        blob = graph.convolution(name, blob, filters, 3)
        graph.activated(blob, name.replace("conv", last_activations.lower()), last_activations)
    return graph, blob


def _dense_stage(graph: CaffeGraph, blob: str, stage: str, widths: tuple[int, int, int]) -> str:
    """Five dense blocks and two 1 x 1 convolutions."""
    block, hidden, out = widths
    for step in range(1, 6):
        parts = []
        for number in range(3):
            blob = graph.convolution(f"Mconv{step}_{stage}_{number}", blob, block, 3)
            graph.activated(blob, f"Mprelu{step}_{stage}_{number}", "PReLU")
            parts.append(blob)
        blob = graph.joined(f"Mconv{step}_{stage}_concat", parts)
    blob = graph.convolution(f"Mconv6_{stage}", blob, hidden, 1)
    graph.activated(blob, f"Mprelu6_{stage}", "PReLU")
    return graph.convolution(f"Mconv7_{stage}", blob, out, 1)
