"""What the tests of pose-cluster share: the stage made for them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import stage_for_tests

from stage_kit.stages import installed_stages

# A shell's background job, as CI may be one, starts with Ctrl-C ignored, and so would the commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """double-stage, for this process and all that it starts."""
    folder = tmp_path_factory.mktemp("installed")
    stage_for_tests.write_into(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        installed_stages.cache_clear()
        yield folder
    installed_stages.cache_clear()


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A workspace with 24 pictures of double-stage, one of them empty; nothing is done yet."""
    return pictures(tmp_path / "fresh", 24)


def pictures(root: Path, count: int) -> Path:
    (root / "images/more").mkdir(parents=True)
    (root / "reports").mkdir()
    for index in range(count):
        path = root / ("images/more" if index % 5 == 4 else "images") / f"{index:03}.png"
        path.write_text("" if index == 3 else str(index))
    return root
