"""cfgs of a stranger: refused with the limit named, before memory is taken."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from darknet_files import MODELS

from pose_contract.errors import ConfigError
from yolo_stage.darknet import DarknetNetwork, read_network

NetworkOf = Callable[[str], DarknetNetwork]
ROUTES = "[route]\nlayers=-1,-1\n" * 24


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[upsample]\nstride=2", "[upsample]\nstride=2000", "a map with a side of 8,000; 4,096 is the limit"),
        ("[upsample]\nstride=2", "[upsample]\nstride=1e300", "stride far more; 4,096 is the limit"),
        ("[shortcut]", f"{ROUTES}[shortcut]", "channels: 131,072; 65,536 is the limit"),
        ("[shortcut]", f"[route]\nlayers={'-1,' * 20_000}-1\n[shortcut]", "channels: 160,008; 65,536 is the limit"),
        ("[shortcut]", "[dropout]\n" * 1000 + "[shortcut]", "sections: 1,013; 1,000 is the limit"),
        ("[maxpool]\nsize=2", "[maxpool]\nsize=1000001", "a pool of size 1,000,001; 64 is the limit"),
        ("size=3\nstride=4", "size=3\nstride=5000", "stride 5,000; 4,096 is the limit"),
        ("size=3\nstride=4\npad=1", "size=65\nstride=4\npad=1", "a kernel or padding of size 65; 64 is the limit"),
        ("size=3\nstride=4\npad=1", "size=3\nstride=4\npadding=999", "padding of size 999; 64 is the limit"),
        ("filters=8", "filters=70000", "channels: 70,000; 65,536 is the limit"),
        ("width=64\nheight=64", "width=40000\nheight=40000", "an input with a side of 40,000; 4,096 is the limit"),
        ("width=64", "width=1e300", "an input with a side of far more; 4,096 is the limit"),
        ("width=64\nheight=64\n", "width=4096\nheight=4096\n", "values of its map: 1,073,741,824"),
        ("width=64", "\n".join(f"key{n}=1" for n in range(300)), "options in [net]: 201; 200 is the limit"),
        ("width=64", "width=" + "9" * 5000, "width must be a number, got '999"),
        ("width=64", "width=64\n" + "#" * (1 << 18), "it has more than 262,144 bytes, the limit"),
    ],
)
@pytest.mark.timeout(20)
def test_over_a_limit(network_of: NetworkOf, small_cfg: str, old: str, new: str, message: str) -> None:
    assert old in small_cfg
    cfg = small_cfg.replace(old, new, 1)
    if "1,073,741,824" in message:  # at half the limit without this
        cfg = cfg.replace("filters=8\nsize=3\nstride=4", "filters=65\nsize=3\nstride=1")
        message = "values of its map: 1,090,519,040; 1,073,741,824 is the limit"
    with pytest.raises(ConfigError) as caught:
        network_of(cfg)
    assert message in caught.value.reason and len(caught.value.reason) < 500


def test_published_networks_are_far_below(small_cfg: str, network_of: NetworkOf) -> None:
    network_of(small_cfg)
    for cfg in MODELS.rglob("*.cfg"):
        network = read_network(cfg)
        side = 2304 if network.rectangular else 4096  # a rectangle may be 1.7 times as long as its square
        assert network.with_input_size(side).input_size == side


@pytest.mark.timeout(20)
def test_a_pipe_is_no_cfg(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.cfg")
    with pytest.raises(ConfigError, match="cannot be read: it is a folder, a pipe or a device, not a file"):
        read_network(tmp_path / "a.cfg")
