"""What the benchmarks of both stages share: engines take turns, and the machine's own peak is measured beside them."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from stage_kit.networks.openvino import compile_network, import_openvino
from stage_kit.networks.precision import Precision, has_bf16

PEAKS: tuple[Precision, ...] = ("fp32", "bf16")
CHANNELS, SIDE, LAYERS = 512, 26, 4  # of many shapes tried the fastest


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        network, engine, precision, batch: what ran.
        per_second: images or crops a second, median over the rounds.
        spread: half the distance between the slowest and the fastest round, relative to the median.
        ratio: to eager PyTorch in fp32 at batch 1, in the same run.
        roofline: part of the direct convolution's peak in that precision, measured in the same run; None where that was
            not.
    """

    network: str
    engine: str
    precision: str
    batch: int
    per_second: float
    spread: float
    ratio: float
    roofline: float | None


@dataclass(frozen=True)
class Candidate:
    """Something that computes `batch` items when called."""

    engine: str
    precision: str
    batch: int
    run: Callable[[], object]


def compare(network: str, flops: float, candidates: list[Candidate], rounds: int, seconds: float) -> list[Row]:
    """Rows of all candidates; the first is the one that ratios are taken of. `flops` is per item."""
    measures = {precision: convolution_peak(precision) for precision in PEAKS if precision != "bf16" or has_bf16()}
    peaks = dict.fromkeys(measures, 0.0)
    rates: dict[int, list[float]] = {index: [] for index in range(len(candidates))}
    for candidate in candidates:
        candidate.run()
    for _ in range(rounds):
        for precision, measure in measures.items():
            peaks[precision] = max(peaks[precision], measure(seconds / 2))
        for index, candidate in enumerate(candidates):
            rates[index].append(candidate.batch * per_second(candidate.run, seconds))
    reference = statistics.median(rates[0])
    return [
        Row(
            network=network,
            engine=candidate.engine,
            precision=candidate.precision,
            batch=candidate.batch,
            per_second=(middle := statistics.median(rates[index])),
            spread=(max(rates[index]) - min(rates[index])) / 2 / middle,
            ratio=middle / reference,
            roofline=middle * flops / peaks[candidate.precision] if candidate.precision in peaks else None,
        )
        for index, candidate in enumerate(candidates)
    ]


def per_second(run: Callable[[], object], seconds: float) -> float:
    """How often a second `run` runs, over at least `seconds`."""
    begun, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < seconds:
        run()
        count += 1
    return count / passed


def convolution_peak(precision: Precision) -> Callable[[float], float]:
    """Measures, over some seconds, the operations a second of OpenVINO on nothing but large 3 x 3 convolutions.

    A matrix product of PyTorch is no peak: OpenVINO's convolutions do more than twice as much.
    """
    openvino = import_openvino()
    from openvino import opset13 as ops

    source = ops.parameter([1, CHANNELS, SIDE, SIDE], np.float32)
    rng = np.random.default_rng(0)
    node = source
    for _ in range(LAYERS):
        kernels = rng.standard_normal((CHANNELS, CHANNELS, 3, 3), np.float32) / np.float32(3 * CHANNELS**0.5)
        node = ops.relu(ops.convolution(node, kernels, [1, 1], [1, 1], [1, 1], [1, 1]))
    network = compile_network(openvino.Model([node], [source], "peak"), precision)
    inputs = rng.standard_normal((8, CHANNELS, SIDE, SIDE), np.float32)
    operations = 2 * (3 * CHANNELS * SIDE) ** 2 * LAYERS * len(inputs)
    network.infer(inputs)
    return lambda seconds: operations * per_second(lambda: network.infer(inputs), seconds)


def write_rows(path: Path, rows: list[Row], facts: Mapping[str, object]) -> None:
    """The rows and what else is to be known, as JSON."""
    content = {"facts": dict(facts), "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
