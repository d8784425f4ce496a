"""The notebook of docs/ runs from its first cell to its last."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import SHARED

from openpose_stage.model_files import LITE

DOCS = Path(__file__).parents[2] / "docs"
NEEDED = ("nbclient", "nbformat", "ipykernel", "matplotlib")


@pytest.mark.skipif(not all(find_spec(name) for name in NEEDED), reason=f"one of {', '.join(NEEDED)} is not installed")
def test_the_notebook_runs_and_is_kept_without_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    weights = SHARED / "weights"
    if not (weights / "human-pose-estimation-0001.xml").is_file() and not LITE.is_file():
        pytest.skip("neither human-pose-estimation-0001 nor an embedded network is here")
    monkeypatch.setenv("POSE_WEIGHTS", str(weights))
    notebook = nbformat.read(DOCS / "openpose.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(DOCS)}}).execute()
    printed = "".join(output.get("text", "") for cell in code for output in cell.outputs)
    kinds = [kind for cell in code for output in cell.outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == 5 and "(1, 57," in printed and "18 groups," in printed
    assert re.search(r"\((\d+), 19\) totals", printed) and "Poses(coco18, " in printed
    if os.environ.get("POSE_KEEP_TOUR"):
        nbformat.write(notebook, os.environ["POSE_KEEP_TOUR"])
