"""Choose the engine for a network, without importing any."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from pose_contract.errors import ConfigError
from stage_kit.networks.device import flavour_of_this_image, how_to_get_torch, wants_gpu
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.engines.refusals import opencv_refusal, openvino_refusal, torch_refusal

PLUG_INS = "yolo_stage.engines"
_PACKAGES = {"openvino": "openvino", "opencv": "cv2"}


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
    on_gpu = wants_gpu(device)
    order = ("torch", "openvino", "opencv") if on_gpu else ("openvino", "opencv", "torch")
    for engine in order:
        if not refusals[engine]:
            passed = [f"the {other} engine can't: {refusals[other]}" for other in order[: order.index(engine)]]
            return engine, "; ".join(passed) or ("on the GPU" if on_gpu else "the fastest on a CPU")
    reasons = "; ".join(f"{engine}: {refusal}" for engine, refusal in refusals.items())
    raise ConfigError(f"no engine can run {network.name} exactly: {reasons}", "give another cfg with --model_def")


def plug_in(engine: str) -> EntryPoint | None:
    """The installed package that brings an engine of that name along: `yolo-torch` brings `torch`."""
    return next(iter(entry_points(group=PLUG_INS, name=engine)), None)


def _missing(engine: str) -> str | None:
    if engine in _PACKAGES:
        found = find_spec(_PACKAGES[engine]) is not None
    else:
        found = plug_in(engine) is not None and find_spec(engine) is not None
    return None if found else f"{_PACKAGES.get(engine, 'yolo-torch')} is not installed{flavour_of_this_image()}"


def _remedy(requested: str, refusals: dict[str, str | None]) -> str:
    others = [engine for engine, refusal in refusals.items() if not refusal and engine != requested]
    remedy = f"use --engine auto, or --engine {others[0]}" if others else "give another cfg with --model_def"
    return f"{remedy}; {how_to_get_torch()}" if requested == "torch" and _missing("torch") else remedy
