"""Both stages on real photos, with real weights, through their commands."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO, Commands, run
from PIL import Image

from pose_contract.storage import read_annot, read_poses, read_report
from stage_kit.testing import workspace_bytes

PHOTOS = 12


@pytest.fixture(scope="module")
def done(commands: Commands, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which both stages have run over all photos."""
    workspace = tmp_path_factory.mktemp("whole") / "workspace"
    shutil.copytree(REPO / "workspace-template", workspace)
    for photo in (shared / "photos").glob("*.jpg"):
        shutil.copy(photo, workspace / "images")
    for command in (commands.yolo(workspace), commands.hrn(workspace)):
        finished = run(command)
        assert finished.returncode == 0, finished.stderr
    return workspace


def iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def test_every_photo_ends_in_final_with_its_size(done: Path) -> None:
    finals = sorted(path.name for path in (done / "final").glob("*.jpg"))
    assert finals == sorted(path.name for path in (done / "images").glob("*.jpg")) and len(finals) == PHOTOS
    for name in finals:
        assert Image.open(done / "final" / name).size == Image.open(done / "images" / name).size


def test_the_players_are_where_the_original_saw_them(done: Path, shared: Path) -> None:
    for name, box in json.loads((shared / "photos/boxes.json").read_text()).items():
        if name == "comment":
            continue
        annot = read_annot(done / "annots" / Path(name).with_suffix(".json"))
        assert annot is not None
        assert max(iou(person.box.xyxy, tuple(box)) for person in annot.people) >= 0.7, name


def test_most_labelled_people_are_found(done: Path, shared: Path) -> None:
    """COCO's own boxes; the small detector misses some people, most of them small or half hidden."""
    truth = json.loads((shared / "photos/coco-sample.json").read_text())
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    found = []
    for label in truth["annotations"]:
        x, y, width, height = label["bbox"]
        annot = read_annot(done / "annots" / Path(names[label["image_id"]]).with_suffix(".json"))
        assert annot is not None
        found.append(any(iou(person.box.xyxy, (x, y, x + width, y + height)) >= 0.5 for person in annot.people))
    assert np.mean(found) >= 0.6


def test_heads_are_at_heads(done: Path) -> None:
    """Read off the pictures by eye; the small network is right about heads on both."""
    for name, head in (("tennis-00", (280, 60)), ("tennis-01", (264, 228))):
        poses = read_poses(done / f"output/poses/{name}.json")
        assert poses is not None
        points = {point.name: (point.x, point.y) for point in poses.people[0].keypoints}
        middle = np.mean([points["upper_neck"], points["head_top"]], axis=0)
        assert np.hypot(*(middle - head)) < 40, (name, middle)


def test_the_tables_agree_with_the_records(done: Path) -> None:
    people = sum(len(read_poses(path).people) for path in (done / "output/poses").glob("*.json"))  # type: ignore[union-attr]
    with (done / "output/keypoints.csv").open(encoding="utf-8", newline="") as file:
        assert sum(1 for _ in csv.DictReader(file)) == people * 16
    assert len(json.loads((done / "output/keypoints.coco.json").read_text())) == people


