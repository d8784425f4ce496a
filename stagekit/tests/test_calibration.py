"""What int8 is calibrated on: spread over the run, bounded in memory, and known by its fingerprint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stage_kit.networks.calibration import FEWEST_HELD, fingerprint_of, held_in_memory, spread
from stage_kit.networks.openvino import converted_model, import_openvino


@pytest.mark.parametrize(("count", "most"), [(0, 3), (1, 3), (3, 3), (4, 3), (5, 3), (319, 160), (20_000, 160)])
def test_it_is_spread_over_all(count: int, most: int) -> None:
    chosen = spread(range(count), most)
    assert len(chosen) == min(count, most) and len(set(chosen)) == len(chosen) and sorted(chosen) == list(chosen)
    gaps = np.diff([*chosen, count])
    assert not count or (chosen[0] == 0 and gaps.max() - gaps.min() <= 1)


def numbers(count: int) -> Iterator[np.ndarray]:
    return (np.full(256, number, np.float32) for number in range(count))


@pytest.mark.parametrize("count", [0, 1, 24, 25, 160, 1000])
def test_what_is_held_is_bounded_and_spread(count: int) -> None:
    held = [int(sample[0]) for sample in held_in_memory(numbers(count), most_bytes=30 * 1024)]
    assert len(held) <= max(30, 2 * FEWEST_HELD) and (len(held) >= min(count, FEWEST_HELD))
    assert not count or (held[0] == 0 and len(set(np.diff([*held]))) <= 1 and held[-1] >= count * 0.8 - 1)


def test_at_least_a_few_are_held_however_large() -> None:
    assert FEWEST_HELD <= len(list(held_in_memory(numbers(100), most_bytes=1))) <= 2 * FEWEST_HELD


def test_other_samples_have_another_fingerprint() -> None:
    prints = [fingerprint_of(numbers(count)) for count in (0, 1, 2, 2)]
    assert len(set(prints)) == 3 and prints[2] == prints[3] and {len(one) for one in prints} == {16}


def small_model() -> Any:
    openvino = import_openvino()
    from openvino import opset13 as ops

    source = ops.parameter([1, 64], np.float32)
    weights = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    return openvino.Model([ops.matmul(source, weights, False, False)], [source], "small")


@pytest.mark.parametrize("file", ["network.bin", "network.xml", "note.txt", "sha256.txt", None])
def test_a_cached_network_with_flipped_bits_is_made_anew(
    file: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSE_CACHE", str(tmp_path))
    built = []

    def build() -> Any:
        built.append(1)
        return small_model()

    converted_model("key", build)
    converted_model("key", build)
    assert len(built) == 1 and "damaged" not in capsys.readouterr().err
    entry = tmp_path / "openvino" / "key"
    if file is None:  # of an earlier release
        (entry / "sha256.txt").unlink()
    else:
        data = bytearray((entry / file).read_bytes() or b"x")
        for place in np.random.default_rng(1).integers(0, len(data), 200):
            data[place] ^= 1 << int(place % 8)
        data[0] ^= 0x40
        (entry / file).write_bytes(data)
    converted_model("key", build)
    assert len(built) == 2 and "is damaged, or of an earlier release" in capsys.readouterr().err
    converted_model("key", build)
    assert len(built) == 2
