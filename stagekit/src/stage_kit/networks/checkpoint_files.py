"""The two files that `torch.save` writes -> plain data: a zip archive (since PyTorch 1.6), pickles in a row before."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from stage_kit.networks.checkpoint_machine import UnreadableError
from stage_kit.networks.checkpoint_pickle import MOST_BYTES, read_pickle
from stage_kit.networks.checkpoint_tensors import BUILDERS, Storage, Storages

ZIP_START = b"PK\x03\x04"
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_COUNT_BYTES = 8
_MOST_DIRECTORY = 8 << 20  # bytes: 100,000 entries
_PICKLE = "data.pkl"
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, lengths of the name and of the extra field
_IS_ENCRYPTED, _IS_UTF8 = 0x1, 0x800


class _ShortReads(io.FileIO):
    """A zip for `zipfile`, which would take as much memory as the file says its directory is long."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MOST_DIRECTORY:
            raise UnreadableError(f"its directory has more than {_MOST_DIRECTORY} bytes")
        return super().read(-1 if size is None else size)


def read_zip(path: Path, data: memoryview) -> Any:
    """The object of the zip archive at `path`, whose content `data` is; tensors are views of `data`.

    Raises:
        UnreadableError: what is wrong with the archive. Damaged bytes may also surface as nearly any other Exception.
    """
    records = _records(path, data)
    names = [name for name in records if name.rpartition("/")[2] == _PICKLE and name.count("/") <= 1]
    if len(names) != 1:
        raise UnreadableError(f"a zip with {len(names)} entries {_PICKLE} instead of one")
    prefix = names[0].removesuffix(_PICKLE)
    byte_order = bytes(records.get(f"{prefix}byteorder", b"little")[:16])
    if byte_order not in (b"little", b"big"):
        raise UnreadableError(f"a byte order {byte_order!r}")
    if len(records[names[0]]) > MOST_BYTES:
        raise UnreadableError(f"its pickle has more than {MOST_BYTES} bytes")
    storages = Storages()
    tree = read_pickle(io.BytesIO(records[names[0]]), BUILDERS, storages.persistent)
    for key, storage in storages.by_key.items():
        raw = records.get(f"{prefix}data/{key}")
        if raw is None:
            raise UnreadableError(f"storage {key} is not there")
        _place(key, storage, raw, byte_order == b"big")
    return tree


def _place(key: str, storage: Storage, raw: memoryview, big_endian: bool) -> None:
    if len(raw) != storage.size_bytes:
        raise UnreadableError(f"storage {key} has {len(raw)} bytes instead of {storage.size_bytes}")
    storage.raw, storage.big_endian = raw, big_endian


def _records(path: Path, data: memoryview) -> dict[str, memoryview]:
    """The entries of a zip by name, where they lie in `data`, with their check sums verified."""
    with _ShortReads(path) as file, zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > len(data):
        raise UnreadableError("its entries together are larger than the file")
    records: dict[str, memoryview] = {}
    for entry in entries:
        name = entry.orig_filename
        if name in records:
            raise UnreadableError(f"two entries are named {name}")
        records[name] = _stored(entry, data)
        if zlib.crc32(records[name]) != entry.CRC:
            raise UnreadableError(f"wrong check sum of {name}")
    return records


def _stored(entry: zipfile.ZipInfo, data: memoryview) -> memoryview:
    name = entry.orig_filename
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _IS_ENCRYPTED:
        raise UnreadableError(f"{name} is compressed or encrypted, which PyTorch never does")
    if entry.file_size != entry.compress_size:
        raise UnreadableError(f"{name} has two sizes")
    header = entry.header_offset
    signature, name_length, extra_length = _LOCAL_HEADER.unpack(data[header : header + _LOCAL_HEADER.size])
    start = header + _LOCAL_HEADER.size
    there = data[start : start + name_length]
    if signature != ZIP_START or there != name.encode("utf-8" if entry.flag_bits & _IS_UTF8 else "cp437"):
        raise UnreadableError(f"{name} lies elsewhere than its directory says")
    start += name_length + extra_length
    if start + entry.file_size > len(data):
        raise UnreadableError(f"{name} ends behind the end of the file")
    return data[start : start + entry.file_size]


def read_pickles(data: memoryview) -> Any:
    """The object of a file in PyTorch's format before 1.6; tensors are views of `data`.

    Five pickles (a magic number, a version, facts on the machine, the object, the storages' keys), then each storage:
    its count as int64, its numbers.

    Raises:
        UnreadableError: what is wrong with the file. Damaged bytes may also surface as nearly any other Exception.
    """
    stream = io.BytesIO(data[:MOST_BYTES])
    if _plain(stream) != _MAGIC:
        raise UnreadableError("it is no file of PyTorch")
    version = _plain(stream)
    if version != _PROTOCOL:
        raise UnreadableError(f"version {version!r:.20} of PyTorch's old format instead of {_PROTOCOL}")
    big_endian = _plain(stream)["little_endian"] is False
    storages = Storages()
    tree = read_pickle(stream, BUILDERS, storages.persistent)
    keys, position = _plain(stream), stream.tell()
    for key in keys:
        storage = storages.by_key.get(key)
        if storage is None:  # how long it is, and so where the next one begins, is not known
            raise UnreadableError(f"storage {key} is of no type of numbers that is read here")
        start = position + _COUNT_BYTES
        count = int.from_bytes(data[position:start], "big" if big_endian else "little")
        if count != storage.count:
            raise UnreadableError(f"storage {key} has {count} numbers instead of {storage.count}")
        position = start + storage.size_bytes
        _place(key, storage, data[start:position], big_endian)
    if len(set(keys)) != len(storages.by_key):
        raise UnreadableError("not all of its storages are there")
    return tree


def _plain(stream: io.BytesIO) -> Any:
    return read_pickle(stream, {}, Storages().persistent)
