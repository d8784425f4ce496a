"""What torch wrote is read as torch reads it."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose_contract.errors import WeightsError
from stage_kit.networks.checkpoint import read_checkpoint, read_state_dict
from stage_kit.networks.checkpoint_tensors import StoredTensor

torch = pytest.importorskip("torch", reason="torch is not installed: make setup TORCH=1")

BOTH = pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "pickles"])
TYPES = ["float32", "float16", "bfloat16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"]


def numbers(dtype: str) -> Any:
    """[4, 6] of each type, with its extremes."""
    values = torch.linspace(-60, 60, 24).reshape(4, 6)
    if dtype == "uint8":
        return values.abs().to(torch.uint8)
    return (values > 0) if dtype == "bool" else values.to(getattr(torch, dtype))


WAYS = {
    "empty": lambda x: x[:0],
    "whole": lambda x: x,
    "one": lambda x: x[1, 1],
    "transposed": lambda x: x.t(),
    "sliced": lambda x: x[1:3, ::2],
    "expanded": lambda x: x[:1, :1].expand(3, 5).contiguous(),
    "channels_last": lambda x: x.reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
}


@BOTH
@pytest.mark.parametrize("dtype", TYPES)
def test_types_and_strides(tmp_path: Path, dtype: str, zip_format: bool) -> None:
    path = tmp_path / "x.pth"
    # All but two show parts of one storage.
    whole = numbers(dtype)
    torch.save({way: view(whole) for way, view in WAYS.items()}, path, _use_new_zipfile_serialization=zip_format)
    expected = torch.load(path, weights_only=True)
    found = read_state_dict(path)
    assert list(found) == list(expected)
    for way, value in expected.items():
        wanted = (value.float() if value.is_floating_point() else value).numpy()
        assert found[way].dtype == wanted.dtype, way
        np.testing.assert_array_equal(found[way], wanted, way)


@BOTH
def test_one_storage_is_shared(tmp_path: Path, zip_format: bool) -> None:
    path = tmp_path / "x.pth"
    whole = numbers("float32")
    torch.save(OrderedDict(a=whole, b=whole[1:], c=torch.nn.Parameter(whole)), path,
               _use_new_zipfile_serialization=zip_format)  # fmt: skip
    tree = read_checkpoint(path)
    assert isinstance(tree, dict) and all(isinstance(value, StoredTensor) for value in tree.values())
    assert len({id(value.storage) for value in tree.values()}) == 1
    found = read_state_dict(path)
    if zip_format:
        assert all(np.shares_memory(found["a"], found[name]) for name in "bc"), "torch aligns its zips"


@BOTH
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols_of_pickle(tmp_path: Path, protocol: int, zip_format: bool) -> None:
    path = tmp_path / "x.pth"
    tree = {"facts": [1, -2, 1 << 70, 0.5, "é", b"x", None, True, (1, 2), [], {}], "x": numbers("float32")}
    torch.save(tree, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zip_format)
    found: Any = read_checkpoint(path)
    expected = [1, -2, 1 << 70, 0.5, "é", b"x", None, True, (1, 2), [], {}]
    if protocol == 2:
        del found["facts"][5], expected[5]  # bytes are a call there, and stay inert
    assert found["facts"] == expected
    np.testing.assert_array_equal(found["x"].array(), tree["x"].numpy())


@BOTH
def test_a_training_checkpoint(tmp_path: Path, zip_format: bool) -> None:
    path = tmp_path / "x.pth"
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    history = {"score": np.float64(0.5), "losses": np.arange(3), "device": torch.device("cuda", 0), "type": torch.half}
    tree = {"epoch": 1, "state_dict": network.state_dict(), "optimizer": optimizer.state_dict(), "history": history}
    torch.save(tree, path, _use_new_zipfile_serialization=zip_format)
    found = read_state_dict(path)
    assert {name: value.shape for name, value in found.items()} == {
        name: tuple(value.shape) for name, value in network.state_dict().items()
    }
    for name, value in network.state_dict().items():
        np.testing.assert_array_equal(found[name], value.numpy())


@pytest.mark.parametrize(
    ("make", "zip_format", "reason"),
    [
        ("to_sparse", True, "x is no plain tensor, but torch._utils._rebuild_sparse_tensor"),
        ("to_sparse", False, "x is no plain tensor, but torch._utils._rebuild_sparse_tensor"),
        ("cfloat", True, "x is no plain tensor, but torch.ComplexFloatStorage"),
        ("cfloat", False, "is of no type of numbers that is read here"),
    ],
)
def test_tensors_that_numpy_does_not_know(tmp_path: Path, make: str, zip_format: bool, reason: str) -> None:
    path = tmp_path / "x.pth"
    torch.save({"x": getattr(torch.eye(2), make)()}, path, _use_new_zipfile_serialization=zip_format)
    with pytest.raises(WeightsError, match=reason):
        read_state_dict(path)
