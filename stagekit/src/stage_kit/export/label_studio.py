"""Label Studio's tasks with predictions, and the labelling configuration that they need.

A person is a rectangle; their joints are keypoints below it in the tree of regions (`parentID`). Regions keep their ids
when a prediction becomes an annotation, so the rectangle's id `person-3` brings the person's number back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from pose_contract.skeletons import Skeleton
from stage_kit.export.annotated import PIXEL_CENTRE, AnnotatedPerson, AnnotatedPhoto

PERSON, ID = "person", "person-"
BOX, JOINT, IMAGE, PHOTO = "box", "joint", "image", "photo"
LOCAL_FILES = "/data/local-files/?d=images/"
"""Of photos that Label Studio serves itself; its document root is the workspace."""
JOINT_PERCENT = 0.5
SIDES = {"left": "#1f77ff", "right": "#ff6a00", "middle": "#20b050"}


def label_studio_tasks(photos: Iterable[AnnotatedPhoto]) -> Iterator[str]:
    """The file's text, photo by photo."""
    yield "["
    for number, photo in enumerate(photos):
        yield ",\n" if number else "\n"
        yield json.dumps(_task(photo), ensure_ascii=False)
    yield "\n]\n"


def _task(photo: AnnotatedPhoto) -> dict[str, Any]:
    regions = [region for person in photo.people for region in _regions(person, photo)]
    scores = [person.score for person in photo.people]
    prediction = {"model_version": "pose", "score": min(scores, default=1.0), "result": regions}
    data = {IMAGE: LOCAL_FILES + quote(photo.name), PHOTO: photo.name}
    return {"data": data, "predictions": [prediction]}


def _regions(person: AnnotatedPerson, photo: AnnotatedPhoto) -> Iterator[dict[str, Any]]:
    assert person.box_xyxy is not None, "everybody in our records has a box"
    x1, y1, x2, y2 = person.box_xyxy
    across, down = 100 / photo.width, 100 / photo.height
    owner = f"{ID}{person.index}"
    common = {"to_name": IMAGE, "original_width": photo.width, "original_height": photo.height, "image_rotation": 0}
    box = {"x": x1 * across, "y": y1 * down, "width": (x2 - x1) * across, "height": (y2 - y1) * down, "rotation": 0}
    yield common | {
        "id": owner, "from_name": BOX, "type": "rectanglelabels", "score": person.score,
        "value": box | {"rectanglelabels": [PERSON]},
    }  # fmt: skip
    for joint in person.joints or ():
        x, y = (joint.x + PIXEL_CENTRE) * across, (joint.y + PIXEL_CENTRE) * down
        yield common | {
            "id": f"{owner}-{joint.name}", "parentID": owner, "from_name": JOINT, "type": "keypointlabels",
            "score": joint.score,
            "value": {"x": x, "y": y, "width": JOINT_PERCENT, "keypointlabels": [joint.name]},
        }  # fmt: skip


def label_studio_config(skeleton: Skeleton) -> str:
    """The XML of the labelling interface: one rectangle's label, and a keypoint's label for every joint."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name=IMAGE, value=f"${IMAGE}", zoom="true", zoomControl="true")
    boxes = ElementTree.SubElement(view, "RectangleLabels", name=BOX, toName=IMAGE, canRotate="false")
    ElementTree.SubElement(boxes, "Label", value=PERSON, background="#888888")
    joints = ElementTree.SubElement(view, "KeyPointLabels", name=JOINT, toName=IMAGE)
    for number, name in enumerate(skeleton.keypoints):
        colour = SIDES.get(name.partition("_")[0], SIDES["middle"])
        # The order of the joints in Label Studio's own exports to COCO and YOLO.
        ElementTree.SubElement(joints, "Label", value=name, background=colour, model_index=str(number))
    ElementTree.indent(view)
    return f"{ElementTree.tostring(view, encoding='unicode')}\n"
