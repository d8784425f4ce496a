"""OpenVINO on the CPU, for both stages: a converted network kept in a cache, and run on many inputs at once.

OpenVINO is imported when a network is loaded, and not before.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import UsageError
from pose_contract.precision import Precision
from pose_contract.progress import tell

ELEMENT_TYPES: dict[str, str] = {"fp32": "f32", "bf16": "bf16"}
MODEL = "network.xml"


def cache_folders() -> tuple[Path, ...]:
    """Where converted networks are looked for: POSE_CACHE (default ~/.cache/pose-estimation), then the environment's
    own, which an image of a container fills when it is built. New ones are written to the first.
    """
    given = os.environ.get("POSE_CACHE")
    own = Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "pose-estimation").expanduser()
    return own, Path(sys.prefix, "share", "pose-estimation")


def converted_model(key: str, build: Callable[[], Any]) -> Any:
    """The `openvino.Model` of a network: from the cache, or built and cached.

    Args:
        key: names all that the converted network depends on; a file name.
        build: converts the network.

    An entry is a folder that appears whole or not at all. Where it cannot be written the network is converted every
    time, and a warning says so.
    """
    core = _core()
    for folder in cache_folders():
        entry = folder / "openvino" / key / MODEL
        if entry.is_file():
            try:
                return core.read_model(entry)
            except RuntimeError:
                shutil.rmtree(entry.parent, ignore_errors=True)
    model = build()
    place = cache_folders()[0] / "openvino"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{key}-", dir=place) as temporary:
            _openvino().save_model(model, Path(temporary, "new", MODEL), compress_to_fp16=False)
            Path(temporary, "new").rename(place / key)
    except (OSError, RuntimeError) as error:
        if not (place / key / MODEL).is_file():  # else another process was quicker
            tell(f"the converted network can't be kept in {place}, so every start converts it anew: {error}")
    return model


@dataclass(frozen=True)
class CompiledNetwork:
    """A network of fixed input shape [1, ...] with as many requests as keep all cores busy."""

    queue: Any
    outputs: int

    @property
    def parallel(self) -> int:
        """How many inputs are computed at the same time."""
        return len(self.queue)

    def infer(self, inputs: NDArray[np.float32]) -> list[list[NDArray[np.float32]]]:
        """Runs every row of `inputs` [N, ...] by itself; returns, per row, the network's outputs without batch axis.

        A row's numbers do not depend on the others.
        """
        results: list[list[NDArray[np.float32]]] = [[] for _ in inputs]

        def keep(request: Any, row: int) -> None:
            results[row] = [request.get_output_tensor(index).data[0].copy() for index in range(self.outputs)]

        self.queue.set_callback(keep)
        for row in range(len(inputs)):
            self.queue.start_async({0: np.ascontiguousarray(inputs[row : row + 1])}, row)
        self.queue.wait_all()
        return results


def compile_network(model: Any, precision: Precision) -> CompiledNetwork:
    """Compiles for throughput on the CPU.

    The precision is asked for: unasked OpenVINO rounds to bf16 wherever the CPU can.

    Raises:
        UsageError: bf16 on a CPU without it.
    """
    core = _core()
    if precision == "bf16" and not has_bf16():
        raise UsageError("--precision bf16: this CPU has no bf16 arithmetic", "give --precision fp32 or auto")
    settings = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": ELEMENT_TYPES[precision],
        "INFERENCE_NUM_THREADS": len(os.sched_getaffinity(0)),
    }
    compiled = core.compile_model(model, "CPU", settings)
    requests = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
    return CompiledNetwork(_openvino().AsyncInferQueue(compiled, requests), len(compiled.outputs))


def has_bf16() -> bool:
    """Whether the CPU computes in bf16 itself."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _core() -> Any:
    return _openvino().Core()


def _openvino() -> Any:
    os.environ.setdefault("OPENVINO_TELEMETRY", "0")
    import openvino  # type: ignore[import-not-found, unused-ignore]

    return openvino
