"""How inputs are given to OpenVINO's requests and taken back, with requests that are played."""

from __future__ import annotations

from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stage_kit.networks.openvino import CompiledNetwork


class Request:
    """Doubles its input; a negative one fails. What has begun and was not waited for is busy."""

    def __init__(self) -> None:
        self.busy = False
        self.value = np.zeros(0)

    def start_async(self, inputs: dict[int, np.ndarray], share_inputs: bool) -> None:
        assert not self.busy and share_inputs and inputs[0].flags.c_contiguous
        self.busy, self.value = True, inputs[0]

    def wait(self) -> None:
        self.busy = False
        if (self.value < 0).any():
            raise RuntimeError("inference failed")

    def cancel(self) -> None:
        assert self.busy or (self.value < 0).any()

    def get_output_tensor(self, index: int) -> Any:
        return SimpleNamespace(data=self.value * 2 + index)


@pytest.fixture
def network() -> CompiledNetwork:
    requests: SimpleQueue[Any] = SimpleQueue()
    for _ in range(3):
        requests.put(Request())
    return CompiledNetwork(requests, outputs=2)


def test_rows_keep_their_order_and_all_requests_come_back(network: CompiledNetwork) -> None:
    assert network.infer(np.zeros((0, 4), np.float32)) == []
    rows = np.arange(28, dtype=np.float32).reshape(4, 7).T  # more than requests, and not contiguous
    results = network.infer(rows)
    np.testing.assert_array_equal([first for first, _ in results], rows * 2)
    np.testing.assert_array_equal([second for _, second in results], rows * 2 + 1)
    assert network.requests.qsize() == 3


def test_a_failed_row_leaves_no_request_busy(network: CompiledNetwork) -> None:
    rows = np.ones((6, 2), np.float32)
    rows[1] = -1
    with pytest.raises(RuntimeError, match="inference failed"):
        network.infer(rows)
    assert network.requests.qsize() == 3
    assert len(network.infer(np.ones((6, 2), np.float32))) == 6


def test_rows_may_be_of_several_shapes(network: CompiledNetwork) -> None:
    rows = [np.full(shape, number, np.float32) for number, shape in enumerate([(2, 3), (4,), (3, 2), (4,), (1, 1)])]
    for row, (first, second) in zip(rows, network.infer(rows), strict=True):
        np.testing.assert_array_equal(first, row * 2)
        np.testing.assert_array_equal(second, row * 2 + 1)
