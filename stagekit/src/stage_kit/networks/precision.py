"""Which arithmetic a network runs in, and on which device: fp32 unless something faster is known to be as good."""

from __future__ import annotations

import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pose_contract.errors import UsageError
from stage_kit.networks.device import may_have_cuda, wants_gpu
from stage_kit.stages import installed_stages

Precision = Literal["fp32", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "int8")
CAN: dict[str, tuple[Precision, ...]] = {"openvino": PRECISIONS, "torch": ("fp32", "bf16")}
IN_WORDS = {"openvino": "OpenVINO", "opencv": "OpenCV", "torch": "PyTorch"}
EMBEDDED = "embedded weights (see docs/networks.md)"
LARGEST_LOSS = 0.2  # points of PCK or AP50 that bf16 may cost to be taken unasked


def choose_precision(requested: str, engine: str, weights_sha256: str) -> tuple[Precision, str]:
    """The precision, and why, for `auto`, `fp32`, `bf16` or `int8`.

    `auto` takes bf16 where the engine is OpenVINO, the CPU computes in bf16, and precision.toml says what that was
    measured to cost with these very weights: under 0.2 points.

    Raises:
        UsageError: a precision that the engine, or the CPU, does not compute in.
    """
    able = CAN.get(engine, ("fp32",))
    if requested not in ("auto", *able):
        reason = f"--precision {requested}: the {engine} engine computes in {' and '.join(able)} only"
        raise UsageError(reason, "give --engine openvino, or --precision fp32")
    if requested == "bf16" and not (engine == "torch" and may_have_cuda()) and not has_bf16():
        raise UsageError("--precision bf16: this CPU has no bf16 arithmetic", "give --precision fp32 or auto")
    for precision in PRECISIONS:
        if requested == precision:
            return precision, "requested"
    if engine != "openvino":
        return "fp32", "what this engine takes unasked"
    loss = bf16_losses().get(weights_sha256)
    if loss is None:
        return "fp32", "what bf16 costs with these weights was not measured"
    if loss >= LARGEST_LOSS:
        return "fp32", f"bf16 costs {loss:g} points with these weights"
    return ("bf16", f"it costs {loss:g} points") if has_bf16() else ("fp32", "this CPU has no bf16")


def engine_in_words(engine: str, precision: str, device: str) -> str:
    """`OpenVINO bf16`, `PyTorch fp32 on the GPU`: what a run says of its engine first."""
    where = " on the GPU" if engine == "torch" and wants_gpu(device) else ""
    return f"{IN_WORDS.get(engine, engine)} {precision}{where}"


def has_bf16() -> bool:
    """Whether the CPU computes in bf16 itself: as OpenVINO sees it, or, where that is not installed, Linux."""
    if find_spec("openvino") is not None:
        from stage_kit.networks.openvino import the_core

        return "BF16" in the_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16"))


def bf16_losses() -> dict[str, float]:
    """Points of PCK@0.2 or AP50 lost in bf16, by the weights' sha256, as measured on labelled photos."""
    tables = [tomllib.loads(stage.text_of("precision.toml")) for stage in installed_stages()]
    return {row["sha256"]: float(row["loss"]) for table in tables for row in table.get("weights", [])}
