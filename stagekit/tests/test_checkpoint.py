"""Checkpoints that are right or wrong in one thing, made without torch."""

from __future__ import annotations

import os
import pickle
import struct
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import FLOATS, MAGIC, Call, Kept, Named, in_a_row, pickled, storage, tensor, zipped

from pose_contract.errors import WeightsError
from stage_kit.networks.checkpoint import read_checkpoint, read_state_dict
from stage_kit.networks.checkpoint_machine import Foreign

EXPECTED = np.arange(6, dtype=np.float32).reshape(2, 3)


def good(path: Path) -> Path:
    return zipped(path, {"conv.weight": tensor(storage("0", 6))}, {"0": FLOATS})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth"


OTHER_FILES = {
    "empty": (b"", "is empty", "copy the file again"),
    "spaces": (b" \n\n", "is empty", "copy the file again"),
    "html": (b"\n<!DOCTYPE html>", "is a web page, not weights", "copy the file again"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer", "git lfs pull"),
    "text": (b"not found\n", "damaged or no checkpoint", "copy the file again"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged or no checkpoint", "copy the file again"),
    "plain pickle": (pickle.dumps({"a": 1}), "it is no file of PyTorch", "copy the file again"),
    "zip header alone": (b"PK\x03\x04" + bytes(100), "damaged or no checkpoint", "copy the file again"),
    "other version": (pickle.dumps(MAGIC) + pickle.dumps(1002), "version 1002", "copy the file again"),
}


@pytest.mark.parametrize("case", OTHER_FILES)
def test_other_files(path: Path, case: str) -> None:
    content, reason, remedy = OTHER_FILES[case]
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        read_state_dict(path)
    assert caught.value.reason.startswith(f"{path}: ") and reason in caught.value.reason
    assert remedy in caught.value.remedy


def test_a_published_file_is_fetched_again(tmp_path: Path) -> None:
    path = tmp_path / "hrnet_w32_mpii_256x256-6c4f923f_20200812.pth"
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match="make weights"):
        read_state_dict(path)


@pytest.mark.parametrize(("name", "reason"), [("nowhere.pth", "no such weights file"), ("", "cannot be read")])
def test_no_file(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(WeightsError, match=reason):
        read_state_dict(tmp_path / name)


def test_a_file_that_may_not_be_read(path: Path) -> None:
    good(path).chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state_dict(path)


TENSORS: dict[str, tuple[Any, list[Any]]] = {
    "nothing": (tensor(storage("0", 6), (0,), (1,)), []),
    "nothing of a size": (tensor(storage("0", 6), (0, 7), (7, 1)), []),
    "a number": (tensor(storage("0", 6), (), (), 5), 5.0),
    "all": (tensor(storage("0", 6)), [[0, 1, 2], [3, 4, 5]]),
    "transposed": (tensor(storage("0", 6), (3, 2), (1, 3)), [[0, 3], [1, 4], [2, 5]]),
    "a column": (tensor(storage("0", 6), (2,), (3,), 1), [1, 4]),
    "repeated": (tensor(storage("0", 6), (2, 2), (0, 1), 4), [[4, 5], [4, 5]]),
    "any stride of a side of one": (tensor(storage("0", 6), (1, 2), (1 << 80, 1)), [[0, 1]]),
    "the first function": (
        Call("torch._utils", "_rebuild_tensor", (storage("0", 6), 0, (2,), (1,))), [0, 1],
    ),
    "a parameter": (
        Call("torch._utils", "_rebuild_parameter", (tensor(storage("0", 6), (2,), (1,)), True, ())), [0, 1],
    ),
    "with a later argument": (
        Call("torch._utils", "_rebuild_tensor_v2", (storage("0", 6), 0, (2,), (1,), False, {}, {})), [0, 1],
    ),
    "of bytes": (
        Call(
            "torch._utils",
            "_rebuild_tensor_v3",
            (storage("0", 24, "storage\nUntypedStorage"), 1, (2,), (1,), False, {}, Named("torch", "float32")),
        ),
        [1, 2],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TENSORS)
@pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "pickles"])
def test_tensors(path: Path, case: str, zip_format: bool) -> None:
    stored, expected = TENSORS[case]
    if case == "of bytes":
        tree = pickled({"x": stored}).replace(b"ctorch\nstorage\nUntyped", b"ctorch.storage\nUntyped")
        written = zipped(path, tree, {"0": FLOATS}) if zip_format else in_a_row(path, tree, {"0": (24, FLOATS)})
    elif zip_format:
        written = zipped(path, {"x": stored}, {"0": FLOATS})
    else:
        written = in_a_row(path, {"x": stored}, {"0": (6, FLOATS)})
    found = read_state_dict(written)["x"]
    assert found.dtype == np.float32 and found.flags.aligned
    np.testing.assert_array_equal(found, np.array(expected, np.float32).reshape(found.shape))
    assert found.size == np.array(expected).size


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("FloatStorage", struct.pack("<2f", 1.5, -2), np.array([1.5, -2], np.float32)),
        ("DoubleStorage", struct.pack("<2d", 1.5, -2), np.array([1.5, -2], np.float32)),
        ("HalfStorage", struct.pack("<2e", 1.5, -2), np.array([1.5, -2], np.float32)),
        ("BFloat16Storage", struct.pack("<2H", 0x3FC0, 0xC000), np.array([1.5, -2], np.float32)),
        ("LongStorage", struct.pack("<2q", 1, -2), np.array([1, -2], np.int64)),
        ("IntStorage", struct.pack("<2i", 1, -2), np.array([1, -2], np.int32)),
        ("ShortStorage", struct.pack("<2h", 1, -2), np.array([1, -2], np.int16)),
        ("CharStorage", b"\x01\xfe", np.array([1, -2], np.int8)),
        ("ByteStorage", b"\x01\xfe", np.array([1, 254], np.uint8)),
        ("BoolStorage", b"\x01\x00", np.array([True, False])),
    ],
)
def test_types_of_numbers(path: Path, kind: str, raw: bytes, expected: np.ndarray) -> None:
    stored = tensor(storage("0", 2, kind), (2,), (1,))
    for written in (zipped, in_a_row):
        read = read_state_dict(written(path, {"x": stored}, {"0": raw if written is zipped else (2, raw)}))["x"]
        assert read.dtype == expected.dtype
        np.testing.assert_array_equal(read, expected)


