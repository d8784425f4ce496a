"""A few cases of each part of the campaign; all of it: python tests/faults/campaign.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).with_name("campaign.py")
FEW = {"pictures": 30, "records": 0, "kills": 3, "traps": 10, "files": 9, "disks": 2}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", [part for part, count in FEW.items() if count])
def test_a_few_cases_of_the_campaign(part: str) -> None:
    counts = {name: count if name == part else 0 for name, count in FEW.items()}
    flags = [word for name, count in counts.items() for word in (f"--{name}", str(count))]
    command = [sys.executable, "-X", "faulthandler", str(CAMPAIGN), "--photos", "6", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert f"{part:9} {FEW[part]:4} tried, 0 runs went wrong" in done.stdout
