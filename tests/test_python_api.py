"""The public Python API of both stages: as a program sees it, and equal to what the commands write."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO, run

from hrn_stage import draw_poses, load_estimator
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import decode_image, encode_jpeg, read_image
from yolo_stage import draw_boxes, load_detector

DEMO_PHOTOS = REPO / "tools/demo-photos"
SHARED_PHOTOS = Path(os.environ.get("POSE_SHARED") or REPO.parent / "shared") / "photos"


@pytest.fixture(scope="module")
def photos() -> list[Path]:
    """Those that `make demo` takes, and where there are more, some of them."""
    found = sorted(DEMO_PHOTOS.glob("*.jpg")) + sorted(SHARED_PHOTOS.glob("*.jpg"))[-4:]
    return found or pytest.skip(f"no photos in {DEMO_PHOTOS} or {SHARED_PHOTOS}")


@pytest.fixture(scope="module")
def done(photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace named as the documentation names it, in which both commands have run."""
    workspace = Workspace(tmp_path_factory.mktemp("api") / "pose-estimation")
    shutil.copytree(REPO / "workspace-template", workspace.root)
    for photo in photos:
        shutil.copy(photo, workspace.root / "images")
    for stage in ("yolo-stage", "hrn-stage"):
        command = Path(sys.executable).with_name(stage)
        finished = run([str(command), "--workspace", str(workspace.root), "--weights", "lite"])
        assert finished.returncode == 0, finished.stderr
    return workspace


def test_the_numbers_are_the_commands(done: Workspace, photos: list[Path]) -> None:
    """Boxes, keypoints, scores and pictures, to the last digit and pixel."""
    people = load_detector(weights="lite")(photos)
    found = dict(zip((photo.name for photo in photos), load_estimator(weights="lite")(photos, people), strict=True))
    boxes = dict(zip(found, people, strict=True))
    records = list(done.poses())
    assert len(records) == len(photos) and sum(len(record.people) for record in records) >= len(photos)
    for record in records:
        name = done.image_name(record.image)
        assert found[name].records() == record.people
        listed = np.array([p.box.xyxy for p in record.people]).reshape(-1, 4)
        np.testing.assert_array_equal(boxes[name].boxes_xyxy, listed)
        path = done.path(record.image)
        drawn = {
            done.inspect_file(name): draw_boxes(path, boxes[name]),
            done.final_file(name): draw_poses(path, found[name]),
        }
        for file, picture in drawn.items():
            np.testing.assert_array_equal(decode_image(encode_jpeg(picture)), read_image(done.path(file)))


# What a library call must leave as it is; a call of mallopt would show as its module being imported.
STATE = """
import gc, json, locale, logging, os, signal, sys, threading, warnings
import cv2, numpy
from PIL import Image, ImageFile

def state():
    free = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    return {
        "pillow": [Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES],
        "switch interval": sys.getswitchinterval(),
        "recursion": sys.getrecursionlimit(),
        "malloc": "stage_kit.networks.allocator" in sys.modules,
        "signals": {number: repr(signal.getsignal(number)) for number in free},
        "wakeup": signal.set_wakeup_fd(-1),
        "opencv": [cv2.getNumThreads(), cv2.useOptimized()],
        "numpy": [numpy.geterr(), numpy.random.get_state()[1][:4].tolist()],
        "warnings": repr(warnings.filters),
        "logging": [logging.root.level, len(logging.root.handlers)],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "locale": locale.setlocale(locale.LC_ALL),
        "affinity": sorted(os.sched_getaffinity(0)),
        "threads": threading.active_count(),
        "hooks": [repr(sys.excepthook), repr(threading.excepthook)],
        "gc": gc.get_threshold(),
        "umask": [os.umask(0o22), os.umask(0o22)][0],
        "limits": __import__("resource").getrlimit(__import__("resource").RLIMIT_NOFILE),
    }

engines = json.loads(sys.argv[2])
if "torch" in engines:
    import sympy, torch  # what they do to the process when they are imported is their own affair
before = state()
from hrn_stage import draw_poses, load_estimator
from yolo_stage import draw_boxes, load_detector
detect = load_detector(weights="lite", engine=engines[0])
estimate = load_estimator(weights="lite", engine=engines[1], overrides={"TEST.BATCH_SIZE_PER_GPU": 1})
people = detect([sys.argv[1], sys.argv[1]])[0]
draw_boxes(sys.argv[1], people)
draw_poses(sys.argv[1], estimate(sys.argv[1], people))
for bad in (lambda: detect("gone.jpg"), lambda: load_detector(weights_path="gone.weights")):
    try:
        bad()
    except Exception as error:
        assert type(error).__module__ == "pose_contract.errors", repr(error)
after = state()
print(json.dumps({name: [before[name], after[name]] for name in before if before[name] != after[name]}))
"""


@pytest.mark.parametrize(
    "engines", [("openvino", "openvino"), ("opencv", "torch" if find_spec("torch") else "openvino")]
)
def test_a_call_leaves_the_process_as_it_is(engines: tuple[str, str], photos: list[Path]) -> None:
    finished = run([sys.executable, "-W", "error::ResourceWarning", "-c", STATE, str(photos[0]), json.dumps(engines)])
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout.splitlines()[-1]) == {}


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page_run(done: Workspace, photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, as a reader tries them, beside a photo serve.jpg and a workspace that has been run."""
    monkeypatch.chdir(done.root.parent)
    shutil.copy(photos[-1], "serve.jpg")
    blocks = python_blocks(REPO / "docs/python.md")
    assert len(blocks) >= 7
    script = "\n".join(blocks)
    finished = run([sys.executable, "-c", script], env={**os.environ, "POSE_WEIGHTS": "none"})
    assert finished.returncode == 0, finished.stderr
    assert re.search(r"^serve\.jpg [1-9] people$", finished.stdout, re.MULTILINE), finished.stdout
    assert "no picture gone.jpg -> check the path" in finished.stdout


def test_the_pages_lines_are_short() -> None:
    assert max(len(line) for line in (REPO / "docs/python.md").read_text(encoding="utf-8").splitlines()) < 110


def test_the_page_names_every_keyword() -> None:
    page = (REPO / "docs/python.md").read_text(encoding="utf-8")
    for load in (load_detector, load_estimator):
        for keyword in inspect.signature(load).parameters:
            assert f"`{keyword}`" in page, keyword


@pytest.mark.skipif(
    not all(find_spec(name) for name in ("nbclient", "nbformat", "ipykernel", "matplotlib")),
    reason="no nbclient, ipykernel or matplotlib",
)
def test_the_tour_runs_and_is_kept_without_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    if not list(DEMO_PHOTOS.glob("*.jpg")):
        pytest.skip(f"no photos in {DEMO_PHOTOS}")
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path))
    notebook = nbformat.read(REPO / "docs/tour.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(REPO / "docs")}}).execute()
    kinds = [kind for cell in code for output in cell.outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == 3 + len(list(DEMO_PHOTOS.glob("*.jpg")))
    printed = "".join(output.get("text", "") for cell in code for output in cell.outputs)
    assert "LoadedDetector(" in printed and "LoadedEstimator(" in printed and "score" in printed
    if os.environ.get("POSE_KEEP_TOUR"):
        nbformat.write(notebook, os.environ["POSE_KEEP_TOUR"])


def test_a_wrong_call_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    script = "from yolo_stage import load_detector; load_detector(engine='onnx')"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert finished.returncode == 1 and "UsageError: engine: expected auto, openvino" in finished.stderr