def test_the_other_byte_order(path: Path) -> None:
    raw = struct.pack(">6f", *range(6))
    tree = {"x": tensor(storage("0", 6))}
    np.testing.assert_array_equal(
        read_state_dict(in_a_row(path, tree, {"0": (6, raw)}, big_endian=True))["x"], EXPECTED
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("data.pkl", pickled(tree)), ("byteorder", b"big"), ("data/0", raw)):
            archive.writestr(f"any/{name}", content)
    found = read_state_dict(path)["x"]
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, EXPECTED)


WRONG_TENSORS: dict[str, tuple[Any, str]] = {
    "larger than its storage": (tensor(storage("0", 6), (7,), (1,)), "its storage of 6 is the limit"),
    "expanded": (tensor(storage("0", 6), (1 << 40,), (0,)), "its storage of 6 is the limit"),
    "overlapping": (tensor(storage("0", 6), (5, 2), (1, 1)), "its storage of 6 is the limit"),
    "begins behind": (tensor(storage("0", 6), (1,), (1,), 6), "ends at number 7 of a storage of 6"),
    "ends behind": (tensor(storage("0", 6), (2, 3), (4, 1)), "ends at number 7 of a storage of 6"),
    "huge and empty": (tensor(storage("0", 6), (0, 1 << 62), (1, 1)), "an empty tensor"),
    "a negative stride": (tensor(storage("0", 6), (2,), (-1,), 3), "no counts"),
    "a negative offset": (tensor(storage("0", 6), (2,), (1,), -2), "no counts"),
    "a negative side": (tensor(storage("0", 6), (-1,), (1,)), "no counts"),
    "a side of text": (tensor(storage("0", 6), ("2",), (1,)), "no counts"),
    "fewer strides": (tensor(storage("0", 6), (2, 3), (1,)), "two tuples of one length"),
    "33 sides": (tensor(storage("0", 6), (1,) * 33, (1,) * 33), "33 dimensions; 32 is the limit"),
    "no storage": (tensor("0"), "without a storage"),
    "storage of another size": (tensor(storage("0", 5), (2,), (1,)), "24 bytes instead of 20"),
    "storage that is not there": (tensor(storage("1", 6)), "storage 1 is not there"),
    "storage of no size": (tensor(storage("0", -1)), "without type, key or size"),
    "storage of all memory": (tensor(storage("0", 1 << 60)), "24 bytes instead of"),
    "no storage's name": (Kept(("shop", "0")), "names no storage"),
}


