"""PyTorch checkpoints -> numpy arrays, without PyTorch, and without ever executing what a file says.

Formats: the zip archive of PyTorch 1.6 and later, the row of pickles of before. Layouts of a state dict: official (flat
keys, bare or under `state_dict`, perhaps with the `module.` of DataParallel), mmpose 0.x (`backbone.*`,
`keypoint_head.*`) and mmpose 1.x (`backbone.*`, `head.*`, `data_preprocessor.*`).

What a file holds besides plain data and tensors, such as objects of a training program, becomes an inert `Foreign`.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_contract.errors import WeightsError
from stage_kit.networks.checkpoint_files import ZIP_START, read_pickles, read_zip
from stage_kit.networks.checkpoint_machine import Foreign, UnreadableError
from stage_kit.networks.checkpoint_tensors import StoredTensor
from stage_kit.regular_files import open_regular
from stage_kit.weights.published import how_to_replace

_PREFIXES = ("module.", "backbone.", "keypoint_head.", "head.")
_NOT_OF_THE_NETWORK = "data_preprocessor."  # mmpose 1.x keeps the input's mean and deviation among the weights
_MOST_TENSORS = 100_000
_MOST_NESTED = 8
# float16 takes twice its size as float32; many tensors that show one storage would take far more.
_MOST_TIMES_THE_FILE = 8
_MOST_OF_A_SMALL_FILE = 1 << 20  # bytes
_FLOAT32_BYTES = 4


def read_checkpoint(path: Path) -> object:
    """What the checkpoint at `path` holds: dicts, lists, numbers, texts, `StoredTensor`s and inert `Foreign`s.

    The tensors are views of the file, which is mapped into memory and not read before its numbers are.

    Raises:
        WeightsError: the file is missing, damaged, no checkpoint, or larger than its own size allows.
    """
    _refuse_other_files(path)
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            # Private pages: what is written to an array reaches no file. They live as long as an array shows them.
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        return read_zip(path, data) if data[:4] == ZIP_START else read_pickles(data)
    except UnreadableError as error:
        raise WeightsError(f"{path}: is damaged or no checkpoint: {error}", how_to_replace(path)) from None
    except Exception as error:
        # Damaged bytes surface as nearly any exception of the parser (EOFError, KeyError, MemoryError, ...).
        reason = f"{path}: is damaged or no checkpoint ({type(error).__name__})"
        raise WeightsError(reason, how_to_replace(path)) from None


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """The parameters of the checkpoint at `path`: official names, whole numbers as they are, all others as float32.

    Raises:
        WeightsError: the file is missing, damaged, no checkpoint, or holds a value that is no finite tensor.
    """
    checkpoint = read_checkpoint(path)
    for _ in range(_MOST_NESTED):
        if isinstance(checkpoint, Mapping) and isinstance(checkpoint.get("state_dict"), Mapping):
            checkpoint = checkpoint["state_dict"]
    if not isinstance(checkpoint, Mapping) or not checkpoint:
        raise WeightsError(
            f"{path}: holds no state dict of parameters, but {_kind(checkpoint)}",
            "give a checkpoint whose content is model.state_dict(), as the official HRNet code and mmpose write it",
        )
    tensors = _named_tensors(path, checkpoint)
    return {_official_name(key): _finite(path, key, tensor) for key, tensor in tensors.items()}


def _named_tensors(path: Path, state: Mapping[Any, object]) -> dict[str, StoredTensor]:
    """The tensors of the network by their key in the file; their number and size are bounded before any is made."""
    tensors: dict[str, StoredTensor] = {}
    names: set[str] = set()
    for key, value in state.items():
        key = str(key)
        if key.removeprefix("module.").startswith(_NOT_OF_THE_NETWORK):
            continue
        name = _official_name(key)
        if name in names:
            raise WeightsError(f"{path}: two parameters are named {name}", "give the checkpoint of one network")
        if not isinstance(value, StoredTensor):
            raise WeightsError(f"{path}: {key} is no plain tensor, but {_kind(value)}", "give another checkpoint")
        names.add(name)
        tensors[key] = value
    _refuse_too_much(path, tensors.values())
    return tensors


def _refuse_too_much(path: Path, tensors: Collection[StoredTensor]) -> None:
    largest = max(_MOST_TIMES_THE_FILE * path.stat().st_size, _MOST_OF_A_SMALL_FILE)
    size_bytes = sum(_FLOAT32_BYTES * math.prod(tensor.shape) for tensor in tensors)
    if len(tensors) > _MOST_TENSORS or size_bytes > largest:
        raise WeightsError(
            f"{path}: {len(tensors)} tensors of {size_bytes} bytes; the limit is {_MOST_TENSORS} tensors of {largest} "
            f"bytes, {_MOST_TIMES_THE_FILE} times the file",
            "give the weights of one network, each stored once",
        )


def _official_name(key: str) -> str:
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    return key


def _kind(value: object) -> str:
    if isinstance(value, StoredTensor):
        return "Tensor"
    return value.name if isinstance(value, Foreign) else type(value).__name__


def _finite(path: Path, key: str, tensor: StoredTensor) -> NDArray[Any]:
    array = tensor.array()
    if not np.issubdtype(array.dtype, np.floating):
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        array = array.astype(np.float32, copy=False)
        # A sum is finite only if all its terms are, and needs no mask as large as the tensor.
        finite = np.isfinite(array.sum(dtype=np.float64))
    if not finite:
        raise WeightsError(f"{path}: {key} holds NaN or infinity", how_to_replace(path))
    return array


def _refuse_other_files(path: Path) -> None:
    """What a download that went wrong leaves behind, told apart by its first bytes."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
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
