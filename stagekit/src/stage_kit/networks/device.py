"""Where a network runs: the CPU or a CUDA GPU, and what an image of a container holds."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pose_contract.errors import UsageError

Device = Literal["auto", "cpu", "cuda"]


def may_have_cuda() -> bool:
    """Whether a GPU may be there: torch, which takes seconds to import, is asked only then."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(Path(path).exists() for path in ("/dev/nvidiactl", "/dev/dxg"))


def require_gpu(device: str) -> None:
    """Refuses `cuda` on a machine without an NVIDIA GPU, before anything else that may be missing is spoken of.

    Raises:
        UsageError: cuda is asked for, and no NVIDIA driver is here or the GPUs are hidden.
    """
    if device == "cuda" and not may_have_cuda():
        inside = "; a container sees GPUs by --gpus=all or compose.gpu.yaml" if flavour_of_this_image() else ""
        raise UsageError("--device cuda: there is no CUDA GPU here", f"give --device cpu or auto{inside}")


def sees_cuda() -> bool:
    """Whether PyTorch is installed and sees a GPU."""
    if not may_have_cuda() or find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


def wants_gpu(device: str) -> bool:
    """Whether `device` (auto, cpu or cuda) asks for the GPU, or leaves it open where there is one."""
    return device == "cuda" or (device == "auto" and sees_cuda())


def torch_device(device: str) -> str:
    """`cpu` or `cuda`, for auto, cpu or cuda.

    Raises:
        UsageError: cuda is asked for and not there.
    """
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UsageError("--device cuda: PyTorch sees no CUDA GPU here", "give --device cpu or auto")
    return "cuda" if available and device != "cpu" else "cpu"


def flavour_of_this_image() -> str:
    """` in this image of FLAVOUR=…` in a container, whose image holds the engines of its flavour; else nothing."""
    flavour = os.environ.get("POSE_FLAVOUR")
    return f" in this image of FLAVOUR={flavour}" if flavour else ""


def how_to_get_torch() -> str:
    """What brings the packages of the torch engines."""
    if flavour_of_this_image():
        return "an image with all engines: make build FLAVOUR=cuda"
    return "make setup TORCH=1 installs it"