@pytest.mark.parametrize("case", WRONG_TENSORS)
def test_tensors_that_their_file_does_not_hold(path: Path, case: str) -> None:
    stored, reason = WRONG_TENSORS[case]
    with pytest.raises(WeightsError) as caught:
        read_state_dict(zipped(path, {"x": stored}, {"0": FLOATS}))
    assert reason in caught.value.reason and caught.value.remedy


def test_a_storage_is_one_thing(path: Path) -> None:
    tree = {"x": tensor(storage("0", 6)), "y": tensor(storage("0", 12, "HalfStorage"))}
    with pytest.raises(WeightsError, match="two different ones"):
        read_state_dict(zipped(path, tree, {"0": FLOATS}))


@pytest.mark.parametrize(
    ("storages", "reason"),
    [
        ({}, "not all of its storages are there"),
        ({"0": (5, FLOATS)}, "5 numbers instead of 6"),
        ({"0": (6, FLOATS[:-1])}, "23 bytes instead of 24"),
        ({"0": (6, FLOATS), "1": (6, FLOATS)}, "storage 1 is of no type of numbers"),
    ],
)
def test_storages_of_the_old_format(path: Path, storages: dict[str, tuple[int, bytes]], reason: str) -> None:
    with pytest.raises(WeightsError, match=reason):
        read_state_dict(in_a_row(path, {"x": tensor(storage("0", 6))}, storages))


