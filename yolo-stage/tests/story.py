"""How the tests of the stage run its story, and read what it gave."""

from __future__ import annotations

import shutil
from pathlib import Path

from fakes import (
    ColourDetector,
    plan_with,
)

from pose_contract.records import ImageAnnot, RunReport
from pose_contract.storage import read_annot, write_record
from pose_contract.workspace import Workspace
from yolo_stage.options import DetectOptions
from yolo_stage.steps import detect_people


def run(workspace: Workspace, detector: ColourDetector | None = None, **options: object) -> RunReport:
    plan = plan_with(detector or ColourDetector())
    return detect_people(DetectOptions(workspace=workspace, quiet=True, **options), plan)  # type: ignore[arg-type]


def annot_of(workspace: Workspace, name: str) -> ImageAnnot:
    annot = read_annot(workspace.path(workspace.annot_file(name)))
    assert annot is not None
    return annot


def prepared(base: Path, root: Path) -> Workspace:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(base, root)
    return Workspace(root)


def correct(workspace: Workspace, **changes: object) -> Path:
    """a.jpg's annot as a person has left it."""
    path = workspace.root / "annots/a.json"
    write_record(path, annot_of(workspace, "a.jpg").model_copy(update={"corrected": True, **changes}))
    return path
