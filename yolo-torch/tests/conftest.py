"""The tests of yolo-torch take yolo-stage's small networks and pictures."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "yolo-stage/tests"))

from darknet_files import network_of, shared, small_cfg

__all__ = ["network_of", "shared", "small_cfg"]