@pytest.mark.parametrize(
    "call",
    [
        Call("os", "system", ("touch proof",)),
        Call("posix", "system", ("touch proof",)),
        Call("builtins", "eval", ("open('proof', 'w')",)),
        Call("__builtin__", "exec", ("open('proof', 'w')",)),
        Call("builtins", "open", ("proof", "w")),
        Call("pathlib", "Path.touch", (Call("pathlib", "PosixPath", ("proof",)),)),
        Call("builtins", "getattr", (Named("os", "system"), "__call__")),
        Call("copyreg", "_reconstructor", (Named("elsewhere", "Thing"), Named("builtins", "object"), None), {"a": 1}),
        Call("torch.storage", "_load_from_bytes", (pickled(Call("os", "system", ("touch proof",))),)),
    ],
    ids=lambda call: f"{call.module}.{call.name}",
)
@pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "pickles"])
def test_nothing_is_executed(path: Path, call: Call, zip_format: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    tree = {"meta": {"trap": call}, "state_dict": {"x": tensor(storage("0", 6))}}
    written = zipped(path, tree, {"0": FLOATS}) if zip_format else in_a_row(path, tree, {"0": (6, FLOATS)})
    found: Any = read_checkpoint(written)
    assert found["meta"]["trap"] == Foreign(f"{call.module}.{call.name}")
    np.testing.assert_array_equal(read_state_dict(written)["x"], EXPECTED)
    assert [entry.name for entry in path.parent.iterdir()] == ["weights.pth"]
    tree = {"state_dict": {"x": call}}
    written = zipped(path, tree, {}) if zip_format else in_a_row(path, tree, {})
    with pytest.raises(WeightsError, match=f"x is no plain tensor, but {call.module}.{call.name}"):
        read_state_dict(written)


ORDERED_DICT = b"ccollections\nOrderedDict\nh\x01\x85R"  # of what lies in the memo at 1

# Pickles of few bytes that an ordinary reader needs gigabytes or years for, or that are no pickle.
WRONG_PICKLES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "ValueError"),
    "no object": (b"\x80\x02.", "IndexError"),
    "mark without end": (b"\x80\x02(t.0(", "no state dict"),
    "memo of 4e9 entries": (b"\x80\x02}r\xff\xff\xff\xff.", "no state dict"),
    "memo that is not there": (b"\x80\x02j\xff\xff\xff\xff.", "KeyError"),
    "bytes of 8 EB": (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.", "damaged"),
    "bytearray of 8 EB": (b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f.", "damaged"),
    "text of 4 GB": (b"\x80\x02X\xff\xff\xff\xff.", "damaged"),
    "number of 2 GB": (b"\x80\x02\x8b\xff\xff\xff\x7f.", "damaged"),
    "number of 100,000 digits": (b"\x80\x02L" + b"9" * 100_000 + b"L\n.", "damaged"),
    "nested tuples as a key": (b"\x80\x02})" + b"2\x86" * 80 + b"Ns.", "a tuple as a key"),
    "a list as a key": (b"\x80\x02}]Ns.", "a list as a key"),
    "a number of 1000 bytes as a key": (b"\x80\x02}\x8b\xe8\x03\x00\x00" + b"\x01" * 1000 + b"Ns.", "as a key"),
    "a name of 100,000 letters": (b"\x80\x02cm\n" + b"n" * 100_000 + b"\n.", "a name that is no text"),
    "extension registry": (b"\x80\x02\x82\x01.", "EXT1"),
    "buffer from outside": (b"\x80\x05\x97.", "NEXT_BUFFER"),
    "a call of no name": (b"\x80\x02})R.", "something that is no name is called"),
    "appended to a dict": (b"\x80\x02}Na.", "appended to what is no list"),
    "set in a list": (b"\x80\x02]NNs.", "no dict"),
    "colliding numbers": (
        b"\x80\x02}(" + b"".join(b"\x8a\x08" + struct.pack("<q", n << 40) + b"N" for n in range(30_000)) + b"u.",
        "more than 20000 keys that are no texts",
    ),
    "dicts of one long list": (
        b"\x80\x02](" + b"X\x01\x00\x00\x00aN\x86" * 20_000 + b"eq\x01" + ORDERED_DICT * 99 + b".",
        "pairs",
    ),
    "many opcodes": (b"\x80\x02" + b"N0" * 100_000 + b".", "more than 200000 opcodes"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_PICKLES)
@pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "pickles"])
def test_pickles_that_want_too_much(path: Path, case: str, zip_format: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # The limits of a real file take seconds to reach.
    monkeypatch.setattr("stage_kit.networks.checkpoint_pickle._MOST_OPCODES", 200_000)
    monkeypatch.setattr("stage_kit.networks.checkpoint_machine._MOST_PAIRS", 100_000)
    content, reason = WRONG_PICKLES[case]
    written = zipped(path, content, {}) if zip_format else in_a_row(path, content, {})
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(WeightsError) as caught:
            read_state_dict(written)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < 60
    if zip_format:
        assert reason in caught.value.reason


def test_a_state_dict_inside_of_itself(path: Path) -> None:
    with pytest.raises(WeightsError, match="no plain tensor, but dict"):
        read_state_dict(zipped(path, b"\x80\x02}q\x00X\x0a\x00\x00\x00state_dicth\x00s.", {}))


def test_many_tensors_of_one_storage(path: Path) -> None:
    raw = bytes(2 * 100_000)
    kept = storage("0", 100_000, "HalfStorage")
    tree = {f"x{number}": tensor(kept, (100_000,), (1,)) for number in range(50)}
    with pytest.raises(WeightsError, match="50 tensors of 20000000 bytes; the limit is"):
        read_state_dict(zipped(path, tree, {"0": raw}))


def test_compressed_entries(path: Path) -> None:
    tree = {"x": tensor(storage("0", 1 << 20), (1 << 20,), (1,))}
    with pytest.raises(WeightsError, match="compressed"):
        read_state_dict(zipped(path, tree, {"0": bytes(4 << 20)}, zipfile.ZIP_DEFLATED))


def test_entries_of_one_name(path: Path) -> None:
    good(path)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("archive/data/0", FLOATS)
    with pytest.raises(WeightsError, match="two entries are named archive/data/0"):
        read_state_dict(path)


def test_a_wrong_check_sum(path: Path) -> None:
    data = good(path).read_bytes()
    path.write_bytes(data.replace(FLOATS, FLOATS[:-1] + b"\x00"))
    with pytest.raises(WeightsError, match="wrong check sum of archive/data/0"):
        read_state_dict(path)


def test_an_entry_that_says_it_is_larger(path: Path) -> None:
    data = bytearray(good(path).read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 20 : central + 28] = struct.pack("<II", 1 << 31, 1 << 31)
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="larger than the file"):
        read_state_dict(path)


