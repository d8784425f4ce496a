"""Which rectangle and which joints are one person's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from stage_kit.export.annotated import AnnotatedPerson, Joint

MAX_NUMBER = 1_000_000
"""No coordinate, percentage or side is larger; what a photo allows is looked at later."""
TURNED = "has a box that is turned, and ours stand upright"
BoxXyxy = tuple[float, float, float, float]


@dataclass
class BoxShape:
    """A rectangle: its edges, the group that it is in (`""`: none), the number of its person; whether it is turned."""

    edges_xyxy: BoxXyxy
    group: str = ""
    index: int | None = None
    turned: bool = False


@dataclass
class FigureShape:
    """Joints that belong together, likewise."""

    group: str = ""
    index: int | None = None
    joints: list[Joint] = field(default_factory=list)


def people_of_shapes(boxes: Sequence[BoxShape], figures: Sequence[FigureShape]) -> tuple[AnnotatedPerson, ...]:
    """Everybody in a picture: rectangles in their order with their joints, then joints that have no rectangle.

    Joints go to the rectangle of their group; else to that of their number; else, where neither says whose they are, to
    the smallest rectangle around all of them.
    """
    owner: dict[int, FigureShape] = {}
    alone = []
    for figure in figures:
        position = next((place for place in _candidates(boxes, figure) if place not in owner), None)
        if position is None:
            alone.append(figure)
        else:
            owner[position] = figure
    people = []
    for position, box in enumerate(boxes):
        joints = tuple(owner[position].joints) if position in owner else None
        index = box.index if box.index is not None or position not in owner else owner[position].index
        people.append(AnnotatedPerson(index, box.edges_xyxy, joints))
    return (*people, *(AnnotatedPerson(figure.index, None, tuple(figure.joints)) for figure in alone))


def _candidates(boxes: Sequence[BoxShape], figure: FigureShape) -> Iterable[int]:
    """Positions of rectangles that may be the figure's, the likeliest first."""
    places = range(len(boxes))
    if figure.group:
        yield from (place for place in places if boxes[place].group == figure.group)
    if figure.index is not None:
        yield from (place for place in places if boxes[place].index == figure.index and not boxes[place].group)
        return
    around = (place for place in places if not boxes[place].group and boxes[place].index is None)
    yield from sorted((place for place in around if _holds(boxes[place], figure.joints)), key=lambda p: _area(boxes[p]))


def _holds(box: BoxShape, joints: Iterable[Joint]) -> bool:
    x1, y1, x2, y2 = box.edges_xyxy
    return all(x1 - 1 <= joint.x <= x2 + 1 and y1 - 1 <= joint.y <= y2 + 1 for joint in joints)


def _area(box: BoxShape) -> float:
    x1, y1, x2, y2 = box.edges_xyxy
    return abs((x2 - x1) * (y2 - y1))


def smallest_around(boxes: Sequence[BoxShape], joint: Joint) -> int | None:
    """The position of the smallest rectangle around one joint; None where there is none."""
    around = [place for place, box in enumerate(boxes) if _holds(box, [joint])]
    return min(around, key=lambda place: _area(boxes[place]), default=None)
