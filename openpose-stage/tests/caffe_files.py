"""Caffe files written by hand: a .caffemodel is a protobuf of layers with a name and blobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, Sequence[NDArray[np.float32]]]


def caffemodel(layers: Weights, old_format: bool = False) -> bytes:
    """The bytes of a file with these layers' blobs."""
    field, named, blobs = (2, 4, 6) if old_format else (100, 1, 7)
    return b"".join(
        _field(field, _field(named, name.encode()) + b"".join(_field(blobs, _blob(array)) for array in arrays))
        for name, arrays in layers.items()
    )


def flat_weights(parameters: Mapping[str, tuple[tuple[int, ...], ...]]) -> Weights:
    """The same small number everywhere, for every layer of a graph."""
    return {name: [np.full(shape, 1e-3, np.float32) for shape in shapes] for name, shapes in parameters.items()}


def _blob(array: NDArray[np.float32]) -> bytes:
    shape = b"".join(_varint(side) for side in array.shape)
    return _field(5, array.astype("<f4").tobytes()) + _field(7, _field(1, shape))


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
