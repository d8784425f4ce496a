"""Faces made unrecognisable: where heads are by a pose and its box, and a picture of which nothing is left there. Pure.

Frame: image pixels, origin top-left. It fails closed: somebody whose head is not surely known loses the whole upper
part of the box.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Floats = NDArray[np.floating]
Points = dict[str, NDArray[np.float64]]

SURE = 0.3  # least score of a keypoint that tells where a head is
CELLS = 5  # a region's longer side is left with so many cells: a face is two or three of them wide
LEAST_CELL_PX = 4
HELD_SECONDS = 0.5  # a face that is lost in a movie is covered where it was for so long,
HELD_GROWTH = 1.4  # and so much wider, as it may have moved

# A head with its margin has a radius of 17 cm. Each length of a body, in cm at most, gives one; the largest counts,
# as a length that points towards the camera looks short.
RADIUS_CM = 17.0
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
LENGTHS_CM: dict[tuple[str, str], float] = {
    ("left_ear", "right_ear"): 15.0, ("left_eye", "right_eye"): 6.3,
    ("nose", "left_ear"): 12.5, ("nose", "right_ear"): 12.5, ("nose", "left_eye"): 5.0, ("nose", "right_eye"): 5.0,
    ("left_eye", "left_ear"): 10.5, ("right_eye", "right_ear"): 10.5,
    ("head_top", "upper_neck"): 25.0, ("head_top", "neck"): 29.0,
    ("left_shoulder", "right_shoulder"): 40.0,
    ("left_shoulder", "left_hip"): 52.0, ("right_shoulder", "right_hip"): 52.0,
}  # fmt: skip
BOX_LONG_SIDE = 0.06  # of the box's longer side, the least radius; a tall person's head has 0.09
MOST_OF_BOX = 0.5  # of the longer side, the largest radius: a keypoint that went astray makes no wall
BESIDE_BOX = 0.1  # of the sides, so far may a head lie outside its box
ABOVE_BOX = 0.05
NECK_TORSOS, TORSOS = 0.45, 0.6  # an unseen head: so far beyond the shoulders, and its radius

# A bottom-up network has no detector: its boxes end at the last keypoint that was found, and a head that was not lies
# outside. It is within so many cm of the neck, whose scale is told by any limb.
REACH_CM = 45.0
NECK = ("neck", "upper_neck", "left_shoulder", "right_shoulder")
LIMBS_CM: dict[tuple[str, str], float] = {
    **{(f"{side}_{a}", f"{side}_{b}"): length for side in ("left", "right") for a, b, length in (
        ("shoulder", "elbow", 33.0), ("elbow", "wrist", 28.0), ("hip", "knee", 47.0), ("knee", "ankle", 45.0),
    )},
    **{("neck", f"{side}_{name}"): length for side in ("left", "right")
       for name, length in (("shoulder", 21.0), ("hip", 58.0))},
}  # fmt: skip
_OF_KEYPOINTS_PX = 1.5  # a box whose four edges lie so near its outermost keypoints is of these


@dataclass(frozen=True)
class Body:
    """One person: keypoints [J, 2] and scores [J] in the order of the names given, and the box."""

    keypoints_xy: Floats
    scores: Floats
    box_xyxy: Sequence[float]


@dataclass(frozen=True)
class Region:
    """What is covered: the rectangle left, top, right, bottom, or the ellipse inside it."""

    box_xyxy: tuple[float, float, float, float]
    is_round: bool = False

    def grown(self, factor: float) -> Region:
        """The same, so many times larger."""
        x1, y1, x2, y2 = self.box_xyxy
        wide, high = (factor - 1) / 2 * (x2 - x1), (factor - 1) / 2 * (y2 - y1)
        return Region((x1 - wide, y1 - high, x2 + wide, y2 + high), self.is_round)

    def meets(self, other: Region) -> bool:
        """Whether both rectangles share anything."""
        (a1, b1, a2, b2), (c1, d1, c2, d2) = self.box_xyxy, other.box_xyxy
        return a1 < c2 and c1 < a2 and b1 < d2 and d1 < b2


def face_regions(bodies: Iterable[Body], names: Sequence[str]) -> tuple[Region, ...]:
    """What has to be covered so that nobody's face is left; `names` are the skeleton's keypoints, in its order.

    A head that is known by two keypoints of at least `SURE` is a circle. Of anybody else, and where that circle lies
    beside the box, the upper part of the box is covered, and what lies beyond the shoulders as seen from the hips; of
    a box of the keypoints alone also what lies around the neck.
    """
    return tuple(region for body in bodies for region in _regions_of(body, names))


def _regions_of(body: Body, names: Sequence[str]) -> list[Region]:
    points = {
        name: np.asarray(xy, np.float64)
        for name, xy, score in zip(names, body.keypoints_xy, body.scores, strict=True)
        if score >= SURE and np.isfinite(xy).all()
    }
    head = _head_of(points)
    if head is None:
        return _unseen(points, body.box_xyxy) + _outside(body, names)
    x1, y1, x2, y2 = body.box_xyxy
    longer = max(x2 - x1, y2 - y1)
    radius = min(max(_radius_by(points), BOX_LONG_SIDE * longer), max(MOST_OF_BOX * longer, LEAST_CELL_PX))
    circle = _circle(head, radius)
    wide, high = BESIDE_BOX * (x2 - x1), BESIDE_BOX * (y2 - y1)
    inside = x1 - wide <= head[0] <= x2 + wide and y1 - high <= head[1] <= y2 + high
    return [circle] if inside else [circle, *_unseen(points, body.box_xyxy)]


def _outside(body: Body, names: Sequence[str]) -> list[Region]:
    """Where an unseen head may be outside of a box that is of the keypoints alone; nothing for a detector's box."""
    found = {
        name: np.asarray(xy, np.float64)
        for name, xy, score in zip(names, body.keypoints_xy, body.scores, strict=True)
        if score > 0 and np.isfinite(xy).all()
    }
    xy = np.array(list(found.values()), np.float64).reshape(-1, 2)
    box = np.asarray(body.box_xyxy, np.float64)
    if not len(xy) or np.abs(np.concatenate([xy.min(axis=0), xy.max(axis=0)]) - box).max() > _OF_KEYPOINTS_PX:
        return []
    x1, y1, x2, y2 = (float(edge) for edge in box)
    longer = max(x2 - x1, y2 - y1)
    radius = max(_radius_by(found, LENGTHS_CM | LIMBS_CM), BOX_LONG_SIDE * longer, LEAST_CELL_PX)
    regions = [_circle(found[name], radius) for name in FACE if name in found]
    neck = [found[name] for name in NECK if name in found]
    if neck:
        return [*regions, _circle(np.mean(neck, axis=0), REACH_CM / RADIUS_CM * radius)]
    return [*regions, Region((x1 - longer / 2, y1 - longer, x2 + longer / 2, y1))]  # legs alone: as high again


