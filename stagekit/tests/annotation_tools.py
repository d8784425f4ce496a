"""CVAT and Label Studio as far as a file's way through them goes: what they read of ours, and what they give back."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from pose_contract.records import Box, ImageAnnot, ImagePoses, Keypoint, MadeBy, Person, PersonPose
from pose_contract.skeletons import MPII16
from pose_contract.workspace import Workspace
from stage_kit.pictures.images import write_jpeg
from stage_kit.runs.found_records import sealed_bytes

WIDTH, HEIGHT = 120, 90


def made_by(stage: str, annot_sha256: str | None = None) -> MadeBy:
    return MadeBy(
        stage=stage, results=1, model="m", weights_sha256="0" * 64, options={}, annot_sha256=annot_sha256
    )  # fmt: skip


def keypoints(left: float, top: float, missing: int = 0) -> tuple[Keypoint, ...]:
    """All joints but the first `missing`; the last lies outside the photo, the one before is a guess."""
    names = MPII16.keypoints[missing:]
    points = [Keypoint(name=name, x=left + 1.237 * n, y=top + 2.111 * n, score=0.9) for n, name in enumerate(names)]
    points[-2] = points[-2].model_copy(update={"score": 0.05})
    points[-1] = points[-1].model_copy(update={"x": -7.5, "score": 0.1})
    return tuple(points)


def write_records(workspace: Workspace, name: str, people: int, missing: int = 0) -> None:
    """A photo and its records, sealed as the stages seal them."""
    path = workspace.path(workspace.image_file(name))
    write_jpeg(path, np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    boxes = [Box(x1=3.123 + 30 * n, y1=4.5, x2=31.457 + 30 * n, y2=70.111) for n in range(people)]
    common: dict[str, Any] = {
        "image": workspace.image_file(name), "image_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "width": WIDTH, "height": HEIGHT,
    }  # fmt: skip
    persons = tuple(Person(index=n, score=0.8, box=box) for n, box in enumerate(boxes))
    annot = sealed_bytes(ImageAnnot(**common, people=persons, made_by=made_by("yolo-stage")))
    posed = tuple(
        PersonPose(index=n, score=0.6, box=box, keypoints=keypoints(5 + 30 * n, 6, missing))
        for n, box in enumerate(boxes)
    )
    made = made_by("hrn-stage", hashlib.sha256(annot).hexdigest())
    poses = sealed_bytes(ImagePoses(**common, skeleton="mpii16", people=posed, made_by=made))
    for file, data in ((workspace.annot_file(name), annot), (workspace.poses_file(name), poses)):
        target = workspace.path(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def through_cvat(folder: Path) -> ElementTree.Element:
    """What CVAT dumps of what it loads: it keeps what it needs, and rounds coordinates to two decimals.

    Whatever it cannot do without is asked for by [], so that a missing attribute fails here as it does there.
    """
    labels = {label["name"]: label for label in json.loads((folder / "labels.json").read_text())}
    dumped = ElementTree.Element("annotations")
    ElementTree.SubElement(ElementTree.SubElement(dumped, "meta"), "task").text = "a task"
    for image in ElementTree.parse(folder / "annotations.xml").getroot().iter("image"):
        kept = {name: image.attrib[name] for name in ("id", "name", "width", "height")}
        out = ElementTree.SubElement(dumped, "image", kept)
        for shape in image:
            assert {"box": "rectangle", "skeleton": "skeleton"}[shape.tag] == labels[shape.attrib["label"]]["type"]
            out.append(_dumped(shape, labels[shape.attrib["label"]]))
    return dumped


def _dumped(shape: ElementTree.Element, label: dict[str, Any]) -> ElementTree.Element:
    kept = {"label": shape.attrib["label"], "source": "manual", "z_order": "0"}
    if int(shape.attrib.get("group_id", 0)):
        kept["group_id"] = shape.attrib["group_id"]
    if shape.tag == "box":
        kept |= {edge: f"{float(shape.attrib[edge]):.2f}" for edge in ("xtl", "ytl", "xbr", "ybr")}
    out = ElementTree.Element(shape.tag, kept)
    for point in shape.iter("points"):
        assert point.attrib["label"] in [sub["name"] for sub in label["sublabels"]]
        x, y = (f"{float(value):.2f}" for value in point.attrib["points"].split(","))
        flags = {name: str(int(point.attrib[name] == "1")) for name in ("outside", "occluded")}
        ElementTree.SubElement(out, "points", {"label": point.attrib["label"], **flags, "points": f"{x},{y}"})
    for attribute in shape.iter("attribute"):
        assert attribute.attrib["name"] in [known["name"] for known in label["attributes"]]
        out.append(copy.deepcopy(attribute))
    return out


def through_label_studio(folder: Path) -> list[dict[str, Any]]:
    """Every task's prediction, submitted as it stands: regions keep their ids and parents."""
    config = ElementTree.parse(folder / "config.xml").getroot()
    controls = {control.attrib["name"]: control for control in config}
    tasks = json.loads((folder / "tasks.json").read_text())
    for number, task in enumerate(tasks):
        result = task["predictions"][0]["result"]
        for region in result:
            kind, control = region["type"], controls[region["from_name"]]
            assert control.tag.lower() == kind and control.attrib["toName"] == region["to_name"]
            assert set(region["value"][kind]) <= {label.attrib["value"] for label in control}
        annotation = {"id": 7, "completed_by": 1, "result": result, "was_cancelled": False, "lead_time": 1.5}
        task |= {"id": number + 100, "annotations": [annotation], "predictions": [1]}
    return tasks


def write_xml(path: Path, root: ElementTree.Element) -> Path:
    path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
    return path


def write_json(path: Path, tasks: Any) -> Path:
    path.write_text(json.dumps(tasks))
    return path
