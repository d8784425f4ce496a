"""What is in a .caffemodel: the names of its layers and the sizes of their weights, read without Caffe or protobuf.

OpenCV takes a web page for a network without weights, and finds that out when it computes. So a file is looked through
before: NetParameter, whose layers are field 100 (or 2, of Caffe's first format), each with a name and blobs.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pose_contract.errors import WeightsError
from stage_kit.regular_files import open_regular
from stage_kit.weights.published import how_to_replace

_LAYER, _NAME, _BLOBS = 100, 1, 7
_OLD_LAYER, _OLD_NAME, _OLD_BLOBS = 2, 4, 6
_DATA, _DOUBLES = 5, 8  # of a blob: packed floats, or doubles
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_MOST_LAYERS = 10_000
_NAMED = 3  # layers that a message names


class _DamagedError(Exception):
    """Bytes that are no protobuf."""


def require_weights(path: Path, parameters: Mapping[str, tuple[tuple[int, ...], ...]]) -> None:
    """Refuses a file that does not hold as many weights as blobs of these shapes; other layers are passed over.

    Raises:
        WeightsError: missing, a web page, damaged, cut off, or of another network.
    """
    found = read_sizes(path)
    lacking = [name for name in parameters if not any(found.get(name, ()))]
    if lacking:
        named = ", ".join(lacking[:_NAMED])
        reason = f"{path}: {len(lacking)} of {len(parameters)} layers have no weights in it: {named} …"
        raise WeightsError(
            reason, f"it is of another network, or cut off: give another --model, or {how_to_replace(path)}"
        )
    for name, shapes in parameters.items():
        sizes = tuple(map(math.prod, shapes))
        if found[name] != sizes:
            reason = f"{path}: layer {name} has {list(found[name])} weights instead of {list(sizes)}"
            raise WeightsError(reason, "it is of another network: give another --model")


def read_sizes(path: Path) -> dict[str, tuple[int, ...]]:
    """Per layer that has blobs, how many numbers each holds. Raises WeightsError."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            head = file.read(512).lstrip()
            if head.startswith(b"<"):
                raise WeightsError(f"{path}: is a web page, not weights", how_to_replace(path))
            if not head:
                raise WeightsError(f"{path}: is empty", how_to_replace(path))
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _layers(data)
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file", "check --weights_path") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}", "give a readable weights file") from None
    except _DamagedError as error:
        raise WeightsError(f"{path}: is damaged or no caffemodel: {error}", how_to_replace(path)) from None


def _layers(data: mmap.mmap) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for number, start, end in _fields(data, 0, len(data)):
        if number not in (_LAYER, _OLD_LAYER):
            continue
        named, blobs = (_NAME, _BLOBS) if number == _LAYER else (_OLD_NAME, _OLD_BLOBS)
        name, sizes = "", []
        for inner, begin, stop in _fields(data, start, end):
            if inner == named:
                name = data[begin:stop].decode("utf-8", "replace")
            elif inner == blobs:
                sizes.append(_numbers(data, begin, stop))
        if sizes:
            found[name] = tuple(sizes)
        if len(found) > _MOST_LAYERS:
            raise _DamagedError(f"over {_MOST_LAYERS} layers")
    return found


def _numbers(data: mmap.mmap, start: int, end: int) -> int:
    """How many numbers a blob holds."""
    sizes = {_DATA: 4, _DOUBLES: 8}
    return sum((stop - begin) // sizes[number] for number, begin, stop in _fields(data, start, end) if number in sizes)


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, begin and end of every field of a message."""
    at = start
    while at < end:
        key, at = _varint(data, at, end)
        number, kind = key >> 3, key & 7
        begin = at
        if kind == _VARINT:
            _, at = _varint(data, at, end)
        elif kind == _BYTES:
            length, begin = _varint(data, at, end)
            at = begin + length
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise _DamagedError(f"byte {at} begins no field")
        if at > end or number == 0:
            raise _DamagedError("it is cut off" if at > len(data) else f"byte {begin} begins no field")
        yield number, begin, at


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise _DamagedError("it is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _DamagedError(f"byte {at} is part of no number")