def _head_of(points: Points) -> NDArray[np.float64] | None:
    """The head's middle; None where it is not surely known."""
    ends = [points[name] for name in ("head_top", "upper_neck", "neck") if name in points][:2]
    if "head_top" in points and len(ends) == 2:
        return (ends[0] + ends[1]) / 2
    face = np.array([points[name] for name in FACE if name in points], np.float64)
    middle: NDArray[np.float64] | None = (face.min(axis=0) + face.max(axis=0)) / 2 if len(face) >= 2 else None
    return middle


def _radius_by(points: Points, lengths_cm: dict[tuple[str, str], float] = LENGTHS_CM) -> float:
    lengths = (
        RADIUS_CM / usual * float(np.linalg.norm(points[a] - points[b]))
        for (a, b), usual in lengths_cm.items()
        if a in points and b in points
    )
    return max(lengths, default=0.0)


def _unseen(points: Points, box_xyxy: Sequence[float]) -> list[Region]:
    """What may hold the head of somebody in this box: of a lying person's all of it."""
    x1, y1, x2, y2 = (float(edge) for edge in box_xyxy)
    wide, high = x2 - x1, y2 - y1
    share = 0.35 if high >= 2 * wide else 0.6 if high >= wide else 1.0
    regions = [Region((x1, y1 - ABOVE_BOX * high, x2, y1 + share * high))]
    sides = [[points[f"{side}_{name}"] for side in ("left", "right") if f"{side}_{name}" in points] for name in _TRUNK]
    if all(sides):
        shoulders, hips = (np.array(side, np.float64).mean(axis=0) for side in sides)
        regions.append(
            _circle(shoulders + NECK_TORSOS * (shoulders - hips), TORSOS * float(np.linalg.norm(shoulders - hips)))
        )
    return regions


_TRUNK = ("shoulder", "hip")


def _circle(middle: NDArray[np.float64], radius: float) -> Region:
    x, y = (float(value) for value in middle)
    return Region((x - radius, y - radius, x + radius, y + radius), is_round=True)


def without_faces(picture_rgb: Picture, regions: Iterable[Region]) -> Picture:
    """A new picture, RGB uint8 [H, W, 3], in which every region is some flat cells, `CELLS` along its longer side."""
    canvas = np.ascontiguousarray(picture_rgb).copy()
    for region in regions:
        _cover(canvas, region)
    return canvas


def _cover(canvas: Picture, region: Region) -> None:
    height, width = canvas.shape[:2]
    if not np.isfinite(region.box_xyxy).all():
        return
    x1, y1 = (
        int(np.floor(np.clip(edge, 0, side))) for edge, side in zip(region.box_xyxy, (width, height), strict=False)
    )
    x2, y2 = (
        int(np.ceil(np.clip(edge, 0, side))) for edge, side in zip(region.box_xyxy[2:], (width, height), strict=True)
    )
    if x2 <= x1 or y2 <= y1:
        return
    part = canvas[y1:y2, x1:x2]
    left, top, right, bottom = region.box_xyxy
    cell = max(max(right - left, bottom - top) / CELLS, LEAST_CELL_PX)
    cells_wh = max(1, round((x2 - x1) / cell)), max(1, round((y2 - y1) / cell))
    few = cv2.resize(part, cells_wh, interpolation=cv2.INTER_AREA)
    flat = cv2.resize(few, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
    if not region.is_round:
        part[:] = flat
        return
    y, x = np.ogrid[y1:y2, x1:x2]
    middle_x, middle_y = (left + right - 1) / 2, (top + bottom - 1) / 2
    inside = ((x - middle_x) / ((right - left) / 2)) ** 2 + ((y - middle_y) / ((bottom - top) / 2)) ** 2 <= 1
    part[inside] = flat[inside]


@dataclass
class FacesInMovie:
    """Covers in a movie's frames, one after the other, also a face that was there a moment ago and is found no more."""

    _known: list[tuple[float, Region]] = field(default_factory=list)

    def regions(self, t_seconds: float, now: Sequence[Region]) -> tuple[Region, ...]:
        """Those of this frame, and those of the last half second where nothing is covered now."""
        lost = [
            (moment, region)
            for moment, region in self._known
            if t_seconds - moment <= HELD_SECONDS and not any(region.meets(other) for other in now)
        ]
        self._known = [*lost, *((t_seconds, region) for region in now)]
        return (*now, *(region.grown(HELD_GROWTH) for _, region in lost))
