"""What a fresh clone does without downloading weights: both stages with the embedded networks, and `make demo`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO, run, stage
from PIL import Image

from pose_contract.storage import read_annot, read_poses, read_report
from pose_contract.workspace import Workspace
from stage_kit.testing import workspace_bytes
from stage_kit.videos.reader import open_video
from stage_kit.videos.writer import write_movie

LITE = [REPO / f"{name}-stage/src/{name}_stage/models/lite" for name in ("yolo", "hrn")]
DEMO_PHOTOS = [REPO / f"tools/demo-photos/{name}.jpg" for name in ("astronaut", "camera")]
ASTRONAUT_HEAD = (222, 95)
CAMERA_MAN_BOX = (0, 60, 290, 512)
# Knee and ankle of both legs, read off the photos by eye; which of them is the left one may be mistaken.
TENNIS = {
    "tennis-00": (((250, 282), (268, 355)), ((283, 278), (328, 345))),
    "tennis-01": (((92, 370), (95, 450)), ((142, 415), (142, 490))),
}
REACH = 25  # px
# In one process, as PyTorch takes seconds to be imported.
BOTH_STAGES = """
import sys
from hrn_stage.cli import main as hrn
from yolo_stage.cli import main as yolo
sys.exit(yolo(sys.argv[1:]) or hrn(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace in which both stages have run without any weights but their own."""
    folder = tmp_path_factory.mktemp("embedded")
    workspace = folder / "workspace"
    shutil.copytree(REPO / "workspace-template", workspace)
    for photo in DEMO_PHOTOS:
        shutil.copy(photo, workspace / "images")
    Image.new("RGB", (320, 240), (90, 140, 200)).save(workspace / "images/nobody.png")
    for name in ("yolo", "hrn"):
        finished = run([*stage(name), "--workspace", str(workspace)], env=without_weights(folder))
        assert finished.returncode == 0, finished.stderr
        assert finished.stderr.count("embedded weights (see docs/networks.md)") == 1, finished.stderr
    yield workspace


def without_weights(folder: Path) -> dict[str, str]:
    return {**os.environ, "POSE_WEIGHTS": str(folder / "none")}


def iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    sides = [min(a[2 + axis], b[2 + axis]) - max(a[axis], b[axis]) for axis in (0, 1)]
    both = max(sides[0], 0) * max(sides[1], 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@pytest.mark.parametrize("folder", LITE)
def test_they_are_small_and_have_a_card(folder: Path) -> None:
    kinds = {path.suffix for path in folder.iterdir()}
    weights = next(path for path in folder.iterdir() if path.suffix in {".weights", ".pth"})
    assert kinds == ({".cfg", ".weights", ".md"} if weights.suffix == ".weights" else {".yaml", ".pth", ".md"})
    assert weights.stat().st_size <= (10e6 if weights.suffix == ".weights" else 12e6)
    card = weights.with_suffix(".md").read_text(encoding="utf-8")
    for word in ("Data", "Recipe", "commit", "seed", "Limits"):
        assert word in card


def test_people_are_found(done: Path) -> None:
    camera = read_annot(done / "annots/camera.json")
    assert camera is not None
    assert max(iou(person.box.xyxy, CAMERA_MAN_BOX) for person in camera.people) >= 0.7


def test_nobody_is_nobody(done: Path) -> None:
    annot = read_annot(done / "annots/nobody.png.json")
    assert annot is not None and not annot.people


def test_the_astronauts_head_is_her_head(done: Path) -> None:
    """She fills the frame: a small network boxes little more than her head, or misses her."""
    annot, (x, y) = read_annot(done / "annots/astronaut.json"), ASTRONAUT_HEAD
    assert annot is not None
    if not any(x1 < x < x2 and y1 < y < y2 for x1, y1, x2, y2 in (person.box.xyxy for person in annot.people)):
        pytest.xfail("the embedded detector does not find the astronaut, who fills the frame")
    poses = read_poses(done / "output/poses/astronaut.json")
    assert poses is not None
    people = [{point.name: (point.x, point.y) for point in person.keypoints} for person in poses.people]
    heads = [np.mean([points["upper_neck"], points["head_top"]], axis=0) for points in people]
    assert min(np.hypot(*(head - ASTRONAUT_HEAD)) for head in heads) < 50


def test_every_picture_ends_in_final(done: Path) -> None:
    workspace = Workspace(done)
    for name in ("astronaut.jpg", "camera.jpg", "nobody.png"):
        final = workspace.path(workspace.final_file(name))
        assert Image.open(final).size == Image.open(done / "images" / name).size


def test_the_reports_name_networks_and_engines(done: Path) -> None:
    for name, weights in zip(("yolo-stage", "hrn-stage"), LITE, strict=True):
        report = read_report(done / f"reports/{name}.json")
        assert report is not None
        assert (report.model, report.engine) == (next(weights.glob("*.md")).stem, "openvino")


def test_a_second_run_does_nothing(done: Path) -> None:
    before = workspace_bytes(done)
    for name in ("yolo", "hrn"):
        finished = run([*stage(name), "--workspace", str(done)], env=without_weights(done.parent))
        assert finished.returncode == 0 and "3 already done" in finished.stderr, finished.stderr
    assert workspace_bytes(done) == before


@pytest.mark.skipif(find_spec("yolo_torch") is None, reason="PyTorch is not installed: make setup TORCH=1")
def test_engines_agree(done: Path, tmp_path: Path) -> None:
    """In fp32: boxes within 0.1 px; sure keypoints within 0.05 px but for near ties, as hrn-stage's own test shows."""
    places = {"openvino": tmp_path / "one", "torch": tmp_path / "two"}
    for engine, place in places.items():
        shutil.copytree(REPO / "workspace-template", place)
        shutil.copytree(done / "images", place / "images", dirs_exist_ok=True)
        flags = ["--weights", "lite", "--engine", engine, "--precision", "fp32"]
        finished = run([sys.executable, "-c", BOTH_STAGES, "--workspace", str(place), *flags])
        assert finished.returncode == 0, finished.stderr
    distances = []
    for path in sorted((places["torch"] / "annots").rglob("*.json")):
        one, two = (read_annot(place / "annots" / path.name) for place in places.values())
        assert one is not None and two is not None and len(one.people) == len(two.people)
        for a, b in zip(one.people, two.people, strict=True):
            np.testing.assert_allclose(a.box.xyxy, b.box.xyxy, atol=0.1)
        poses, twins = (read_poses(place / "output/poses" / path.name) for place in places.values())
        for person, twin in zip(poses.people if poses else (), twins.people if twins else (), strict=True):
            for p, q in zip(person.keypoints, twin.keypoints, strict=True):
                if p.score >= 0.2:
                    distances.append(np.hypot(p.x - q.x, p.y - q.y))
    assert len(distances) >= 10
    assert np.mean(np.array(distances) <= 0.05) >= 0.9


def test_the_users_yaml_keeps_its_say(done: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(done, other)
    flags = ["--weights", "lite", "TEST.FLIP_TEST", "false", "DEBUG.DEBUG", "true"]
    finished = run([*stage("hrn"), "--workspace", str(other), *flags])
    assert finished.returncode == 0, finished.stderr
    record = json.loads((other / "output/poses/astronaut.json").read_text(encoding="utf-8"))
    assert record["made_by"]["options"]["flip_test"] is False
    assert list((other / "output/debug").rglob("*.jpg"))


def test_the_demo_says_what_it_found(tmp_path: Path) -> None:
    """In a workspace that it makes; a second time nothing is left to do."""
    workspace = tmp_path / "my demo"
    for _ in range(2):
        finished = run([str(REPO / "tools/demo"), str(workspace)], env={**os.environ, "POSE_DEMO_CLIP": "0"})
        assert finished.returncode == 0, finished.stderr
        for photo in DEMO_PHOTOS:
            (line,) = [line for line in finished.stdout.splitlines() if line.startswith(f"{photo.name}: ")]
            assert "1 person" in line or " people" in line
            assert Path(line.split(" -> ")[1]).is_file()
    assert finished.stderr.count("2 already done") == 2, finished.stderr


def fake_apt_get(folder: Path, script: str) -> dict[str, str]:
    """An environment whose apt-get is this script."""
    folder.mkdir()
    (folder / "apt-get").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "apt-get").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="no dpkg-deb: not Debian")
def test_the_demos_clip_is_the_start_of_a_film_in_a_package(tmp_path: Path) -> None:
    film = tmp_path / "package/usr/share/doc/opencv-doc/examples/data/vtest.avi"
    with write_movie(film, (64, 48), 10) as movie:
        for number in range(70):
            movie.add(np.full((48, 64, 3), 3 * number, np.uint8), number / 10)
    (tmp_path / "package/DEBIAN").mkdir()
    facts = "Package: opencv-doc\nVersion: 1\nArchitecture: all\nMaintainer: n <n@example.org>\nDescription: d\n"
    (tmp_path / "package/DEBIAN/control").write_text(facts)
    deb = tmp_path / "opencv-doc_1_all.deb"
    assert run(["dpkg-deb", "--build", str(tmp_path / "package"), str(deb)]).returncode == 0
    clip = tmp_path / "images/square.mp4"
    finished = run([str(REPO / "tools/demo-clip"), str(clip)], env=fake_apt_get(tmp_path / "bin", f"cp {deb} ."))
    assert finished.returncode == 0, finished.stderr
    with open_video(clip) as video:
        shown = [round(float(frame.picture.mean()) / 3) for frame in video.frames()]
    assert shown == pytest.approx(range(60), abs=1)


def test_without_the_package_the_demo_has_no_clip(tmp_path: Path) -> None:
    environment = fake_apt_get(tmp_path / "bin", "exit 100")
    finished = run([str(REPO / "tools/demo-clip"), str(tmp_path / "square.mp4")], env=environment)
    assert finished.returncode == 0 and not (tmp_path / "square.mp4").exists()
    assert "can't fetch opencv-doc" in finished.stdout or not shutil.which("dpkg-deb")


def test_the_tennis_players(shared: Path, tmp_path: Path) -> None:
    """Boxes as the original's detector saw them; each leg on a leg of its own."""
    workspace = tmp_path / "workspace"
    shutil.copytree(REPO / "workspace-template", workspace)
    for name in TENNIS:
        shutil.copy(shared / "photos" / f"{name}.jpg", workspace / "images")
    for name in ("yolo", "hrn"):
        finished = run([*stage(name), "--workspace", str(workspace), "--weights", "lite"])
        assert finished.returncode == 0, finished.stderr
    boxes = json.loads((shared / "photos/boxes.json").read_text(encoding="utf-8"))
    wrong = {}
    for name, legs in TENNIS.items():
        annot, poses = (
            read_annot(workspace / f"annots/{name}.json"),
            read_poses(workspace / f"output/poses/{name}.json"),
        )
        assert annot is not None and poses is not None
        overlap = [iou(person.box.xyxy, tuple(boxes[f"{name}.jpg"])) for person in annot.people]
        assert max(overlap) >= 0.7, name
        points = {point.name: (point.x, point.y) for point in poses.people[int(np.argmax(overlap))].keypoints}
        found = [[points[f"{side}_{joint}"] for joint in ("knee", "ankle")] for side in ("left", "right")]
        off = [np.linalg.norm(np.subtract(found, order), axis=-1).max() for order in (legs, legs[::-1])]
        if min(off) >= REACH:
            wrong[name] = found
    assert "tennis-01" not in wrong, wrong
    if wrong:
        pytest.xfail(f"the embedded network puts both shins of tennis-00 onto one leg, as its card says: {wrong}")
