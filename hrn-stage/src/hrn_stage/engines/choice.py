"""Choose the engine for HRNet, without importing any."""

from __future__ import annotations

from importlib.util import find_spec

from pose_contract.errors import UsageError
from stage_kit.networks.device import how_to_get_torch, wants_gpu


def choose_engine(requested: str, device: str) -> tuple[str, str]:
    """Engine to load and, in a few words, why; `requested` is auto, openvino or torch, `device` auto, cpu or cuda.

    `auto` is torch where there is a GPU, else openvino, the faster one on a CPU, if it is installed.

    Raises:
        UsageError: an engine that is asked for, or all, are not installed; openvino shall run on a GPU.
    """
    installed = find_spec("openvino") is not None
    has_torch = find_spec("torch") is not None
    if requested == "openvino":
        if device == "cuda":
            raise UsageError("--engine openvino runs on the CPU only", "drop --device cuda, or give --engine torch")
        if not installed:
            raise UsageError("--engine openvino: OpenVINO is not installed", "give --engine torch, or run make setup")
        return "openvino", "requested"
    if (requested == "torch" or device == "cuda") and not has_torch:
        flag = "--engine torch" if requested == "torch" else "--device cuda"
        raise UsageError(f"{flag}: PyTorch is not installed", f"drop {flag}; {how_to_get_torch()}")
    if requested == "torch":
        return "torch", "requested"
    if not installed and not has_torch:
        raise UsageError("neither OpenVINO nor PyTorch is installed", "run make setup")
    if wants_gpu(device):
        return "torch", "on the GPU"
    return ("openvino", "the fastest on a CPU") if installed else ("torch", "OpenVINO is not installed")
