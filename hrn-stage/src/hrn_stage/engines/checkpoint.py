"""Published HRNet checkpoints -> a state dict in the official layout, without ever executing what a file says.

Layouts: official (flat keys, bare or under `state_dict`, perhaps with the `module.` of DataParallel), mmpose 0.x
(`backbone.*`, `keypoint_head.*`) and mmpose 1.x (`backbone.*`, `head.*`, `data_preprocessor.*`).
"""

from __future__ import annotations

import _compat_pickle
import io
import pickle
import pickletools
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from pose_contract.errors import WeightsError
from stage_kit.weights.published import how_to_replace

_PREFIXES = ("module.", "backbone.", "keypoint_head.", "head.")
_NOT_OF_THE_NETWORK = "data_preprocessor."  # mmpose 1.x keeps the input's mean and deviation among the weights


class _InertStub:
    """Stands for a class or function of another program in a checkpoint: takes anything, keeps and does nothing."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> _InertStub:
        return object.__new__(cls)

    def __setstate__(self, _state: Any) -> None: ...


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The parameters of the checkpoint at `path`: official names, fp32 on the CPU.

    Raises:
        WeightsError: the file is missing, damaged, no checkpoint, or holds a value that is no finite tensor.
    """
    _refuse_other_files(path)
    checkpoint = _load(path)
    while isinstance(checkpoint, Mapping) and isinstance(checkpoint.get("state_dict"), Mapping):
        checkpoint = checkpoint["state_dict"]
    if not isinstance(checkpoint, Mapping) or not checkpoint:
        raise WeightsError(
            f"{path}: holds no state dict of parameters, but {type(checkpoint).__name__}",
            "give a checkpoint of the official HRNet code or of mmpose",
        )
    parameters: dict[str, Tensor] = {}
    for key, value in checkpoint.items():
        if str(key).removeprefix("module.").startswith(_NOT_OF_THE_NETWORK):
            continue
        name = _official_name(str(key))
        if name in parameters:
            raise WeightsError(f"{path}: two parameters are named {name}", "give the checkpoint of one network")
        parameters[name] = _finite_fp32(path, str(key), value)
    return parameters


def _official_name(key: str) -> str:
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    return key


def _finite_fp32(path: Path, key: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor) or value.is_sparse or value.is_quantized or value.is_complex():
        raise WeightsError(f"{path}: {key} is no plain tensor, but {type(value).__name__}", "give another checkpoint")
    tensor: Tensor = value if not value.is_floating_point() else value.to(torch.float32)
    # A sum is finite only if all its terms are, and needs no mask as large as the tensor.
    if not torch.isfinite(tensor.sum(dtype=torch.float64)):
        raise WeightsError(f"{path}: {key} holds NaN or infinity", how_to_replace(path))
    return tensor


def _refuse_other_files(path: Path) -> None:
    """What a download that went wrong leaves behind, told apart by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(512).lstrip()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file", "fetch it: make weights") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}", "give a readable weights file") from None
    if not head:
        raise WeightsError(f"{path}: is empty", how_to_replace(path))
    if head.startswith(b"<"):
        raise WeightsError(f"{path}: is a web page, not weights", how_to_replace(path))
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path}: is a Git LFS pointer, not the weights themselves", "run git lfs pull, or fetch it")


def _load(path: Path) -> Any:
    """`torch.load`, restricted to plain data; foreign classes in the file become inert stubs."""
    try:
        zipped = zipfile.is_zipfile(path)
        if zipped:
            _check_sums(path)
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
        except pickle.UnpicklingError:
            stubs = _stubs(path, zipped)
            with torch.serialization.safe_globals(stubs):
                return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError:
        # torch's own text would advise to switch the safety off.
        reason = f"{path}: is damaged, or holds more than plain tensors and is not loaded for safety's sake"
        raise WeightsError(reason, how_to_replace(path)) from None
    except WeightsError:
        raise
    except Exception as error:
        # Damaged bytes surface as nearly any exception of the parser (EOFError, KeyError, RuntimeError, ...).
        raise WeightsError(
            f"{path}: is damaged or no checkpoint ({type(error).__name__})", how_to_replace(path)
        ) from None


def _check_sums(path: Path) -> None:
    """torch.load takes the tensors of a zip as they lie; flipped bits show only in the check sums."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise WeightsError(f"{path}: is damaged: wrong check sum of {damaged}", how_to_replace(path))


def _stubs(path: Path, zipped: bool) -> list[Any]:
    """A stub of its own for every name that the file's pickles ask for; torch's own allowed names win over them.

    The names come from a disassembly, which executes nothing.
    """
    if zipped:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            names = _global_names(io.BytesIO(archive.read(name)), pickles=1)
    else:
        with path.open("rb") as file:
            # The old format: magic number, protocol, system facts, then the object itself.
            names = _global_names(file, pickles=4)
    return [(type("InertStub", (_InertStub,), {}), name) for name in sorted(names)]


def _global_names(file: BinaryIO, pickles: int) -> set[str]:
    names = set()
    for _ in range(pickles):
        for opcode, argument, _position in pickletools.genops(file):
            if opcode.name == "GLOBAL":
                module, _, name = str(argument).partition(" ")
                # Protocol 2 spells Python 2's names; torch.load looks for today's.
                module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
                names.add(f"{_compat_pickle.IMPORT_MAPPING.get(module, module)}.{name}")
    return names
