"""What the benchmarks of both stages share: engines take turns, and the machine's own peak is measured beside them."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        network, engine, precision, batch: what ran.
        per_second: images or crops a second, median over the rounds.
        spread: half the distance between the slowest and the fastest round, relative to the median.
        ratio: to eager PyTorch in fp32 at batch 1, in the same run.
        roofline: part of the matmul peak of that precision, measured in the same run.
    """

    network: str
    engine: str
    precision: str
    batch: int
    per_second: float
    spread: float
    ratio: float
    roofline: float


@dataclass(frozen=True)
class Candidate:
    """Something that computes `batch` items when called."""

    engine: str
    precision: str
    batch: int
    run: Callable[[], object]


def compare(network: str, flops: float, candidates: list[Candidate], rounds: int, seconds: float) -> list[Row]:
    """Rows of all candidates; the first is the one that ratios are taken of. `flops` is per item."""
    peaks = dict.fromkeys(("fp32", "bf16"), 0.0)
    rates: dict[int, list[float]] = {index: [] for index in range(len(candidates))}
    for candidate in candidates:
        candidate.run()
    for _ in range(rounds):
        for precision, peak in peaks.items():
            peaks[precision] = max(peak, matmul_peak(precision, seconds / 4))
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
            roofline=middle * flops / peaks[candidate.precision],
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


def matmul_peak(precision: str, seconds: float) -> float:
    """Floating-point operations a second of a large matrix product on all cores."""
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    size = 2048
    a, b = torch.ones(size, size, dtype=kind), torch.ones(size, size, dtype=kind)
    torch.mm(a, b)
    return 2 * size**3 * per_second(lambda: torch.mm(a, b), seconds)


def write_rows(path: Path, rows: list[Row], facts: Mapping[str, object]) -> None:
    """The rows and what else is to be known, as JSON."""
    content = {"facts": dict(facts), "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
