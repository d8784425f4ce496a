"""Edited records, reports and memories through both stages: nothing lost, the others done."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from edited_records import edited, is_kept
from spoilt_files import mutated
from trial import STAGES, complaints, done_workspace, run_stage, strays, unharmed

from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.storage import read_report
from pose_contract.workspace import Workspace

PHOTOS = 40
MEMORY_WORDS = [b"\x00", b"\xff", b"9" * 5000, b"[" * 60_000, b'{"a":' * 5000, b"NaN", b"-1", b'"\\ud800"', b"null"]
KINDS = (("annots", ImageAnnot), ("output/poses", ImagePoses))


class RecordRuns:
    """A workspace in which both stages have run, and copies of it with forty edited records each."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._rng = random.Random(seed)
        self._done = done_workspace(folder / "done", PHOTOS)

    def run(self, number: int) -> tuple[str, list[str]]:
        """Both stages over edited records of one kind. Returns what came of them, and what was wrong."""
        root = Path(shutil.copytree(self._done, self._folder / "workspace"))
        folder, kind = KINDS[number % 2]
        paths = sorted((root / folder).glob("p*.json"))
        written = {path: edited(path.read_bytes(), self._rng) for path in paths}
        for path, data in written.items():
            path.write_bytes(data)
        for path in (*(root / "reports").glob("*.json"), *(root / "reports").glob(".*.json")):
            path.write_bytes(mutated(path.read_bytes(), self._rng, MEMORY_WORDS))
        shutil.copy(root / "images/p07.jpg", root / "images/new.jpg")
        with unharmed(root / "images") as wrong:
            for stage in STAGES:
                anew = ("--overwrite",) if (stage == "yolo") == (folder == "annots") else ()
                wrong += complaints(run_stage(stage, root, *anew, seconds=600), {0, 3}) + strays(root)
        wrong += [
            f"{path.name} was not kept: {data[:300]!r}"
            for path, data in written.items()
            if not is_kept(data, path.read_bytes(), kind)
        ]
        outputs = ("annots/new.json", "inspect/new.jpg", "output/poses/new.json", "final/new.jpg")
        wrong += [f"the new photo lacks {output}" for output in outputs if not (root / output).is_file()]
        refused = sum(len(self._failures(root, stage)) for stage in STAGES)
        shutil.rmtree(root)
        return f"{len(paths)} records in {folder}: {refused} refusals", wrong

    def _failures(self, root: Path, stage: str) -> list[str]:
        report = read_report(Workspace(root).report_path(f"{stage}-stage"))
        assert report is not None, "it was finished"
        return [failure.file for failure in report.failures]
