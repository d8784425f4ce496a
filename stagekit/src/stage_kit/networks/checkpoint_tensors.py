"""The tensors of a PyTorch checkpoint as numpy sees them: views of the file, checked before memory is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stage_kit.networks.checkpoint_machine import Build, Foreign, UnreadableError

_MOST_DIMENSIONS = 32  # numpy 1's limit
_LARGEST_EMPTY = 1 << 40  # numpy refuses what it could not address
_BFLOAT16 = "bfloat16"
# PyTorch's name of a number -> numpy's; numpy has no bfloat16 and reads its bits.
_NUMBERS = {_BFLOAT16: "uint16"} | {
    name: name
    for name in (
        "float16", "float32", "float64", "bool",
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    )
}  # fmt: skip
_STORAGES = {
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": _BFLOAT16,
    "torch.DoubleStorage": "float64",
    "torch.CharStorage": "int8",
    "torch.ShortStorage": "int16",
    "torch.IntStorage": "int32",
    "torch.LongStorage": "int64",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
    "torch.storage.UntypedStorage": "uint8",
}


@dataclass(eq=False)
class Storage:
    """`count` numbers in a row, which several tensors may share. `raw` is filled in when their place is known."""

    numbers: str
    count: int
    raw: memoryview | None = None
    big_endian: bool = False

    @property
    def size_bytes(self) -> int:
        """How long `raw` must be."""
        return self.count * np.dtype(_NUMBERS[self.numbers]).itemsize


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor whose numbers lie in a storage; offset and strides count numbers, and stay inside of it."""

    storage: Storage
    numbers: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> NDArray[Any]:
        """The numbers, in the machine's byte order: where it can be a view of the file, and bfloat16 as float32."""
        dtype = np.dtype(_NUMBERS[self.numbers])
        if math.prod(self.shape) == 0:
            return np.empty(self.shape, np.float32 if self.numbers == _BFLOAT16 else dtype)
        assert self.storage.raw is not None
        stored = dtype.newbyteorder(">" if self.storage.big_endian else "<")
        strides = tuple(stride * dtype.itemsize for stride in self.strides)
        # numpy checks once more that all of it lies inside of the storage.
        values = np.ndarray(self.shape, stored, self.storage.raw, self.offset * dtype.itemsize, strides)
        if self.numbers == _BFLOAT16:
            return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
        # The old format lays tensors at any byte; frameworks want them at multiples of the number's size.
        return np.require(values, dtype, "A")


@dataclass
class Storages:
    """The storages that a pickle speaks of, by their key in the file."""

    by_key: dict[str, Storage] = field(default_factory=dict)

    def persistent(self, name: Any) -> object:
        """The storage of a persistent id: ("storage", type, key, device, count), in the old format with a view too."""
        if not isinstance(name, tuple) or not name or name[0] not in ("storage", "module"):
            raise UnreadableError("a persistent id that names no storage")
        if name[0] == "module":
            return Foreign("a module with its source")
        kind, key, _device, count = name[1:5]
        if not isinstance(kind, Foreign) or not isinstance(key, str) or not _is_count(count):
            raise UnreadableError("a storage without type, key or size")
        numbers = _STORAGES.get(kind.name)
        if numbers is None:
            return kind
        if len(name) > 5 and name[5] is not None:
            return Foreign("a part of a storage")  # of a PyTorch of 2017
        storage = self.by_key.setdefault(key, Storage(numbers, count))
        if (storage.numbers, storage.count) != (numbers, count):
            raise UnreadableError(f"storage {key} is told to be two different ones")
        return storage


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_rest: Any) -> object:
    """What torch._utils._rebuild_tensor and _v2 are given; the rest is gradients and hooks."""
    if isinstance(storage, Foreign):
        return storage
    if not isinstance(storage, Storage):
        raise UnreadableError("a tensor without a storage")
    return _checked(storage, storage.numbers, storage.count, (offset, shape, strides))


def _tensor_of_bytes(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> object:
    """What torch._utils._rebuild_tensor_v3 is given: a storage of bytes, and after two others the type of number."""
    kind = rest[2]
    if not isinstance(storage, Storage) or not isinstance(kind, Foreign):
        return Foreign("a tensor of no numbers")
    numbers = kind.name.removeprefix("torch.")
    if numbers not in _NUMBERS:
        return kind
    count = storage.size_bytes // np.dtype(_NUMBERS[numbers]).itemsize
    return _checked(storage, numbers, count, (offset, shape, strides))


def _checked(storage: Storage, numbers: str, count: int, place: tuple[Any, Any, Any]) -> StoredTensor:
    offset, shape, strides = place
    if not isinstance(shape, tuple) or not isinstance(strides, tuple) or len(shape) != len(strides):
        raise UnreadableError("a tensor whose shape and strides are no two tuples of one length")
    if len(shape) > _MOST_DIMENSIONS:
        raise UnreadableError(f"a tensor of {len(shape)} dimensions; {_MOST_DIMENSIONS} is the limit")
    if not all(_is_count(number) for number in (offset, *shape, *strides)):
        raise UnreadableError("a tensor whose offset, shape or strides are no counts")
    size = math.prod(shape)
    if size > count:
        raise UnreadableError(f"a tensor {list(shape)} of {size} numbers; its storage of {count} is the limit")
    last = offset + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    if size and last >= count:
        raise UnreadableError(f"a tensor {list(shape)} that ends at number {last + 1} of a storage of {count}")
    if not size and math.prod(length or 1 for length in shape) > _LARGEST_EMPTY:
        raise UnreadableError(f"an empty tensor {list(shape)}; its sides may multiply to {_LARGEST_EMPTY}")
    # A side of one number may have any stride, which numpy need not be able to hold.
    steps = tuple(stride if length > 1 else 0 for length, stride in zip(shape, strides, strict=True))
    return StoredTensor(storage, numbers, offset, shape, steps)


def _itself(value: Any, *_rest: Any) -> object:
    return value


def _shape(value: Any = ()) -> object:
    if not isinstance(value, tuple):
        raise UnreadableError("a torch.Size of no tuple")
    return value


def _device(kind: Any, *index: Any) -> object:
    return Foreign("torch.device") if not isinstance(kind, str) or index else kind


# All that is ever built; each of these gives plain data.
BUILDERS: Mapping[str, Build] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_bytes,
    "torch._utils._rebuild_parameter": _itself,
    "torch._utils._rebuild_parameter_with_state": _itself,
    "torch.Size": _shape,
    "torch.device": _device,
}
