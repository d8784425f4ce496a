"""500 fuzzed pictures: none ends the process, hangs it, takes much memory, or is anything but an ImageError."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("fuzzed_pictures.py")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.timeout(400)
def test_a_fuzzed_picture_is_read_or_refused(seed: int) -> None:
    command = [sys.executable, "-X", "faulthandler", str(PROGRAM), str(seed), "250"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found = re.search(r"(\d+) read, (\d+) refused", done.stdout)
    assert found, done.stdout
    read, refused = map(int, found.groups())
    assert read + refused == 250 and read and refused
