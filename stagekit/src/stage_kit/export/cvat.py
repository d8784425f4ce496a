"""CVAT's own XML, "CVAT for images 1.1", and the labels that a task needs for it.

Of CVAT's formats this one keeps both a person's box and their skeleton: its import of "COCO Keypoints 1.0" drops boxes.
A person is a rectangle and a skeleton in one group; the attribute `index` of both is the person's number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree import ElementTree

from pose_contract.names import printable
from pose_contract.skeletons import Skeleton
from stage_kit.export.annotated import PIXEL_CENTRE, AnnotatedPerson, AnnotatedPhoto

PERSON, BOX, INDEX = "person", "person_box", "index"
UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Where the joints of the constructor's figure lie, of 100 x 100, seen from in front: x of the person's left side.
STANDING = {
    "head_top": (50, 6), "nose": (50, 12), "eye": (53, 10), "ear": (56, 12), "neck": (50, 21), "upper_neck": (50, 20),
    "thorax": (50, 27), "shoulder": (60, 27), "elbow": (65, 41), "wrist": (68, 54), "pelvis": (50, 53),
    "hip": (56, 53), "knee": (57, 74), "ankle": (58, 94), "chest": (50, 38), "mid_hip": (50, 52),
    "big_toe": (60, 98), "small_toe": (63, 97), "heel": (56, 97),
}  # fmt: skip


def has_xml_name(photo: AnnotatedPhoto) -> bool:
    """Whether XML can hold the photo's name: control characters it cannot."""
    return UNPRINTABLE.search(photo.name) is None


def cvat_xml(photos: Iterable[AnnotatedPhoto], skeleton: Skeleton) -> Iterator[str]:
    """The file's text, photo by photo."""
    yield "<?xml version='1.0' encoding='utf-8'?>\n<annotations>\n  <version>1.1</version>\n"
    for number, photo in enumerate(photos):
        image = _element("image", id=number, name=photo.name, width=photo.width, height=photo.height)
        for group, person in enumerate(photo.people, start=1):
            image.extend(_shapes(person, group, skeleton))
        ElementTree.indent(image, level=1)
        yield f"  {ElementTree.tostring(image, encoding='unicode')}\n"
    yield "</annotations>\n"


def _element(tag: str, **attributes: object) -> ElementTree.Element:
    return ElementTree.Element(tag, {name: str(value) for name, value in attributes.items()})


def _shapes(person: AnnotatedPerson, group: int, skeleton: Skeleton) -> Iterator[ElementTree.Element]:
    assert person.box_xyxy is not None, "everybody in our records has a box"
    xtl, ytl, xbr, ybr = (f"{edge:.3f}" for edge in person.box_xyxy)
    common: dict[str, object] = {"source": "file", "z_order": 0, "group_id": group}
    box = _element("box", label=BOX, occluded=0, xtl=xtl, ytl=ytl, xbr=xbr, ybr=ybr, **common)
    yield _numbered(box, person)
    if person.joints is not None:
        figure = _element("skeleton", label=PERSON, **common)
        figure.extend(_points(person, skeleton))
        yield _numbered(figure, person)


def _points(person: AnnotatedPerson, skeleton: Skeleton) -> Iterator[ElementTree.Element]:
    """Every joint of the skeleton; one that is not placed is `outside`, and lies in the middle of the box."""
    assert person.box_xyxy is not None
    x1, y1, x2, y2 = person.box_xyxy
    placed = {joint.name: joint for joint in person.joints or ()}
    for name in skeleton.keypoints:
        joint = placed.get(name)
        x, y = (joint.x + PIXEL_CENTRE, joint.y + PIXEL_CENTRE) if joint else ((x1 + x2) / 2, (y1 + y2) / 2)
        outside, occluded = int(joint is None), int(joint is not None and bool(joint.hidden))
        points = f"{x:.3f},{y:.3f}"
        yield _element("points", label=name, source="file", outside=outside, occluded=occluded, points=points)


def _numbered(shape: ElementTree.Element, person: AnnotatedPerson) -> ElementTree.Element:
    attribute = _element("attribute", name=INDEX)
    attribute.text = str(person.index)
    shape.append(attribute)
    return shape


def cvat_labels(skeleton: Skeleton) -> list[dict[str, Any]]:
    """For the tab "Raw" of CVAT's label constructor: the person's skeleton, and the rectangle around them."""
    number = {"name": INDEX, "mutable": False, "input_type": "text", "default_value": "", "values": [""]}
    sublabels = [{"name": name, "type": "points", "attributes": []} for name in skeleton.keypoints]
    figure = {"name": PERSON, "type": "skeleton", "attributes": [number], "sublabels": sublabels}
    box = {"name": BOX, "type": "rectangle", "attributes": [number]}
    return [figure | {"svg": _figure_svg(skeleton)}, box]


def _figure_svg(skeleton: Skeleton) -> str:
    """The figure that the constructor shows: edges between nodes, which are numbered from 1 as the sublabels are."""
    nodes = {name: number for number, name in enumerate(skeleton.keypoints, start=1)}
    lines = []
    for limb in skeleton.limbs:
        (x1, y1), (x2, y2) = _standing(limb.a), _standing(limb.b)
        ends = f'data-node-from="{nodes[limb.a]}" data-node-to="{nodes[limb.b]}"'
        place = f'x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"'
        lines.append(f'<line {place} stroke="black" stroke-width="0.5" data-type="edge" {ends}></line>')
    for name, node in nodes.items():
        x, y = _standing(name)
        which = f'data-element-id="{node}" data-node-id="{node}" data-label-name="{name}"'
        place = f'r="1.5" cx="{x}" cy="{y}" stroke="black" stroke-width="0.1" fill="#b3b3b3"'
        lines.append(f'<circle {place} data-type="element node" {which}></circle>')
    return "".join(lines)


def _standing(name: str) -> tuple[int, int]:
    x, y = STANDING[name.removeprefix("left_").removeprefix("right_")]
    return (100 - x if name.startswith("right_") else x), y


def unnameable(photo: AnnotatedPhoto) -> str:
    """What is said of a photo that XML cannot name."""
    return f"{printable(photo.name)} has a name that XML cannot hold\n  -> rename it"
