"""Corrected poses as YOLO-pose text: a line a person, `0 x y w h` and `x y visible` a joint, in parts of a picture."""

from __future__ import annotations

from pose_contract.records import ImagePoses
from pose_contract.skeletons import Skeleton
from stage_kit.export.corrected import points_of


def yolo_pose_text(poses: ImagePoses, skeleton: Skeleton) -> str:
    """The lines of one picture; nothing where nobody is. Boxes are clipped to the picture."""
    lines = []
    for person in poses.people:
        x1, x2 = (min(max(x, 0.0), poses.width) / poses.width for x in person.box.xyxy[::2])
        y1, y2 = (min(max(y, 0.0), poses.height) / poses.height for y in person.box.xyxy[1::2])
        numbers = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
        points = points_of({point.name: (point.x, point.y) for point in person.keypoints}, skeleton)
        joints = " ".join(f"{x / poses.width:.6f} {y / poses.height:.6f} {seen}" for x, y, seen in points)
        lines.append(f"0 {' '.join(f'{value:.6f}' for value in numbers)} {joints}\n")
    return "".join(lines)
