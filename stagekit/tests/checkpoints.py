"""Checkpoints put together by hand, so that each can be wrong in one thing. torch is not needed."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEADER_BYTES = 34  # of an entry and of a field in its extra
MAGIC = 0x1950A86A20F9469CFC6C


@dataclass
class Named:
    """Pickled as a global name."""

    module: str
    name: str


@dataclass
class Call:
    """Pickled as a call of a global name."""

    module: str
    name: str
    arguments: tuple[Any, ...]
    state: Any = None


@dataclass
class Kept:
    """Pickled as a persistent id."""

    content: tuple[Any, ...]


def pickled(value: Any) -> bytes:
    """Protocol 2, as torch writes it."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: Any) -> bytes:
    match value:
        case Named(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(module, name, arguments, state):
            built = _opcodes(state) + b"b" if state is not None else b""
            return f"c{module}\n{name}\n".encode() + _opcodes(arguments) + b"R" + built
        case Kept(content):
            return _opcodes(content) + b"Q"
        case dict():
            return b"}(" + b"".join(_opcodes(part) for item in value.items() for part in item) + b"u"
        case list():
            return b"](" + b"".join(_opcodes(part) for part in value) + b"e"
        case tuple():
            return b"(" + b"".join(_opcodes(part) for part in value) + b"t"
        case _:
            return pickle.dumps(value, protocol=2)[2:-1]


def storage(key: str, count: Any, kind: str = "FloatStorage") -> Kept:
    return Kept(("storage", Named("torch", kind), key, "cpu", count))


def tensor(
    kept: Any, shape: Sequence[Any] = (2, 3), strides: Sequence[Any] = (3, 1), offset: Any = 0, function: str = ""
) -> Call:
    arguments = (kept, offset, tuple(shape), tuple(strides), False, Call("collections", "OrderedDict", ()))
    return Call("torch._utils", function or "_rebuild_tensor_v2", arguments)


FLOATS = struct.pack("<6f", *range(6))


def zipped(path: Path, tree: Any, storages: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """The zip format; `tree` may be the pickle itself."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", tree if isinstance(tree, bytes) else pickled(tree))
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/byteorder", b"little")
        for key, raw in storages.items():
            info = zipfile.ZipInfo(f"archive/data/{key}")
            info.compress_type = compression
            # torch pads the extra field until the numbers lie at a multiple of 64.
            padding = -(archive.start_dir + _HEADER_BYTES + len(info.filename)) % 64
            info.extra = struct.pack("<HH", 0x4246, padding) + bytes(padding)
            archive.writestr(info, raw)
    return path


def in_a_row(path: Path, tree: Any, storages: Mapping[str, tuple[int, bytes]], big_endian: bool = False) -> Path:
    """The format of before PyTorch 1.6."""
    stream = io.BytesIO()
    facts = {"protocol_version": 1001, "little_endian": not big_endian}
    for value in (MAGIC, 1001, facts):
        pickle.dump(value, stream, protocol=2)
    stream.write(tree if isinstance(tree, bytes) else pickled(tree))
    pickle.dump(list(storages), stream, protocol=2)
    for count, raw in storages.values():
        stream.write(count.to_bytes(8, "big" if big_endian else "little") + raw)
    path.write_bytes(stream.getvalue())
    return path