def test_a_zip_that_is_no_checkpoint(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.jpg", b"x")
    with pytest.raises(WeightsError, match=r"0 entries data\.pkl"):
        read_state_dict(path)


STATES: dict[str, tuple[Any, str]] = {
    "empty": ({}, "holds no state dict of parameters, but dict"),
    "nothing": (None, "holds no state dict of parameters, but NoneType"),
    "a tensor": (tensor(storage("0", 6)), "but Tensor"),
    "a module": (Call("torch.nn.modules.linear", "Linear", (), {"a": 1}), "but torch.nn.modules.linear.Linear"),
    "a number": ({"x": 1.5}, "x is no plain tensor, but float"),
    "complex": ({"x": tensor(storage("0", 3, "ComplexFloatStorage"))}, "but torch.ComplexFloatStorage"),
    "quantised": ({"x": Call("torch._utils", "_rebuild_qtensor", (storage("0", 6),))}, "_utils._rebuild_qtensor"),
    "twice": ({"x": tensor(storage("0", 6)), "module.x": tensor(storage("0", 6))}, "two parameters are named x"),
}


@pytest.mark.parametrize("case", STATES)
def test_what_is_no_state_dict(path: Path, case: str) -> None:
    tree, reason = STATES[case]
    with pytest.raises(WeightsError) as caught:
        read_state_dict(zipped(path, tree, {"0": FLOATS}))
    assert reason in caught.value.reason and caught.value.remedy


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite(path: Path, value: float) -> None:
    tree = {"x": tensor(storage("0", 2, "DoubleStorage"), (2,), (1,))}
    with pytest.raises(WeightsError, match="x holds NaN or infinity"):
        read_state_dict(zipped(path, tree, {"0": struct.pack("<2d", 1, value)}))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("x", ["x"]),
        ("module.x", ["x"]),
        ("backbone.x", ["x"]),
        ("module.backbone.x", ["x"]),
        ("keypoint_head.x", ["x"]),
        ("head.x", ["x"]),
        ("data_preprocessor.mean", []),
        ("module.data_preprocessor.mean", []),
    ],
)
def test_official_names(path: Path, key: str, name: list[str]) -> None:
    tree = {"meta": {}, "state_dict": {key: tensor(storage("0", 6))}}
    assert list(read_state_dict(zipped(path, tree, {"0": FLOATS}))) == name


def test_python_2_wrote_an_ordered_dict_as_pairs(path: Path) -> None:
    tree = Call("collections", "OrderedDict", ([["x", tensor(storage("0", 6))]],))
    np.testing.assert_array_equal(read_state_dict(in_a_row(path, tree, {"0": (6, FLOATS)}))["x"], EXPECTED)


def test_facts_beside_the_weights(path: Path) -> None:
    facts = {
        "shape": Call("torch", "Size", ((2, 3),)),
        "device": Call("torch", "device", ("cpu",)),
        "dtype": Named("torch", "float32"),
        "score": Call("numpy.core.multiarray", "scalar", (Named("numpy", "dtype"), b"12345678")),
        3: [True, None, 1.5, b"x", {1, 2}],
    }
    assert read_checkpoint(zipped(path, facts, {})) == {
        "shape": (2, 3),
        "device": "cpu",
        "dtype": Foreign("torch.float32"),
        "score": Foreign("numpy.core.multiarray.scalar"),
        3: [True, None, 1.5, Foreign("_codecs.encode"), Foreign("__builtin__.set")],
    }


def test_the_tensors_are_views_and_the_file_stays(path: Path) -> None:
    count = 4 << 20
    raw = np.arange(count, dtype=np.float32).tobytes()
    for written in (zipped, in_a_row):
        tree = {"x": tensor(storage("0", count), (count,), (1,))}
        written(path, tree, {"0": raw if written is zipped else (count, raw)})
        before = path.read_bytes()
        tracemalloc.start()
        found = read_state_dict(path)["x"]
        if written is zipped:
            assert tracemalloc.get_traced_memory()[1] < len(raw) / 4
        tracemalloc.stop()
        found[:] = 0
        assert path.read_bytes() == before


@pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "pickles"])
def test_damaged_bytes_are_refused_or_read(path: Path, zip_format: bool) -> None:
    """Flipped bytes and lost ends: nothing but a WeightsError, in bounded time and memory."""
    tree = {"meta": {"a": Call("elsewhere", "Thing", (1,), {"b": 2})}, "state_dict": {"x": tensor(storage("0", 6))}}
    written = zipped(path, tree, {"0": FLOATS}) if zip_format else in_a_row(path, tree, {"0": (6, FLOATS)})
    whole = written.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    tracemalloc.start()
    for number in range(300):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data[: rng.integers(1, len(data))] if number % 4 == 0 else data)
        try:
            read_state_dict(path)
        except WeightsError:
            refused += 1
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()
    assert refused > 150