def test_pycocotools_loads_the_results(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    truth = COCO(str(done / "output/images.coco.json"))
    results = truth.loadRes(str(done / "output/keypoints.coco.json"))
    assert len(results.getImgIds()) == PHOTOS
    assert {785, 40083, 192} <= set(truth.getImgIds())
    assert len(results.loadAnns(results.getAnnIds(imgIds=[785]))[0]["keypoints"]) == 48
    capsys.readouterr()


def test_the_reports_add_up(done: Path) -> None:
    for stage in ("yolo-stage", "hrn-stage"):
        report = read_report(done / f"reports/{stage}.json")
        assert report is not None and report.state == "finished"
        counts = report.counts
        assert counts.images == counts.processed + counts.redrawn + counts.skipped + counts.failed == PHOTOS
        assert report.seconds > 0 and report.images_per_second > 0 and report.device == "cpu"


def test_a_second_run_and_a_moved_workspace_change_nothing(done: Path, commands: Commands, tmp_path: Path) -> None:
    before = workspace_bytes(done)
    moved = tmp_path / "moved here"
    shutil.copytree(done, moved)
    for command in (commands.yolo(moved), commands.hrn(moved)):
        finished = run(command)
        assert finished.returncode == 0 and f"{PHOTOS} already done" in finished.stderr, finished.stderr
    assert workspace_bytes(moved) == before


def test_equal_work_gives_equal_bytes(done: Path, commands: Commands, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(REPO / "workspace-template", again)
    shutil.copytree(done / "images", again / "images", dirs_exist_ok=True)
    for command in (commands.yolo(again, "--n_cpu", "5", "--batch_size", "3"), commands.hrn(again)):
        assert run(command).returncode == 0
    assert workspace_bytes(again) == workspace_bytes(done)


def test_the_originals_command_lines(commands: Commands, photos: Callable[[int], Path]) -> None:
    workspace = photos(2)
    custom = workspace.rename(workspace.with_name("custom"))
    folders = {"image": "images", "annot": "annots", "inspect": "inspect", "cut": "cuts"}
    flags = [part for flag, name in folders.items() for part in (f"--{flag}_folder", f"custom/{name}")]
    yolo = [part for part in commands.yolo(custom) if part not in ("--workspace", str(custom))]
    finished = run([*yolo, *flags, "--batch_size", "8", "--n_cpu", "8"], cwd=custom.parent)
    assert finished.returncode == 0, finished.stderr
    yaml = custom / "w32_256x256_adam_lr1e-3.yaml"
    shutil.copy(commands.shared / "weights/hrnet_lite_mpii16_128x128.yaml", yaml)
    shutil.copy(commands.shared / "weights/hrnet_lite_mpii16_128x128.pth", custom)
    drawing = ["--circle", "0", "--label", "0", "--line", "1", "--line_thickness", "2"]
    hrn = [*commands.hrn(custom)[:1], *drawing, "--cfg", f"custom/{yaml.name}"]
    finished = run(hrn, cwd=custom.parent)
    assert finished.returncode == 0, finished.stderr
    assert len(list((custom / "final").glob("*.jpg"))) == 2


def test_make_run_does_both_and_fails_at_the_end_where_a_photo_failed(
    commands: Commands, photos: Callable[[int], Path]
) -> None:
    workspace = photos(2)
    (workspace / "images/empty.jpg").write_bytes(b"")
    flags = {
        "YOLO": " ".join(commands.yolo(workspace)[3:]),
        "HRN": " ".join(commands.hrn(workspace)[3:]),
        "WORKSPACE": str(workspace),
    }
    make = ["make", "--no-print-directory", "-C", str(REPO), *(f"{name}={value}" for name, value in flags.items())]
    finished = run([*make, "run"], env=os.environ | {"MAKEFLAGS": ""})
    assert finished.returncode == 2 and "Error 3" in finished.stderr, finished.stderr
    assert len(list((workspace / "final").glob("*.jpg"))) == 2
    status = run([*make, "status"]).stdout.split()
    assert status[status.index("yolo-stage") + 1 :][:5] == ["2", "0", "1", "0", "0"]
    assert status[status.index("hrn-stage") + 1 :] == ["2", "0", "0", "0", "0"]
    (workspace / "images/empty.jpg").unlink()
    assert run([*make, "run"], env=os.environ | {"MAKEFLAGS": ""}).returncode == 0


@pytest.mark.parametrize("name", ["my serves", "it's", "é %d"])
def test_make_takes_a_workspace_of_any_name(name: str, tmp_path: Path) -> None:
    workspace = tmp_path / name
    make = ["make", "--no-print-directory", "-C", str(REPO), f"WORKSPACE={workspace}"]
    for _ in range(2):
        assert run([*make, "workspace"]).returncode == 0
        assert (workspace / "images").is_dir() and not (workspace / "workspace-template").exists()
    finished = run([*make, "status"])
    assert finished.returncode == 0 and "yolo-stage" in finished.stdout, finished.stderr
