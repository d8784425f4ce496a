"""OpenVINO on the CPU, for both stages: a converted network kept in a cache, and run on many inputs at once.

OpenVINO is imported when a network is loaded, and not before.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stage_kit.command.progress import tell
from stage_kit.networks.precision import Precision

# Of what is not quantised in an int8 network there is little; it stays exact.
ELEMENT_TYPES: dict[str, str] = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
MODEL, NOTE, CALIBRATION, SUMS = "network.xml", "note.txt", "calibration.txt", "sha256.txt"
DAY = 86400  # seconds


def cache_folders() -> tuple[Path, ...]:
    """Where converted networks are looked for: POSE_CACHE (default ~/.cache/pose-estimation), then the environment's
    own, which an image of a container fills when it is built. New ones are written to the first.
    """
    given = os.environ.get("POSE_CACHE") or os.environ.get("XDG_CACHE_HOME")
    if not given:
        home = os.environ.get("HOME")  # without one there is nowhere to keep anything for the next run
        given = str(Path(home, ".cache")) if home else tempfile.gettempdir()
    own = Path(given) if os.environ.get("POSE_CACHE") else Path(given, "pose-estimation")
    return own, Path(sys.prefix, "share", "pose-estimation")


def converted_model(key: str, build: Callable[[], Any]) -> Any:
    """The `openvino.Model` of a network: from the cache, or built and cached.

    Args:
        key: names all that the converted network depends on; a file name.
        build: converts the network.

    Where the cache cannot be written the network is converted every time, and a warning says so.
    """
    model = cached_model(key)
    if model is None:
        model = build()
        keep_model(key, model)
    return model


def cached_model(key: str) -> Any | None:
    """The model of that name in the cache; None where there is none, or a damaged one."""
    core = the_core()
    for folder in cache_folders():
        entry = folder / "openvino" / key
        if is_readable(entry / MODEL):
            with contextlib.suppress(RuntimeError, OSError):
                if (entry / SUMS).read_text(encoding="ascii", errors="replace") == _sums_of(entry):
                    return core.read_model(entry / MODEL)
            tell(f"the converted network in {entry} is damaged, or of an earlier release: it is converted anew")
            shutil.rmtree(entry, ignore_errors=True)
    return None


def _sums_of(entry: Path) -> str:
    """The hashes of a cached model's files: flipped bits of a disk would give other people, and no error."""
    lines = []
    for path in sorted(entry.iterdir()):
        if path.name != SUMS:
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return "".join(lines)


def keep_model(key: str, model: Any, note: str = "", calibration: str = "") -> None:
    """Caches a model with a note about it: a folder that appears whole or not at all."""
    place = cache_folders()[0] / "openvino"
    try:
        place.mkdir(parents=True, exist_ok=True)
        _sweep(place)
        with tempfile.TemporaryDirectory(prefix=f".{key}-", dir=place) as temporary:
            new = Path(temporary, "new")
            import_openvino().save_model(model, new / MODEL, compress_to_fp16=False)
            (new / NOTE).write_text(note, encoding="utf-8")
            (new / CALIBRATION).write_text(calibration, encoding="ascii")
            (new / SUMS).write_text(_sums_of(new), encoding="ascii")
            for file in new.iterdir():
                with file.open("rb") as written:
                    os.fsync(written.fileno())  # a file of zeros, after a power cut, would load
            new.rename(place / key)
    except (OSError, RuntimeError) as error:
        if not is_readable(place / key / MODEL):  # else another process was quicker
            tell(f"the converted network can't be kept in {place}, so every start converts it anew: {error}")


def cached_note(key: str, file: str = NOTE) -> str:
    """The note about a cached model, or another file beside it; empty where there is none."""
    notes = (folder / "openvino" / key / file for folder in cache_folders())
    return next((note.read_text(encoding="utf-8") for note in notes if is_readable(note)), "")


def is_readable(path: Path) -> bool:
    """Whether there is such a file that may be read; a folder that may not be entered has none."""
    return os.access(path, os.R_OK) and path.is_file()


def _sweep(place: Path) -> None:
    """Removes what a process that was killed while it wrote has left, a day later."""
    for left in place.glob(".*"):
        if time.time() - left.stat().st_mtime > DAY:
            shutil.rmtree(left, ignore_errors=True)


@dataclass(frozen=True)
class CompiledNetwork:
    """A network of one input [1, ...] with more requests than fit onto the cores, so that none waits for us."""

    requests: SimpleQueue[Any]
    outputs: int
    # Two threads that are the first to hand OpenVINO an array at the same moment would wait for each other for ever:
    # one inside of its bindings' initialisation for the GIL, the other with the GIL for that initialisation.
    entrance: threading.Lock = field(default_factory=threading.Lock)

    def infer(self, inputs: NDArray[np.float32] | Sequence[NDArray[np.float32]]) -> list[list[NDArray[np.float32]]]:
        """Runs every row of `inputs` [N, ...] by itself; returns, per row, the network's outputs without batch axis.

        Where the network's sides are open the rows may be of several shapes, as a list.
        A row's numbers do not depend on the others. Several threads may call it at a time: while one takes its results
        the cores work on the inputs of the other.
        """
        rows = [np.ascontiguousarray(row)[None] for row in inputs]  # OpenVINO reads them where they lie
        results: list[list[NDArray[np.float32]]] = []
        running: deque[Any] = deque()
        try:
            for row in rows:
                while (request := self._free_request(wait=not running)) is None:
                    results.append(self._result(running))
                running.append(request)
                with self.entrance:
                    request.start_async({0: row}, share_inputs=True)
            while running:
                results.append(self._result(running))
        finally:
            for request in running:  # of a batch of which one has failed
                with contextlib.suppress(RuntimeError):
                    request.cancel()
                    request.wait()
                self.requests.put(request)
        return results

    def _free_request(self, wait: bool) -> Any | None:
        try:
            return self.requests.get(block=wait)
        except Empty:
            return None

    def _result(self, running: deque[Any]) -> list[NDArray[np.float32]]:
        """The outputs of the request that began first, which is free from then on."""
        running[0].wait()
        request = running.popleft()
        with self.entrance:
            outputs = [request.get_output_tensor(index).data[0].copy() for index in range(self.outputs)]
        self.requests.put(request)
        return outputs


def compile_network(model: Any, precision: Precision) -> CompiledNetwork:
    """Compiles for throughput on the CPU.

    The precision is asked for: unasked OpenVINO rounds to bf16 wherever the CPU can.
    """
    settings = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": ELEMENT_TYPES[precision],
        "INFERENCE_NUM_THREADS": len(os.sched_getaffinity(0)),
    }
    compiled = the_core().compile_model(model, "CPU", settings)
    requests: SimpleQueue[Any] = SimpleQueue()
    for _ in range(2 * compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")):
        requests.put(compiled.create_infer_request())
    return CompiledNetwork(requests, len(compiled.outputs))


@functools.cache
def the_core() -> Any:
    """The one `openvino.Core` of this process.

    Each brings its own CPU plugin, and each of these gives the calling thread a stack for signals. When two go in
    another order than the reverse of their coming, the thread is left with one that is gone, and the next signal kills
    the process.
    """
    return import_openvino().Core()


def import_openvino() -> Any:
    """The package, without its telemetry: nobody was asked whether a run may be told to anyone."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # an import of it fails, and it is left
    import openvino  # type: ignore[import-untyped, import-not-found, unused-ignore]

    return openvino
