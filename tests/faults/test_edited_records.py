"""80 seeded edits of real records, through the real commands: no traceback, nothing lost, the others processed.

`make faults` tries 200 and more. A round edits annots, the next one poses.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPO, run, stage
from edited_records import edited, is_kept
from PIL import Image

from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.storage import read_report
from pose_contract.workspace import Workspace

PHOTOS = 40
ROUNDS = 2
SEED = 12


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace in which both stages have run, with the networks that come with the clone."""
    root = tmp_path_factory.mktemp("edited") / "done"
    shutil.copytree(REPO / "workspace-template", root)
    with Image.open(REPO / "tools/demo-photos/camera.jpg") as opened:
        for number in range(PHOTOS):
            opened.resize((256 + number, 256)).save(root / f"images/p{number:02}.jpg")
    for name in ("yolo", "hrn"):
        finished = run(command(name, root))
        assert finished.returncode == 0, finished.stderr
    found = [json.loads(path.read_bytes())["people"] for path in (root / "output/poses").glob("*.json")]
    assert sum(map(bool, found)) >= PHOTOS / 2, "there is somebody to edit"
    yield root


def command(name: str, root: Path, *flags: str) -> list[str]:
    return [*stage(name), "--workspace", str(root), *flags]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_whatever_is_written_into_records_nothing_is_lost_and_the_others_are_done(
    done: Path, tmp_path: Path, number: int
) -> None:
    root, rng = tmp_path / "workspace", random.Random(SEED + number)
    shutil.copytree(done, root)
    folder, kind = (("annots", ImageAnnot), ("output/poses", ImagePoses))[number % 2]
    paths = sorted((root / folder).glob("p*.json"))
    assert len(paths) == PHOTOS
    written = {path: edited(path.read_bytes(), rng) for path in paths}
    for path, data in written.items():
        path.write_bytes(data)
    shutil.copy(root / "images/p07.jpg", root / "images/new.jpg")
    for name in ("yolo", "hrn"):
        overwrite = ["--overwrite"] if (name == "yolo") == (folder == "annots") else []
        finished = run(command(name, root, *overwrite), env={**os.environ, "PYTHONWARNINGS": "ignore"})
        assert finished.returncode in (0, 3) and "Traceback" not in finished.stderr, finished.stderr[-3000:]
        report = read_report(Workspace(root).report_path(f"{name}-stage"))
        assert report is not None and report.state == "finished"
        assert all("Input should" not in failure.reason for failure in report.failures)
    for path, data in written.items():
        assert is_kept(data, path.read_bytes(), kind), f"{path.name}: {data[:300]!r}"
    for output in ("annots/new.json", "inspect/new.jpg", "output/poses/new.json", "final/new.jpg"):
        assert (root / output).is_file(), output
    table = (root / "output/keypoints.csv").read_text(encoding="utf-8")
    assert "new.jpg,0," in table or json.loads((root / "annots/new.json").read_bytes())["people"] == []
    finished = run([str(REPO / ".venv/bin/pose"), "status", str(root)])
    assert finished.returncode == 0 and "Traceback" not in finished.stderr, finished.stderr
    rows = {line.split()[0]: line.split()[1:] for line in finished.stdout.splitlines()[1:]}
    for name in ("yolo-stage", "hrn-stage"):
        report = read_report(Workspace(root).report_path(name))
        assert report is not None and int(rows[name][2]) == report.counts.failed, finished.stdout
