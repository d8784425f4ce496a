"""Corrections made in CVAT and Label Studio, through the real commands: the stages keep them and fit the rest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import REPO, run, stage

from pose_contract.records import ImageAnnot, ImagePoses
from pose_contract.storage import read_annot, read_poses
from pose_contract.workspace import Workspace

NAME = "astronaut.jpg"
POSE = str(REPO / ".venv/bin/pose")
JOINT_AT, SECOND_BOX = (201.0, 301.0), (20.0, 30.0, 120.0, 230.0)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both stages have run on two photos with the embedded networks; camera.jpg stays as it is."""
    root = tmp_path_factory.mktemp("tools") / "done"
    shutil.copytree(REPO / "workspace-template", root)
    for photo in (REPO / "tools/demo-photos").glob("*.jpg"):
        shutil.copy(photo, root / "images")
    make(root)
    return root


def make(root: Path) -> None:
    for name in ("yolo", "hrn"):
        finished = run([*stage(name), "--workspace", str(root), "--weights", "lite"])
        assert finished.returncode == 0, finished.stderr


def change_in_cvat(folder: Path) -> Path:
    """Moves a joint of the first person; adds somebody with a box, whose joints lie 5 px to the right of theirs."""
    tree = ElementTree.parse(folder / "annotations.xml")
    image = next(each for each in tree.getroot().iter("image") if each.attrib["name"] == NAME)
    figure = next(image.iter("skeleton"))
    added = ElementTree.SubElement(image, "skeleton", label="person", group_id="9")
    for point in figure.iter("points"):
        x, y = map(float, point.attrib["points"].split(","))
        ElementTree.SubElement(added, "points", point.attrib | {"points": f"{x + 5:.2f},{y:.2f}"})
    edges = dict(zip(("xtl", "ytl", "xbr", "ybr"), map(str, SECOND_BOX), strict=True))
    ElementTree.SubElement(image, "box", {"label": "person_box", "occluded": "0", "group_id": "9", **edges})
    moved = next(point for point in figure.iter("points") if point.attrib["label"] == "right_elbow")
    moved.attrib |= {"points": f"{JOINT_AT[0] + 0.5:.2f},{JOINT_AT[1] + 0.5:.2f}", "occluded": "0", "outside": "0"}
    tree.write(folder / "back.xml")
    return folder / "back.xml"


def change_in_label_studio(folder: Path) -> Path:
    """The same."""
    tasks = json.loads((folder / "tasks.json").read_text())
    for task in tasks:
        task["annotations"] = [{"result": task["predictions"][0]["result"]}]
    regions = next(task for task in tasks if task["data"]["photo"] == NAME)["annotations"][0]["result"]
    own = [region for region in regions if region["id"].startswith("person-0")]
    added = json.loads(json.dumps(own).replace("person-0", "Zx81_"))
    width, height = own[0]["original_width"], own[0]["original_height"]
    x1, y1, x2, y2 = (100 * edge / side for edge, side in zip(SECOND_BOX, (width, height) * 2, strict=True))
    added[0]["value"] |= {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
    for region in added[1:]:
        region["value"]["x"] += 500 / width
    elbow = next((region for region in own if region["id"].endswith("right_elbow")), None)
    if elbow is None:
        elbow = own[1] | {"id": "new", "value": own[1]["value"] | {"keypointlabels": ["right_elbow"]}}
        regions.append(elbow)
    at = [100 * (value + 0.5) / side for value, side in zip(JOINT_AT, (width, height), strict=True)]
    elbow["value"] |= {"x": at[0], "y": at[1]}
    regions += added
    (folder / "back.json").write_text(json.dumps(tasks))
    return folder / "back.json"


def records(root: Path, name: str) -> tuple[ImageAnnot, ImagePoses]:
    workspace = Workspace(root)
    annot = read_annot(workspace.path(workspace.annot_file(name)))
    poses = read_poses(workspace.path(workspace.poses_file(name)))
    assert annot is not None and poses is not None
    return annot, poses


@pytest.mark.parametrize(("tool", "change"), [("cvat", change_in_cvat), ("label-studio", change_in_label_studio)])
def test_corrections_come_back_and_the_stages_keep_them(
    tool: str, change: Callable[[Path], Path], done: Path, tmp_path: Path
) -> None:
    root, out = tmp_path / "workspace", tmp_path / "out"
    shutil.copytree(done, root)
    before, final = records(root, NAME), (root / "final" / NAME).read_bytes()
    other = {path: path.read_bytes() for path in root.rglob("camera*") if path.is_file()}
    assert run([POSE, "export", tool, str(out), str(root)]).returncode == 0
    finished = run([POSE, "import", str(change(out)), str(root)])
    assert finished.returncode == 0, finished.stderr
    assert "1 photos corrected, 1 unchanged, 0 not taken over" in finished.stdout
    written = (root / "output/poses/astronaut.json").read_bytes()
    make(root)
    annot, poses = records(root, NAME)
    assert (root / "output/poses/astronaut.json").read_bytes() == written, "hrn-stage keeps it"
    people = len(before[0].people)
    assert annot.corrected and poses.corrected and len(annot.people) == len(poses.people) == people + 1
    assert annot.people[:people] == before[0].people
    assert annot.people[people].box.xyxy == pytest.approx(SECOND_BOX, abs=0.001)
    cut = annot.people[people].cut
    assert cut is not None and (root / cut.file).is_file(), "yolo-stage has cut them out"
    elbow = next(joint for joint in poses.people[0].keypoints if joint.name == "right_elbow")
    assert (elbow.x, elbow.y, elbow.score) == (*JOINT_AT, 1.0)
    untouched = [joint for joint in before[1].people[0].keypoints if joint.name != "right_elbow"]
    assert [joint for joint in poses.people[0].keypoints if joint.name != "right_elbow"] == untouched
    assert (root / "final" / NAME).read_bytes() != final
    assert f"{NAME},{people}," in (root / "output/keypoints.csv").read_text()
    assert {path: path.read_bytes() for path in other} == other
    status = run([POSE, "status", str(root)])
    assert status.returncode == 0 and "2" in status.stdout, status.stdout
    make(root)
    assert (root / "output/poses/astronaut.json").read_bytes() == written
