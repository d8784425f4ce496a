"""A .pth of a stranger: no more memory than the file's size allows, and no advice to switch PyTorch's safety off."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pose_contract.errors import WeightsError
from stage_kit.networks.torch_refusal import why_not_loaded
from yolo_stage.darknet import DarknetNetwork
from yolo_stage.loading import Loading
from yolo_torch import torch_engine

LOAD = """
import sys
from pathlib import Path
from pose_contract.errors import WeightsError
from yolo_stage.darknet import read_network
from yolo_stage.loading import Loading
from yolo_torch import torch_engine
try:
    torch_engine.load_detector(Loading(read_network(Path(sys.argv[1])), Path(sys.argv[2]), 0, "cpu"))
except WeightsError as error:
    print(error)
"""


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("shape", [(1 << 20, 1 << 20), (1 << 34,)])
def test_one_number_that_says_it_is_a_terabyte(shape: tuple[int, ...], small_cfg: str, tmp_path: Path) -> None:
    cfg, path = tmp_path / "a.cfg", tmp_path / "a.pth"
    cfg.write_text(small_cfg)
    torch.save({"module_list.0.conv_0.weight": torch.zeros(1).expand(shape)}, path)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(cfg), str(path)], capture_output=True, text=True, preexec_fn=_limited
    )
    assert done.returncode == 0, done.stderr
    assert "is the limit" in done.stdout and "weights_only" not in done.stdout


def test_no_advice_to_switch_the_safety_off(
    network_of: Callable[[str], DarknetNetwork], small_cfg: str, tmp_path: Path
) -> None:
    torch.save({"path": Path("a")}, tmp_path / "a.pth")
    with pytest.raises(WeightsError) as caught:
        torch_engine.load_detector(Loading(network_of(small_cfg), tmp_path / "a.pth", 0, "cpu"))
    assert "weights_only" not in str(caught.value)
    with pytest.raises(Exception, match="weights_only") as raised:
        torch.load(tmp_path / "a.pth", weights_only=True)
    assert why_not_loaded(raised.value) == "it is damaged, or holds more than plain tensors and numbers"
    assert why_not_loaded(ValueError("")) == why_not_loaded(raised.value)
    assert why_not_loaded(ValueError("one\ntwo")) == "one"
