"""Choose the engine for a network, without importing any."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from pose_contract.errors import ConfigError
from stage_kit.networks.precision import may_have_cuda
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.engines.refusals import opencv_refusal, openvino_refusal, torch_refusal

_PACKAGES = {"openvino": ("openvino",), "torch": ("torch", "pytorchyolo"), "opencv": ("cv2",)}


def choose_engine(requested: str, network: DarknetNetwork, weights: Path, device: str) -> tuple[str, str]:
    """Engine to load and, in one line, why; `requested` is auto, openvino, torch or opencv, `device` auto, cpu or cuda.

    `auto` takes the first that is installed and can honour the cfg: torch where there is a GPU, then openvino, which is
    the fastest on a CPU, opencv, torch. Raises ConfigError with the engines' reasons if the requested one, or with
    `auto` none, can do it exactly.
    """
    refusals = {
        "openvino": _missing("openvino") or openvino_refusal(network, weights, device),
        "torch": _missing("torch") or torch_refusal(network),
        "opencv": _missing("opencv") or opencv_refusal(network, weights, device),
    }
    if requested != "auto":
        if refusal := refusals[requested]:
            reason = f"the {requested} engine can't run {network.name} exactly: {refusal}"
            raise ConfigError(reason, _remedy(requested, refusals))
        return requested, "requested"
    on_gpu = device == "cuda" or (device == "auto" and _sees_cuda())
    order = ("torch", "openvino", "opencv") if on_gpu else ("openvino", "opencv", "torch")
    for engine in order:
        if not refusals[engine]:
            passed = [f"the {other} engine can't: {refusals[other]}" for other in order[: order.index(engine)]]
            return engine, "; ".join(passed) or ("on the GPU" if on_gpu else "the fastest on a CPU")
    reasons = "; ".join(f"{engine}: {refusal}" for engine, refusal in refusals.items())
    raise ConfigError(f"no engine can run {network.name} exactly: {reasons}", "give another cfg with --model_def")


def _missing(engine: str) -> str | None:
    absent = [package for package in _PACKAGES[engine] if find_spec(package) is None]
    return f"{' and '.join(absent)} not installed{_in_this_image()}" if absent else None


def _in_this_image() -> str:
    """The Dockerfile sets POSE_FLAVOUR: an image holds the engines of its flavour."""
    flavour = os.environ.get("POSE_FLAVOUR")
    return f" in this image of FLAVOUR={flavour}" if flavour else ""


def _remedy(requested: str, refusals: dict[str, str | None]) -> str:
    others = [engine for engine, refusal in refusals.items() if not refusal and engine != requested]
    remedy = f"use --engine auto, or --engine {others[0]}" if others else "give another cfg with --model_def"
    if _in_this_image() and _missing(requested):
        remedy += "; an image with all engines: make build FLAVOUR=cuda"
    return remedy


def _sees_cuda() -> bool:
    if not may_have_cuda() or find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()
